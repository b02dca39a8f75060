"""What a model's first events teach: its features, their types, what it predicts. Rule: bounded, and by majority."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from driftd.config import Features, Limits
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


def learn_schema(rows: Sequence[Row], features: Features, limits: Limits) -> tuple[Schema, int]:
    """The signals that `rows` (at least one) show, and how many features were left out because of `features_max`."""
    seen: dict[str, Counter[SignalType]] = {}
    for row in rows:
        for name, value in row.features.items():
            counter = seen.get(name)
            if counter is None:
                counter = seen[name] = Counter()
            if value is not None:
                counter[type_of(value)] += 1
    wanted = [name for name in seen if _is_wanted(name, features)]
    signals = [Signal(f"features.{name}", _majority(seen[name])) for name in wanted[: limits.features_max]]
    kinds = Counter(type_of(row.prediction) for row in rows if row.prediction is not None)
    signals.append(Signal("prediction", _majority(kinds)))
    classes: dict[str, None] = {}
    for row in rows:
        if len(classes) < limits.score_classes_max:
            classes.update(dict.fromkeys(row.scores or ()))
    signals += [
        Signal(f"scores.{name}", SignalType.NUMBER) for name in list(classes)[: limits.score_classes_max]
    ]
    if any(row.latency_ms is not None for row in rows):
        signals.append(Signal("latency_ms", SignalType.NUMBER))
    signals.append(Signal("failed", SignalType.BOOLEAN))
    watched = set(wanted[: limits.features_max])
    others = tuple(name for name in seen if name not in watched)[: limits.event_features_max]
    return Schema(tuple(signals), others), max(len(wanted) - limits.features_max, 0)


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


def _is_wanted(name: str, features: Features) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in features.ignore):
        return False
    return not features.include or any(fnmatchcase(name, pattern) for pattern in features.include)
