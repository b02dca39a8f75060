"""A model that answers with classes, and its labels, which may go wrong from CHANGE on."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from driftd.config_text import load_config
from driftd.contract.record import Record
from streams import FIRST_MS

LABELS = """
[defaults.reference]
learn_events = 50
reference_events = 1100
grow_days = 0
[defaults.budget]
per_days = 30.0
[defaults.labels]
reference_events = 1000
"""
CONFIG = load_config(LABELS, "labels.toml")
CLASSES = ("cat", "cow", "dog", "hen", "pig")
HANDS = ("ann", "ben", "cy", "dee")
STEP_MS = 1000
DELAY = 5
CHANGE = 4000

Labelled = tuple[object, str | None]
Labeller = Callable[[int, Any, random.Random], Sequence[Labelled]]


def records(count: int, labels: Labeller, answers: Sequence[object] = CLASSES, seed: int = 1) -> list[Record]:
    """`count` predictions, one a second, and the labels of each, five seconds later."""
    rng = random.Random(seed)
    offsets = {"predictions": 0, "labels": 0}
    told: list[Record] = []
    said: list[object] = []

    def add(topic: str, at_ms: int, event: dict[str, object]) -> None:
        value = json.dumps({**event, "model": "m", "at_ms": at_ms}).encode()
        told.append(Record(topic, 0, offsets[topic], at_ms, None, value))
        offsets[topic] += 1

    for i in range(count):
        at_ms = FIRST_MS + i * STEP_MS
        said.append(rng.choice(answers))
        features = {"a": rng.gauss(0, 1)}
        add("predictions", at_ms, {"prediction_id": f"p{i}", "features": features, "prediction": said[i]})
        if i >= DELAY:
            for answer, annotator in labels(i - DELAY, said[i - DELAY], rng):
                event = {"prediction_id": f"p{i - DELAY}", "label": answer}
                add("labels", at_ms, event | ({} if annotator is None else {"annotator": annotator}))
    return told


def usual(_: int, answer: Any, rng: random.Random) -> list[Labelled]:
    """The model is right in four of five."""
    return [(answer if rng.random() < 0.8 else rng.choice(CLASSES), rng.choice(HANDS))]


def stopping(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
    return [] if i >= CHANGE else usual(i, answer, rng)
