"""The signals of a model: what they are called and what type their values have."""

from dataclasses import dataclass
from enum import StrEnum


class SignalType(StrEnum):
    """What the values of a signal are."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Signal:
    """One monitored quantity, named by its path in the event.

    Such as `features.age`, `prediction`, `scores.yes`, `latency_ms`; `failed` is whether its `error` is set.
    """

    name: str
    type: SignalType


@dataclass(frozen=True, slots=True)
class Schema:
    """The signals of a model, in the order of their columns.

    `others` are features that its events carry too but that are not monitored: decoders must know their names
    to tell them from features that are new.
    """

    signals: tuple[Signal, ...]
    others: tuple[str, ...] = ()
