"""A stream that a model answers, and the truth a step later. Rule: the same stream makes the same events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftd.contract.record import Record
from examples.elec2.make_recording import FEATURES, FIRST_MS, HALF_HOUR_MS, MODEL, read_stream
from examples.retraining.model import DOWN, UP, Example, best

PREDICTIONS, LABELS = "predictions", "labels"


@dataclass(frozen=True, slots=True)
class Stream:
    """Examples, one each `step_ms` from `first_ms` on, in milliseconds since 1970 UTC."""

    model: str
    examples: Sequence[Example]
    first_ms: int
    step_ms: int

    def at_ms(self, row: int) -> int:
        """When the model is asked about `row`."""
        return self.first_ms + row * self.step_ms

    def row_at(self, at_ms: int) -> int:
        """The last row that the model was asked about by then."""
        return (at_ms - self.first_ms) // self.step_ms

    def prediction(self, row: int, version: str, scores: Mapping[str, float]) -> Record:
        """What `version` answers to `row`."""
        event = {
            "prediction_id": f"{self.model}-{row}",
            "model": self.model,
            "model_version": version,
            "at_ms": self.at_ms(row),
            "features": self.examples[row].features,
            "prediction": best(scores),
            "scores": scores,
        }
        return self._record(PREDICTIONS, row, self.at_ms(row), event)

    def label(self, row: int) -> Record:
        """What would have been right for `row`, known a step later."""
        at_ms = self.at_ms(row + 1)
        event = {
            "prediction_id": f"{self.model}-{row}",
            "model": self.model,
            "label": self.examples[row].answer,
            "at_ms": at_ms,
        }
        return self._record(LABELS, row, at_ms, event)

    def _record(self, topic: str, row: int, at_ms: int, event: Mapping[str, object]) -> Record:
        value = json.dumps(event, separators=(",", ":")).encode()
        return Record(topic, 0, row, at_ms, self.model.encode(), value)


def elec2() -> Stream:
    """The electricity prices of examples/elec2: whether the price goes up."""
    features, up = read_stream()
    examples = [
        Example(dict(zip(FEATURES, row, strict=True)), UP if is_up else DOWN)
        for row, is_up in zip(features.tolist(), up.tolist(), strict=True)
    ]
    return Stream(MODEL, examples, FIRST_MS, HALF_HOUR_MS)


class Collected:
    """Predictions of `model` since `from_ms` and their labels, as they come; `latest_ms` is the time of the latest."""

    def __init__(self, model: str, from_ms: int) -> None:
        self.latest_ms = 0
        self._model, self._from_ms = model, from_ms
        self._asked: dict[str, Mapping[str, float]] = {}
        self._answers: dict[str, str] = {}

    def add(self, value: bytes | None) -> None:
        """Take the value of a record; a label that comes again is a correction."""
        event = json.loads(value or b"{}")
        if event.get("model") != self._model:
            return
        self.latest_ms = max(self.latest_ms, event["at_ms"])
        if "label" in event:
            self._answers[event["prediction_id"]] = event["label"]
        elif event["at_ms"] >= self._from_ms:
            self._asked[event["prediction_id"]] = event["features"]

    def examples(self) -> list[Example]:
        """What has a label, in the order of the predictions."""
        answers = self._answers
        return [Example(features, answers[key]) for key, features in self._asked.items() if key in answers]
