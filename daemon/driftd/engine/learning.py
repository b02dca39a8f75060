"""What a model's first events teach: its features, their types, what it predicts. Rule: bounded, and by majority."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from driftd.decode.native import SCORE
from driftd.decode.schema import Schema, Signal, SignalType

CLASSES_BY_NUMBER_MAX = 20
"""Whole-number predictions with at most so many different values are classes, with more they are quantities."""


class Task(StrEnum):
    """What a model does, as far as labels are compared with its predictions."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Row(Protocol):
    """A prediction event as it is before its model is known."""

    @property
    def features(self) -> Mapping[str, object]:
        """Values by name."""
        ...

    @property
    def prediction(self) -> object:
        """What the model answered."""
        ...

    @property
    def scores(self) -> Mapping[str, float] | None:
        """Probabilities by class."""
        ...

    @property
    def latency_ms(self) -> float | None:
        """How long the model took."""
        ...


def learn_schema(rows: Sequence[Row], others: tuple[str, ...]) -> Schema:
    """The signals that `rows` (at least one) show; `others` are features that events have and nobody watches."""
    seen: dict[str, Counter[SignalType]] = {}
    classes: dict[str, None] = {}
    for row in rows:
        classes.update(dict.fromkeys(row.scores or ()))
        for name, value in row.features.items():
            counter = seen.get(name)
            if counter is None:
                counter = seen[name] = Counter()
            if value is not None:
                counter[type_of(value)] += 1
    signals = [Signal(f"features.{name}", _majority(counter)) for name, counter in seen.items()]
    kinds = Counter(type_of(row.prediction) for row in rows if row.prediction is not None)
    signals.append(Signal("prediction", _majority(kinds)))
    signals += [Signal(f"scores.{name}", SignalType.NUMBER) for name in classes]
    if any(row.latency_ms is not None for row in rows):
        signals.append(Signal("latency_ms", SignalType.NUMBER))
    signals.append(Signal("failed", SignalType.BOOLEAN))
    return Schema(tuple(signals), others)


def learn_task(rows: Sequence[Row], configured: str) -> Task:
    """What the model does: as configured, or as the predictions of `rows` look where that is "auto"."""
    if configured != "auto":
        return Task(configured)
    predictions = [row.prediction for row in rows if row.prediction is not None]
    numbers = [
        value for value in predictions if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) * 2 <= len(predictions) or any(row.scores for row in rows):
        return Task.CLASSIFICATION
    whole = all(float(value).is_integer() for value in numbers)
    few = len(set(numbers)) <= CLASSES_BY_NUMBER_MAX
    return Task.CLASSIFICATION if whole and few else Task.REGRESSION


def task_of(schema: Schema, configured: str) -> Task:
    """What the model of a reference from a file does: as configured, or as its signals look."""
    if configured != "auto":
        return Task(configured)
    number = any(s.name == "prediction" and s.type is SignalType.NUMBER for s in schema.signals)
    scored = any(s.name.startswith("scores.") for s in schema.signals)
    return Task.REGRESSION if number and not scored else Task.CLASSIFICATION


def type_of(value: object) -> SignalType:
    """The type of signal that `value`, which is not missing, speaks for."""
    if isinstance(value, bool):
        return SignalType.BOOLEAN
    return SignalType.NUMBER if isinstance(value, int | float) else SignalType.CATEGORY


def _majority(counter: Counter[SignalType]) -> SignalType:
    """The most frequent type; where two are equally frequent, the one in the order of SignalType."""
    return max(SignalType, key=lambda kind: counter[kind])


def score_rows(schema: Schema | None) -> list[int]:
    """Rows of the scores among the numbers of `schema`."""
    signals = () if schema is None else schema.signals
    names = [signal.name for signal in signals if signal.type is not SignalType.CATEGORY]
    return [row for row, name in enumerate(names) if name.startswith(SCORE)]


def score_classes(schema: Schema | None) -> tuple[str, ...]:
    """The classes of the scores of `schema`, in their order."""
    signals = () if schema is None else schema.signals
    return tuple(s.name.removeprefix(SCORE) for s in signals if s.name.startswith(SCORE))
