"""A stream that a model answers: what it is asked, and the truth a step later. Rule: the same stream, the same events."""

import json
from collections.abc import Iterator, Mapping, Sequence
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
    """The electricity prices of examples/elec2: is the price going up in this half hour?"""
    features, up = read_stream()
    examples = [
        Example(dict(zip(FEATURES, row, strict=True)), UP if is_up else DOWN)
        for row, is_up in zip(features.tolist(), up.tolist(), strict=True)
    ]
    return Stream(MODEL, examples, FIRST_MS, HALF_HOUR_MS)


def examples_of(records: Iterator[Record] | Sequence[Record], model: str, from_ms: int) -> list[Example]:
    """Predictions of `model` since `from_ms` that have a label, in the order of the predictions.

    A label that came again is a correction: the last one counts.
    """
    asked: dict[str, Mapping[str, float]] = {}
    answers: dict[str, str] = {}
    for record in records:
        event = json.loads(record.value or b"{}")
        if event.get("model") != model:
            continue
        if "label" in event:
            answers[event["prediction_id"]] = event["label"]
        elif event["at_ms"] >= from_ms:
            asked[event["prediction_id"]] = event["features"]
    return [Example(features, answers[key]) for key, features in asked.items() if key in answers]
