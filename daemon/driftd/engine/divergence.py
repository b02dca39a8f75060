"""Whether labels say what was expected without them. Rule: each period is settled once, when its labels are complete.

First periods teach what is to be expected; the others are compared with it, and teach it too, LAG periods later, if
nothing has spoken against it since: to let those teach that look well themselves would teach to expect too much. A
period bets that it does worse than expected: z = (worse - 3 errors of
what was learned) / (the error of its labels), and wins exp(l z - l^2 / 2) for a few l, by the rules of `Stakes`. The
time staked is that of the period, or its labels where the budget counts events.

How much z scatters beyond what labels alone explain, as where errors come in bursts, is learned from the periods too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np

from driftd.config import Budget
from driftd.detectors.base import Claim, Effect, Finding
from driftd.engine.shares import DIVERGENCE_SHARE
from driftd.labelling.finding import percent
from driftd.labelling.stakes import ERRORS, OVER, Stakes
from driftd.performance.expected import Divergence
from driftd.reference.arrays import array_to_json, floats_from_json
from driftd.reference.cycle import DAY_MS
from driftd.reference.panes import Place

SIZES: Final = np.array([0.5, 1.0, 2.0, 3.0])
"""In errors of a period: for what sizes of a divergence the bets are made."""
CAP: Final = 5.0
"""No bet holds more than so many budgets, so that it can be lost in a few periods."""
STRENGTH_MAX: Final = 1e6
PRIOR_PERIODS: Final = 4.0
PRIOR_SCATTER: Final = 2.0
"""Until more is known z is taken to scatter twice as much, as if four periods had shown it,"""
SCATTER_MAX: Final = 9.0
"""and no period teaches that it scatters more than this: one that is a finding is none of scatter."""
LAG: Final = 4
CALM: Final = 2.0
"""Nothing speaks against what is expected while no bet has won more than this, in nats, since it began to win."""
GROWTH: Final = 16
"""What is expected is learned of so many times the labels of a reference at most."""
SIGNAL: Final = "performance.divergence"
DETECTOR: Final = "estimate"
BASES: Final = {
    "accuracy": "{after} of {events} labelled predictions are right, where {before} were to be expected",
    "mae": "{events} labelled predictions are off by {after} on average, where {before} was to be expected",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A period to be compared: from `start_ms` on, for `length_ms`, with so many `labels`."""

    number: int
    start_ms: int
    length_ms: int
    labels: int
    divergence: Divergence


class DivergenceWatch:
    """The bets on what labels say against what was expected. `budget` is in milliseconds, or in labels.

    `squares` of z, of so many `periods`, tell how it scatters. `sums` (3, bets) are labels, and these times what was
    expected and what came, since each bet has been winning. `latest` are numbers of periods that may teach yet.
    """

    def __init__(self, budget: Budget) -> None:
        span = budget.per_days * DAY_MS if budget.per_events is None else float(budget.per_events)
        self.by_events = budget.per_events is not None
        self.budget = span / (budget.false_alarms * DIVERGENCE_SHARE)
        self.stakes = Stakes(len(SIZES), self.budget, CAP)
        self.squares, self.periods = 0.0, 0
        self.sums = np.zeros((3, len(SIZES)))
        self.name = ""
        self.latest: list[int] = []
        self.is_raised = False

    @property
    def evidence(self) -> float:
        """Of all bets together, in budgets."""
        return float(self.stakes.held.sum()) / self.budget

    @property
    def is_calm(self) -> bool:
        """Whether nothing speaks against what is expected."""
        return not self.is_raised and float(self.stakes.excursions.max()) < CALM

    def compare(self, period: Compared) -> int | None:
        """Take a period that is complete; the number of an earlier one that may teach now, None if none may."""
        found = period.divergence
        scatter = (PRIOR_PERIODS * PRIOR_SCATTER + self.squares) / (PRIOR_PERIODS + self.periods)
        error = found.error * sqrt(max(scatter, 1.0))
        z = (found.worse - ERRORS * found.learned_error) / error if error > 0 else 0.0
        time = period.labels if self.by_events else period.length_ms
        staked = np.full(len(SIZES), time / len(SIZES))
        wins = SIZES * z - SIZES * SIZES / 2
        anew = self.stakes.step(wins, staked, period.number, period.start_ms)
        self.sums[:, anew] = 0.0
        self.sums += np.array([[1.0], [found.expected], [found.realised]]) * period.labels
        self.name = found.name
        self.is_raised = self.evidence >= (OVER if self.is_raised else 1.0)
        if not self.is_raised:
            self.squares += min(found.deviations**2, SCATTER_MAX)
            self.periods += 1
        self.latest.append(period.number)
        if len(self.latest) <= LAG:
            return None
        earlier = self.latest.pop(0)
        return earlier if self.is_calm else None

    def finding(self, place_of: Callable[[int, int], Place], learned_labels: float) -> Finding | None:
        """What holds, None if nothing does; `place_of` the number and time of a period is where it began."""
        if not self.is_raised:
            return None
        lead = int(self.stakes.excursions.argmax())
        labels, *sums = self.sums[:, lead].tolist()
        before, after = (total / max(labels, 1.0) for total in sums)
        onset = place_of(*self.stakes.onset(np.arange(len(SIZES))))
        strength = min(max(self.evidence, 1.0), STRENGTH_MAX)
        claim = Claim(
            self._sentence(before, after, labels, learned_labels), (self.name,), before, after, int(labels)
        )
        return Finding(
            SIGNAL, Effect.DIVERGES, DETECTOR, strength, 1.0, onset, weighed=True, claim=claim
        )  # fmt: skip

    def _sentence(self, before: float, after: float, labels: float, learned_labels: float) -> str:
        is_share = self.name == "accuracy"
        told = [percent(value) if is_share else f"{value:.4g}" for value in (before, after)]
        came = BASES[self.name].format(before=told[0], after=told[1], events=f"{labels:,.0f}")
        return f"{came} by what {learned_labels:,.0f} labels before had taught: the concept has changed"

    def state(self) -> dict[str, Any]:
        """All that is needed to go on exactly like this."""
        return {name: getattr(self, name) for name in NUMBERS} | {
            "latest": list(self.latest),
            "stakes": self.stakes.state(),
            "sums": array_to_json(self.sums),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name in NUMBERS:
            setattr(self, name, document[name])
        self.latest = list(document["latest"])
        self.stakes.restore(document["stakes"])
        self.sums = floats_from_json(document["sums"]).copy()


NUMBERS: Final = ("squares", "periods", "name", "is_raised")
