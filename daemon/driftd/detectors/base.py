"""What a detector is. Rule: a detector measures; it never decides whether anybody is told.

There are two families. A `ValueDetector` watches one signal, value by value (River's are of this
kind). A `PaneDetector` watches all signals of a model at once, pane by pane (see `reference.panes`).
Both keep their whole state in numbers that `state()` returns and the constructor of their
`DetectorSpec` takes back, so that a restart is invisible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftd.reference.panes import Pane, Place

OptionValue: TypeAlias = bool | int | float | str
DetectorState: TypeAlias = dict[str, object]


class StaleState(ValueError):
    """A stored state that is not of this detector as it is now (other options, another library): begin it anew."""


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


@dataclass(frozen=True, slots=True)
class Chance:
    """The false-alarm budget as a detector needs it: at most `false_alarms` in `looks` panes.

    That is in `span`, which is milliseconds of event time if `by_time`, else events. A pane holds `pane_events` and in
    the reference took `pane_ms`. Where a reference is worth less than `independent_events_min`, nothing is judged.
    `window_events` are the latest ones, which a detector of windows looks at.
    """

    looks: float
    false_alarms: float
    span: float = 1e6
    by_time: bool = False
    pane_events: int = 1
    pane_ms: float = 1.0
    independent_events_min: float = 0.0
    window_events: int = 1_024

    @property
    def rate(self) -> float:
        """False alarms per event at most."""
        events = self.span / self.pane_ms * self.pane_events if self.by_time else self.span
        return self.false_alarms / events


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


class Effect(StrEnum):
    """What about a signal is not as in the reference."""

    SHIFT = "shift"
    """Its values are distributed otherwise."""
    MISSING = "missing"
    """It is missing more, or less, often."""
    UNSEEN = "unseen"
    """It takes levels that the reference never saw."""
    OUTSIDE = "outside"
    """Its numbers lie far outside the reference's range, as after a change of unit."""
    INVALID = "invalid"
    """Its values are of the wrong type or not finite."""
    SILENCE = "silence"
    """It does not come, or what comes cannot be judged by."""
    RATE = "rate"
    """It comes more, or less, often."""
    BURNS = "burns"
    """It is beyond an objective, so that the error budget will not last."""
    BURNS_FAST = "burns_fast"
    """It is so far beyond an objective that the error budget is gone within days."""
    LABELS = "labels"
    """Labels are made, or come, otherwise; its claim says how."""
    DIVERGES = "diverges"
    """Labels say otherwise than what was expected without them; its claim says how."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is found about something that is no signal, and so has no panes to take figures from.

    `sentence` is for a person; `parties` are whom it is about, in order. `before` and `after` are the figure that the
    sentence tells, which rests on `events`. `segment` names the part of the events that it is most of all about.
    """

    sentence: str
    parties: tuple[str, ...]
    before: float
    after: float
    events: int
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's statement about one signal.

    `strength` is how many times the detector's own limit was reached (>= 1), `share` the share of events
    that the effect touches, `onset` where the change began as far as the detector can tell, `recent_mean` the mean
    since then where it is known apart from the panes. `weighed`: the detector has weighed its evidence over many
    events, so its word needs no holding. `words` say what changed where no pane can show it; a finding with a `claim`
    says itself what is told of it.
    """

    signal: str
    effect: Effect
    detector: str
    strength: float
    share: float
    onset: Place
    recent_mean: float | None = None
    weighed: bool = False
    words: str = ""
    claim: Claim | None = None

    @property
    def key(self) -> str:
        """What tells it from others of its incident: its signal, and whom it is about."""
        return self.signal if self.claim is None else "\t".join((self.signal, *self.claim.parties))


class PaneDetector(Protocol):
    """Watches all signals of a model at once, pane by pane."""

    @property
    def within_budget(self) -> bool:
        """Whether it is expected to keep its share of the budget, as far as it was asked to."""
        ...

    def update(self, panes: Sequence[Pane], windows: Sequence[Sequence[Pane]]) -> list[list[Finding]]:
        """What each of `panes` leads to say, in order.

        For each there is its window: the panes up to it, merged to a bounded number, oldest first.
        """
        ...

    def state(self) -> DetectorState:
        """All that is needed, beside the window, to go on exactly like this detector."""
        ...


ValueBuilder: TypeAlias = Callable[[Mapping[str, OptionValue], Scale, DetectorState | None], ValueDetector]
