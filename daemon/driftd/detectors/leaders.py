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
from driftd.reference.tilts import FIXED_BETS, GROUPS, Group

EFFECTS: Final = {Group.MISSING: Effect.MISSING, Group.INVALID: Effect.INVALID, Group.VALUE: Effect.SHIFT}
BINS: Final[Mapping[Group, list[int]]] = {
    Group.MISSING: [COARSE.missing],
    Group.INVALID: [COARSE.invalid],
    Group.OUTSIDE: [COARSE.below, COARSE.above],
}
GONE_NATS: Final = 2.0
"""So much a bet has to lose on the latest events for the change that it is about to be over."""
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
    chosen = leading(weighed)
    groups = of_groups[chosen].argmax(axis=1)
    for special in (Group.MISSING, Group.OUTSIDE, Group.INVALID):
        # values that are missing or beyond the range are no mere shift, and those of another type are not even that
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


def over(
    bets: Bets, weighed: Weighed, chosen: NDArray[np.int64], window: Sequence[Pane]
) -> NDArray[np.int64]:
    """Those of the `chosen` signals (c,) whose best bet the events of `window` speak against, as if nothing were wrong.

    Stakes take their time to be lost by a bet on a small change; what a signal does now shows at once.
    """
    fixed = np.where(bets.weights[chosen, :FIXED_BETS] > 0, weighed.excursions[chosen, :FIXED_BETS], -np.inf)
    lead = fixed.argmax(axis=1)
    counts = np.sum([pane.counts[chosen] for pane in window], axis=0)
    slopes = bets.slopes[chosen, :, lead]
    price = np.log((bets.probabilities[chosen] * np.exp(slopes)).sum(axis=1))
    won = ((counts * slopes).sum(axis=1) - counts.sum(axis=1) * price) / bets.scatter[chosen, lead]
    return np.asarray(chosen[won <= -GONE_NATS], np.int64)


def leading(weighed: Weighed) -> NDArray[np.int64]:
    """The signals that hold most of the stakes."""
    of_signals = weighed.stakes.sum(axis=1)
    return np.flatnonzero(of_signals >= min(weighed.share * weighed.limit, float(of_signals.max())))


def _counts_since(
    window: Sequence[Pane], signals: NDArray[np.int64], places: Sequence[Place]
) -> NDArray[np.int64]:
    """The counts (c, 20) of each of `signals` (c,) in the panes since its place, of the last pane at least."""
    backwards = np.array([pane.counts for pane in reversed(window)])[:, signals].cumsum(axis=0)
    begins = np.array([pane.first.at_ms for pane in window])
    onsets = np.array([place.at_ms for place in places])
    since = np.maximum((begins >= onsets[:, None]).sum(axis=1), 1)
    counts: NDArray[np.int64] = backwards[since - 1, np.arange(signals.size)]
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
