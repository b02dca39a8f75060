"""What each bet holds, and since when it has been winning. Rule: a bet costs its share of time, and nothing else.

M <- L (M + dt), the Shiryaev-Roberts form of an e-detector (Shin, Ramdas, Rinaldo, arXiv 2203.03532): where the
null is true the mean of L is at most 1, so the mean of M grows no faster than the time staked on it, and the sum over
all bets reaches the budget, a number of labels, once in so many labels at most. A claim that needs several things at
once, or has several other explanations, has the *least* of their stakes as evidence: whichever of them the truth is,
the least is no more than the stake against that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.onsets import Onsets
from driftd.labelling.finding import LabelFinding, finding_from_json, finding_to_json
from driftd.reference.arrays import array_to_json, floats_from_json
from driftd.reference.panes import Place

OVER: Final = 0.2
"""A finding lasts until its evidence stays below this share of the budget,"""
QUIET_LOOKS: Final = 16
"""for so many looks."""
CAP: Final = 3_000.0
"""No bet holds more than so many budgets: few unlucky labels do not end a finding, and it can be lost in time."""
WIN_MAX: Final = 40.0
"""The log of what a bet can win, or lose, at once."""
EXCURSION_MAX: Final = 60.0
SLOPE_STEP: Final = 2.0**-16
"""Logs that are multiplied by counts are whole multiples of this, so that their sums are exact in any order."""
ERRORS: Final = 3.0
"""Standard errors by which a bet pays for its reference being finite."""


def stepped(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """`logs` in whole steps."""
    return np.asarray(np.rint(logs / SLOPE_STEP) * SLOPE_STEP, np.float64)


class Stakes:
    """`count` bets with a budget of `budget` labels per false alarm, together; none holds more than `cap` budgets."""

    def __init__(self, count: int, budget: float, cap: float = CAP) -> None:
        self.held_max = cap * budget
        self.held: NDArray[np.float64] = np.zeros(count)
        self.excursions: NDArray[np.float64] = np.zeros(count)
        self.onsets = Onsets((1, count))
        self._stored: dict[str, object] | None = None

    def step(
        self, wins: NDArray[np.float64], staked: NDArray[np.float64], number: int, at_ms: int
    ) -> NDArray[np.bool_]:
        """Take the logs of what each bet wins (count,) on labels from `number` on; which of them begin anew with it.

        `staked` is the time in labels that is put on each; where it is zero nothing is won either.
        """
        self._stored = None
        wins = np.where(staked > 0, np.clip(wins, -WIN_MAX, WIN_MAX), 0.0)
        self.held += staked
        self.held *= np.exp(wins)
        np.minimum(self.held, self.held_max, out=self.held)
        anew = self.excursions <= 0
        self.onsets.step(anew[None, :], Place(at_ms, "", 0, number))
        np.maximum(self.excursions, 0.0, out=self.excursions)
        self.excursions += wins
        np.minimum(self.excursions, EXCURSION_MAX, out=self.excursions)
        return anew

    def onset(self, bets: NDArray[np.int64]) -> tuple[int, int]:
        """Number and time of the label since which the strongest of `bets` has been winning."""
        lead = int(bets[self.excursions[bets].argmax()])
        (place,) = self.onsets.places(np.array([0]), np.array([lead]))
        return place.offset, place.at_ms

    def clear(self, bets: NDArray[np.int64] | slice) -> None:
        """Take back what stands on `bets`: what they were about is gone."""
        self._stored = None
        self.held[bets] = 0.0
        self.excursions[bets] = 0.0

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            # it changes once in a pane, and is asked for with each commit
            self._stored = {
                "held": array_to_json(self.held),
                "excursions": array_to_json(self.excursions),
                "onsets": self.onsets.state(),
            }
        return self._stored

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._stored = None
        self.held = floats_from_json(document["held"]).copy()
        self.excursions = floats_from_json(document["excursions"]).copy()
        self.onsets.restore(document["onsets"])


@dataclass(slots=True)
class Raised:
    """The findings that hold, by a key of their own. Rule: told once, held until the evidence stays away.

    `quiet` is how many looks in a row have found too little for one.
    """

    budget: float
    findings: dict[str, LabelFinding] = field(default_factory=dict)
    quiet: dict[str, int] = field(default_factory=dict)

    def is_new(self, key: str, evidence: float) -> bool:
        """Whether `evidence` of `key` reaches the budget and nothing was told yet; what is over is forgotten."""
        if key not in self.findings:
            return evidence >= self.budget
        self.quiet[key] = self.quiet.get(key, 0) + 1 if evidence < OVER * self.budget else 0
        if self.quiet[key] >= QUIET_LOOKS:
            self.forget(key)
        return False

    def forget(self, key: str) -> None:
        """What the finding `key` was about is gone."""
        self.findings.pop(key, None)
        self.quiet.pop(key, None)

    def state(self) -> dict[str, object]:
        """As JSON."""
        return {
            key: [finding_to_json(finding), self.quiet.get(key, 0)] for key, finding in self.findings.items()
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.findings = {key: finding_from_json(finding) for key, (finding, _) in document.items()}
        self.quiet = {key: int(quiet) for key, (_, quiet) in document.items()}
