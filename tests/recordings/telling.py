"""How a recording is told: events with their times, then records. Rule: only `random()` is drawn, so that it lasts.

What the other methods of `random.Random` draw may change with Python; what `random()` draws is promised not to.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import TypeVar

from driftd.contract.record import Record, Source
from driftd.ticks import tick_record

START_MS = 1_780_304_400_000
"""Monday, 2026-06-01, 09:00 UTC."""
JOURNAL = Source("driftd.journal", 0)
TICK_MS = 30_000
One = TypeVar("One")


def picked(rng: random.Random, things: Sequence[One]) -> One:
    """One of `things`."""
    return things[int(rng.random() * len(things))]


def exponential_s(rng: random.Random, mean_s: float) -> int:
    """A waiting time in whole seconds, 1 at least."""
    return 1 + int(-log(1 - rng.random()) * mean_s)


@dataclass
class Telling:
    """Events of one `model`, in any order; times are seconds since START_MS."""

    model: str
    events: list[tuple[int, str, dict[str, object]]] = field(default_factory=list)

    def predict(self, at_s: int, number: int, answer: object, **more: object) -> None:
        """The prediction `number`; it has one feature, which goes on as it was."""
        features = {"load": number % 10}
        self._add(
            "predictions",
            at_s,
            {"prediction_id": f"p{number}", "features": features, "prediction": answer, **more},
        )

    def label(self, at_s: int, number: int | str, answer: object, annotator: str | None = None) -> None:
        """A label of the prediction `number`, or of another id."""
        prediction_id = f"p{number}" if isinstance(number, int) else number
        event: dict[str, object] = {"prediction_id": prediction_id, "label": answer}
        self._add("labels", at_s, event | ({} if annotator is None else {"annotator": annotator}))

    def records(self, until_s: int, *, ticks: bool = False) -> list[Record]:
        """What happened before `until_s` as records, in order of time; with ticks as a daemon writes them."""
        offsets = {"predictions": 0, "labels": 0}
        told: list[Record] = []
        for at_s, topic, event in sorted(self.events, key=lambda one: one[0]):
            if at_s >= until_s:
                break
            at_ms = START_MS + at_s * 1_000
            value = json.dumps(
                {**event, "model": self.model, "at_ms": at_ms}, separators=(",", ":"), ensure_ascii=False
            )
            told.append(Record(topic, 0, offsets[topic], at_ms, None, value.encode()))
            offsets[topic] += 1
        if ticks:
            told += [
                tick_record(JOURNAL, at_ms)
                for at_ms in range(START_MS + TICK_MS, START_MS + until_s * 1_000, TICK_MS)
            ]
            told.sort(key=lambda record: record.timestamp_ms)
        return told

    def _add(self, topic: str, at_s: int, event: dict[str, object]) -> None:
        self.events.append((at_s, topic, event))
