"""What a detector is. Rule: a detector measures; it never decides whether anybody is told.

There are two families. A `ValueDetector` watches one signal, value by value (River's are of this
kind). A `PaneDetector` watches all signals of a model at once, pane by pane (see `reference.panes`).
Both keep their whole state in numbers that `state()` returns and the constructor of their
`DetectorSpec` takes back, so that a restart is invisible.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray


OptionValue: TypeAlias = bool | int | float | str
DetectorState: TypeAlias = dict[str, object]
"""JSON-ready: numbers, strings, lists and dicts of them; never a pickle."""


class Family(StrEnum):
    """How a detector is fed."""

    PANES = "panes"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class Option:
    """One tunable number of a detector, as it may stand in `[[models.detectors]]`."""

    default: OptionValue
    description: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a signal lies in its reference: what a value is standardised by before a detector sees it.

    `deviation` is the standard deviation in the unit of the signal, 1.0 for a constant signal.
    """

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A change found in a chunk of values.

    `index` is the deciding value's index in that chunk; `length` is how many values up to and
    including it the detector believes to be after the change (1 where it cannot say).
    """

    index: int
    length: int


class ValueDetector(Protocol):
    """Watches one signal, value by value."""

    refused: int
    """How many values were poison (NaN, infinite, absurdly far away) and so were never fed."""

    def update(self, values: NDArray[np.float64]) -> list[Detection]:
        """Feed `values`, shape (n,), in the signal's own unit, in order; poison is counted, not fed."""
        ...

    def state(self) -> DetectorState:
        """All that is needed to go on exactly like this detector."""
        ...


ValueBuilder: TypeAlias = Callable[[Mapping[str, OptionValue], Scale, DetectorState | None], ValueDetector]
