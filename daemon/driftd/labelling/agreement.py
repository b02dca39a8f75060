"""How an annotator agrees, against the others at the same time. Rule: what all have in common is nobody's fault.

Of one pane an annotator has n labels, k of which agree with something (the model's answer, another annotator's label),
and the others have m, l of which agree. "Both agree with one probability" is bet against, whatever that probability is:
with t for him, r for the others and the mixture o = (n t + m r) / (n + m),

    L = (t/o)^k ((1-t)/(1-o))^(n-k) (r/o)^l ((1-r)/(1-o))^(m-l)

has a mean of at most 1, by the inequality of the arithmetic and geometric means (Turner, Ly, Grünwald, "Generic
e-variables for exact sequential k-sample tests", arXiv 2106.02693). So a model that gets worse makes nobody suspect.
A bet on t = the others' rate with its odds divided by 2 loses where the odds differ by less than about the root of 2:
that much annotators may differ, because they are not given the same work.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.stakes import ERRORS

LOWER: Final = (-0.7, -1.5, -3.0)
"""What is bet on: the logs of his odds over the others'."""
HIGHER: Final = (0.9, 2.0)
OWN_HIGHER: Final = HIGHER
"""And over his own odds, as they were."""
BETS: Final = len(LOWER) + len(HIGHER) + len(OWN_HIGHER)
LOWER_BETS: Final = slice(0, len(LOWER))
HIGHER_BETS: Final = slice(len(LOWER), len(LOWER) + len(HIGHER))
OWN_BETS: Final = slice(len(LOWER) + len(HIGHER), BETS)
SHARES: Final = np.array([0.2] * len(LOWER) + [0.1] * len(HIGHER) + [0.1] * len(OWN_HIGHER))
OWN_LABELS: Final = 400
"""So many labels of an annotator tell how he agrees."""
OWN_ERRORS: Final = ERRORS - 1
"""Agreeing more than before is told only where it is more than the others' too, so less caution is enough here."""

Counts = NDArray[np.int64]


def two_sample_wins(
    n: NDArray[np.float64],
    k: NDArray[np.float64],
    m: NDArray[np.float64],
    others: NDArray[np.float64],
    t: NDArray[np.float64],
    r: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log L of the head of this file; all broadcast, `others` is l. Zero where one side has no labels."""
    o = (n * t + m * r) / np.maximum(n + m, 1)
    o = np.where(n + m > 0, o, r)
    won = k * np.log(t / o) + (n - k) * np.log((1 - t) / (1 - o))
    won = won + others * np.log(r / o) + (m - others) * np.log((1 - r) / (1 - o))
    return np.where((n > 0) & (m > 0), won, 0.0)


def shifted(rate: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """`rate` with `shift` added to the log of its odds."""
    odds = rate / (1 - rate) * np.exp(shift)
    return np.asarray(odds / (1 + odds), np.float64)


def agreement_wins(n: Counts, k: Counts, total: Counts, rest: Counts, own: Counts, apart: NDArray[np.bool_]) -> tuple[
    NDArray[np.float64], NDArray[np.float64]
]:  # fmt: skip
    """Logs of what each bet wins in a pane, (a, 7), and the labels staked on it, (a, 7).

    Of a annotators: labels `n` (a,) and agreements `k` (a,) in the pane. `total` and `rest` are (labels, agreements) of
    all who are not set `apart` (a,), in the pane and before it; `own` (2, a) those that each began with.
    """
    together = ~apart
    m, others = total[0] - n * together, total[1] - k * together
    r = np.full((n.size, 1), (rest[1] + 1) / (rest[0] + 2))
    nn, kk, mm, ll = (x[:, None].astype(np.float64) for x in (n, k, m, others))
    against_others = two_sample_wins(nn, kk, mm, ll, shifted(r, np.array([LOWER + HIGHER])), r)
    own_rate = ((own[1] + 1) / (own[0] + 2))[:, None]
    t = shifted(own_rate, np.array([OWN_HIGHER]))
    more, less = t / own_rate, (1 - t) / (1 - own_rate)
    labels = np.maximum(own[0], 1)[:, None]
    error = OWN_ERRORS * np.sqrt(own_rate * (1 - own_rate) / labels) * (more - less)
    price = np.log1p(error + OWN_ERRORS**2 / 2 * more / labels)
    against_own = kk * np.log(more) + (nn - kk) * np.log(less) - nn * price
    staked = n[:, None] * SHARES * (m > 0)[:, None]
    staked[:, OWN_BETS] *= (own[0] >= OWN_LABELS)[:, None]
    return np.concatenate([against_others, against_own], axis=1), staked
