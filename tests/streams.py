"""Streams of records to test with: seeded, small, with everything in them that a stream can have."""

import json
import random
from collections.abc import Mapping, Sequence

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record

FIRST_MS = 1_700_000_000_000

SMALL = """
[defaults.reference]
learn_events = 20
reference_events = 120
independent_events_min = 0
grow_days = 0
[defaults.panes]
events = 10
window_events = 40
[defaults.labels]
reference_events = 60
reorder_max = 5
period_ms = 60000
[defaults.retraining]
lasting_drift_panes = 4
cooldown_ms = 1
[defaults.incidents]
keep_open_panes = 3
[[defaults.detectors]]
name = "distance"
[[defaults.detectors]]
name = "adwin"
signals = ["error", "loss", "features.a"]
"""


def small_config(more: str = "") -> Config:
    """A configuration that learns in a hundred events. `more` stands before its tables."""
    return load_config(more + SMALL, "small.toml")


def prediction(offset: int, at_ms: int, **fields: object) -> Record:
    """A prediction event as a record; `fields` replace those of a plain one."""
    event: dict[str, object] = {
        "prediction_id": f"p{offset}",
        "model": "m",
        "at_ms": at_ms,
        "features": {"a": 1.0},
        "prediction": "yes",
    }
    value = json.dumps({**event, **fields}).encode()
    return Record("predictions", 0, offset, at_ms, None, value)


def label(offset: int, at_ms: int, prediction_id: str, answer: object, model: str = "m") -> Record:
    """A label event as a record."""
    event = {"prediction_id": prediction_id, "model": model, "label": answer, "at_ms": at_ms}
    return Record("labels", 0, offset, at_ms, None, json.dumps(event).encode())


def control(offset: int, at_ms: int, **fields: object) -> Record:
    """A control event as a record."""
    return Record("driftd.control", 0, offset, at_ms, None, json.dumps({**fields, "at_ms": at_ms}).encode())


def store(stored: dict[str, bytes], changes: Mapping[str, bytes | None]) -> None:
    """Do with `stored` entries as a compacted topic does: None deletes one."""
    for key, value in changes.items():
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value


class Story:
    """Makes a stream of several models with everything in it.

    Inputs drift, errors rise, labels come late, early, twice or never, versions change, and some records are no
    events at all.
    """

    def __init__(self, seed: int, events: int = 400, models: int = 2) -> None:
        self.random = random.Random(seed)
        self.events = events
        self.models = [f"m{i}" for i in range(models)]
        self.offsets = {"predictions": 0, "labels": 0, "driftd.control": 0}
        self.records: list[Record] = []
        self.waiting: list[tuple[int, str, str, str]] = []

    def tell(self) -> list[Record]:
        """The records, in applied order."""
        for step in range(self.events):
            at_ms = FIRST_MS + step * 1000
            late = step > self.events * 0.6
            self._prediction(step, at_ms, late)
            self._labels(step, at_ms, late)
            if self.random.random() < 0.02:
                self._add("predictions", at_ms, self.random.choice([b"{", b"null", b'{"model": "m0"}', None]))
            if self.random.random() < 0.01:
                self._control(at_ms)
        return self.records

    def _prediction(self, step: int, at_ms: int, late: bool) -> None:
        model = self.random.choice(self.models)
        features: dict[str, object] = {
            "a": round(self.random.gauss(3.0 if late else 0.0, 1), 3),
            "b": self.random.choice("xyz" if not late else "xyzw"),
            "c": self.random.random() < 0.5,
        }
        if self.random.random() < 0.05:
            features[self.random.choice("abc")] = self.random.choice([None, "?", 1e9, True])
        answer = self.random.choice(self.answers(model))
        score = round(self.random.random(), 3)
        event = {
            "prediction_id": f"{model}-{step}",
            "model": model,
            "at_ms": at_ms - self.random.choice([0, 0, 5000]),
            "features": features,
            "prediction": answer,
            "scores": {"yes": score, "no": 1 - score},
            "latency_ms": 5.0 + self.random.random(),
        }
        if self.random.random() < 0.3:
            event["model_version"] = "1" if step < self.events * 0.9 else "2"
        self._add("predictions", at_ms, json.dumps(event).encode())
        if self.random.random() < 0.01:
            self._add("predictions", at_ms, json.dumps(event).encode())
        due = step + self.random.choice([-1, 0, 1, 3, 20])
        self.waiting.append((due, model, f"{model}-{step}", answer))

    def _labels(self, step: int, at_ms: int, late: bool) -> None:
        due = [entry for entry in self.waiting if entry[0] <= step]
        self.waiting = [entry for entry in self.waiting if entry[0] > step]
        for _, model, prediction_id, answer in due:
            if self.random.random() < 0.1:
                continue
            wrong = self.random.random() < (0.6 if late else 0.05)
            other, same = self.answers(model)
            if answer == other:
                other, same = same, other
            if self.random.random() < 0.3 and " " in same:
                same = same.replace("um, ", "um… ")
            event = {
                "prediction_id": prediction_id,
                "model": model,
                "label": other if wrong else same,
                "at_ms": at_ms,
            }
            if self.random.random() < 0.9:
                event["annotator"] = self.random.choice(["ann", "ben", "cy"])
            for _ in range(1 if self.random.random() < 0.97 else 2):
                self._add("labels", at_ms, json.dumps(event).encode())
            if self.random.random() < 0.15:
                again = {
                    "annotator": self.random.choice(["ben", "dee"]),
                    "label": self.random.choice([other, same]),
                }
                self._add("labels", at_ms, json.dumps(event | again).encode())

    def answers(self, model: str) -> tuple[str, str]:
        """What `model` says: one answers, the others write down what they heard."""
        return ("yes", "no") if model == "m0" else ("Well, um, it rains.", "Well, um, the sun shines!")

    def _control(self, at_ms: int) -> None:
        model = self.random.choice(self.models)
        command: dict[str, object] = {"type": "command", "who": "test", "model": model}
        until_ms = at_ms + self.random.choice([-1, 30_000, 200_000])
        events: list[dict[str, object]] = [
            {"type": "deployment", "model": model, "model_version": str(self.random.randrange(3, 5))},
            {"type": "tick"},
            {"type": "tick"},
            {**command, "action": "resolve"},
            {**command, "action": "reset"},
            {**command, "action": "acknowledge"},
            {**command, "action": "silence", "until_ms": until_ms, "signals": ["features.*"]},
            {**command, "action": "silence", "until_ms": until_ms},
            {**command, "action": "maintenance", "until_ms": until_ms, "from_ms": at_ms + 10_000},
            {**command, "action": "expire", "silence_id": "sil-unknown"},
            {"type": "nonsense"},
        ]
        event = self.random.choice(events)
        self._add("driftd.control", at_ms, json.dumps({**event, "at_ms": at_ms}).encode())

    def _add(self, topic: str, at_ms: int, value: bytes | None) -> None:
        self.records.append(Record(topic, 0, self.offsets[topic], at_ms, None, value))
        self.offsets[topic] += 1


def pieces(records: Sequence[Record], cuts: Sequence[int]) -> list[Sequence[Record]]:
    """`records` cut at `cuts`."""
    ends = [*sorted(min(cut, len(records)) for cut in cuts), len(records)]
    return [records[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
