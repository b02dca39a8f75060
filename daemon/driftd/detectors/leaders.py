"""Which signals carry the evidence, in what way, since when and how strongly. Rule: measured, for all of them at once.

Evidence says only that something is wrong. What a person is told of each signal comes from its strongest bet: what
the bet is about, where its excursion began, and how much the panes since then speak against the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Effect, Finding
from driftd.detectors.bets import Bets
from driftd.detectors.onsets import Onsets
from driftd.reference.layout import COARSE
from driftd.reference.panes import Pane, Place
from driftd.reference.tilts import GROUPS, Group

EFFECTS: Final = {Group.MISSING: Effect.MISSING, Group.INVALID: Effect.INVALID, Group.VALUE: Effect.SHIFT}
BINS: Final[Mapping[Group, list[int]]] = {
    Group.MISSING: [COARSE.missing],
    Group.INVALID: [COARSE.invalid],
    Group.OUTSIDE: [COARSE.below, COARSE.above],
}
GROUP_OF_BET: Final = np.array([group == GROUPS for group in Group])


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the bets on s signals hold: `stakes` and `excursions` (s, 29), of which `limit` is the budget's length.

    `log_limit` is the same as a sum of the logs of what a bet won; a signal leads from `share` of the limit on.
    """

    stakes: NDArray[np.float32]
    excursions: NDArray[np.float32]
    limit: float
    log_limit: float
    share: float


def leaders(
    bets: Bets, weighed: Weighed, onsets: Onsets, window: Sequence[Pane], detector: str
) -> list[Finding]:
    """The findings of `detector` about the signals that hold most of the stakes, strongest first.

    `window` are the latest panes, merged, oldest first.
    """
    of_groups = weighed.stakes @ GROUP_OF_BET.T.astype(np.float32)
    of_signals = of_groups.sum(axis=1)
    least = min(weighed.share * weighed.limit, float(of_signals.max()))
    chosen = np.flatnonzero(of_signals >= least)
    groups = of_groups[chosen].argmax(axis=1)
    for special in (Group.OUTSIDE, Group.INVALID):
        # values beyond the range are no mere shift, and values of another type are not even that
        groups[of_groups[chosen, special] >= weighed.share * weighed.limit] = special
    allowed = GROUP_OF_BET[groups] & (bets.weights[chosen] > 0)
    lead = np.where(allowed, weighed.excursions[chosen], -np.inf).argmax(axis=1)
    places = onsets.places(chosen, lead)
    counts = _counts_since(window, chosen, places)
    nats = np.maximum(weighed.excursions[chosen, lead], _divergence(bets, chosen, lead, counts))
    strengths = np.maximum(nats / weighed.log_limit, 1.0)
    found: list[Finding] = []
    for i, s in enumerate(chosen.tolist()):
        group = Group(int(groups[i]))
        effect = EFFECTS.get(group) or (Effect.OUTSIDE if bets.number[s] else Effect.UNSEEN)
        name = bets.profile.schema.signals[s].name
        share = _share(bets.probabilities[s], group, counts[i])
        found.append(Finding(name, effect, detector, float(strengths[i]), share, places[i], weighed=True))
    return sorted(found, key=lambda finding: (-finding.strength, finding.signal))


def _counts_since(
    window: Sequence[Pane], signals: NDArray[np.int64], places: Sequence[Place]
) -> NDArray[np.int64]:
    """The counts (c, 20) of each of `signals` (c,) in the panes since its place, of the last pane at least."""
    backwards = np.cumsum([pane.counts[signals] for pane in reversed(window)], axis=0)
    begins = [pane.first.at_ms for pane in window]
    since = [max(sum(at_ms >= place.at_ms for at_ms in begins), 1) for place in places]
    counts: NDArray[np.int64] = backwards[np.array(since) - 1, np.arange(signals.size)]
    return counts


def _divergence(
    bets: Bets, signals: NDArray[np.int64], lead: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much `counts` (c, 20) speak against the reference, in nats of independent events, (c,)."""
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    expected = np.maximum(bets.probabilities[signals], 1e-9) * total
    ratio = np.where(counts > 0, counts / expected, 1.0)
    nats: NDArray[np.float64] = (counts * np.log(ratio)).sum(axis=1) / bets.scatter[signals, lead]
    return nats


def _share(p: NDArray[np.float64], group: Group, counts: NDArray[np.int64]) -> float:
    """The share of the events of `counts` (20,) that are not as the reference's `p` (20,) has them."""
    shares = counts / max(int(counts.sum()), 1)
    if group in BINS:
        return float(shares[BINS[group]].sum())
    return float(np.abs(shares - p).sum() / 2)
