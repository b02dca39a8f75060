"""Streams of a model with two classes and scores, in which the inputs, the concept or both change: made of records."""

import json
from dataclasses import dataclass

import numpy as np

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record
from streams import FIRST_MS

PERIOD_MS = 600_000
STEP_MS = 1000
PER_PERIOD = PERIOD_MS // STEP_MS
START_MS = FIRST_MS // PERIOD_MS * PERIOD_MS
DELAY = 30


@dataclass(frozen=True)
class Change:
    """What changes with the prediction number `at`: inputs move by `shift`, of the labels `turned` follow no score.

    Where a `shop` is named, the labels of this one only.
    """

    at: int
    shift: float = 0.0
    turned: float = 0.0
    shop: int | None = None


UNCHANGED = Change(0)


def config(more: str = "", reference: int = 2_000) -> Config:
    """References that are done early; `more` stands before its tables."""
    return load_config(
        f"""{more}
[defaults.reference]
grow_days = 0
[defaults.labels]
period_ms = {PERIOD_MS}
reference_events = {reference}
""",
        "concepts.toml",
    )


def scored(seed: int, count: int, change: Change = UNCHANGED, segments: int = 0) -> list[Record]:
    """A prediction a second, whose score is twice as sure as it may be, and its label half a minute later.

    The feature says nothing of the label; with `segments` predictions are of so many.
    """
    random = np.random.default_rng(seed)
    odds = random.normal(0.0, 2.0, count)
    truth = random.random(count) < 1 / (1 + np.exp(-odds))
    late = np.arange(count) >= change.at if change.turned or change.shift else np.zeros(count, np.bool_)
    shops = np.random.default_rng(seed + 1).integers(0, max(segments, 1), count)
    follows_nothing = late & (random.random(count) < change.turned)
    if change.shop is not None:
        follows_nothing &= shops == change.shop
    truth = np.where(follows_nothing, random.random(count) < 0.5, truth)
    said = 1 / (1 + np.exp(-2 * odds))
    feature = random.normal(0.0, 1.0, count) + np.where(late, change.shift, 0.0)
    records: list[Record] = []
    for i in range(count):
        at_ms = START_MS + i * STEP_MS
        score = float(said[i])
        event: dict[str, object] = {
            "prediction_id": f"p{i}",
            "features": {"a": float(feature[i])},
            "prediction": "yes" if score > 0.5 else "no",
            "scores": {"yes": score, "no": 1 - score},
        }
        if segments:
            event["segment"] = {"shop": str(shops[i])}
        records.append(_record("predictions", i, at_ms, event))
        if i >= DELAY:
            label = "yes" if truth[i - DELAY] else "no"
            records.append(
                _record("labels", i - DELAY, at_ms, {"prediction_id": f"p{i - DELAY}", "label": label})
            )
    return records


def _record(topic: str, offset: int, at_ms: int, event: dict[str, object]) -> Record:
    return Record(topic, 0, offset, at_ms, None, json.dumps({**event, "model": "m", "at_ms": at_ms}).encode())
