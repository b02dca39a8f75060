"""How long labels take. Rule: what cannot have come yet is no evidence that it does not come.

Delays are counted in bins of half an octave, from one second to 97 days. A label is seen only if it took no longer
than its prediction is old, so short delays are seen too often; two estimators mend that, both from counts per
period and bin, of periods old enough that a bin is over:

- by what labels tell (the true class): nobody knows how many predictions of a class still wait, so time is run
  backwards: of the labels that took at most so long, the share that took just so long (Lagakos, Barraj and De
  Gruttola 1988, "Nonparametric analysis of truncated survival data, with application to AIDS", Biometrika 75;
  Kalbfleisch and Lawless 1989). It gives the shares among the labels that come within the oldest age seen.
- by what predictions tell (the predicted class): who still waits is known, so this is Kaplan and Meier's (1958).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance.layout import DELAY_BINS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRST_EDGE_MS: Final = 1000
EDGES_MS: Final = np.rint(FIRST_EDGE_MS * 2 ** (np.arange(DELAY_BINS - 1) / 2)).astype(np.int64)
"""Bin b holds delays above edge b - 1 and up to edge b; the first all up to a second, the last all above 97 days."""
LABELS_MIN: Final = 30
"""Of fewer labels no delay is learned; those of all strata together stand in."""
SETTLED_SHARE: Final = 0.98
"""Delays are settled where so many of them are shorter than half of the oldest age seen: then few can lie beyond."""
STAND_IN_LOG_VARIANCE: Final = 0.25
"""What is not known of a stratum whose delays are taken from all: a factor of 1.6 to either side."""


def delay_bins(delays_ms: Ints) -> Ints:
    """The bin of each delay (n,); a label before its prediction counts as at once.

    >>> delay_bins(np.array([-5, 1000, 1001, 2000, 10**12])).tolist()
    [0, 0, 1, 2, 47]
    """
    return np.searchsorted(EDGES_MS, delays_ms, side="left")


def whole_bins(ages_ms: Ints) -> NDArray[np.bool_]:
    """Which bins are over for predictions of an age, (n, bins) for (n,): no delay of such a bin is still to come."""
    over = np.zeros((len(ages_ms), DELAY_BINS), np.bool_)
    over[:, :-1] = ages_ms[:, None] >= EDGES_MS
    return over


@dataclass(frozen=True, slots=True)
class Delays:
    """What was learned of the delays of s strata, and last of all together.

    `shares` (s + 1, bins): of the labels that come, those that came by the end of a bin; `log_variance`: of their
    logarithm. `labels` (s + 1,): learned from how many. `settled` (s + 1,): see SETTLED_SHARE.
    """

    shares: Floats
    log_variance: Floats
    labels: Ints
    settled: NDArray[np.bool_]

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Which strata have delays of their own, (s,)."""
        return np.asarray(self.labels[:-1] >= LABELS_MIN, np.bool_)

    def by_age(self, ages_ms: Floats) -> tuple[Floats, Floats]:
        """The share of labels that came by each age, and the standard error of its logarithm, for ages (n,).

        (s + 1, n): of each stratum, and last of all together, which also stands in for a stratum that is not learned.
        """
        learned = np.append(self.learned, True)
        rows = np.where(learned, np.arange(len(learned)), -1)
        log_variance = self.log_variance[rows] + np.where(learned, 0.0, STAND_IN_LOG_VARIANCE)[:, None]
        shares = np.stack([_interpolated(row, ages_ms, 0.0) for row in self.shares[rows]])
        errors = np.stack([_interpolated(row, ages_ms, row[0]) for row in np.sqrt(log_variance)])
        return shares, errors


def _interpolated(values: Floats, ages_ms: Floats, at_zero: float) -> Floats:
    """`values` (bins,) at the ends of bins, between them even in the logarithm of age."""
    ages = np.maximum(ages_ms / FIRST_EDGE_MS, 0.0)
    edges = np.where(ages < 1, ages - 1, 2 * np.log2(np.maximum(ages, 1.0)))
    known = np.arange(-1, DELAY_BINS - 1, dtype=np.float64)
    return np.asarray(np.interp(edges, known, np.concatenate([[at_zero], values[:-1]])), np.float64)


def learned_delays(counts: Ints, ages_ms: Ints) -> Delays:
    """Delays of labels by reverse time, out of `counts` (periods, strata, bins) of periods that are so old (periods,).

    The age of a period is that of its last prediction: all its others are older, so its whole bins are over.
    """
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    over = whole_bins(ages_ms)[:, None, :]
    events = (counts * over).sum(axis=0).astype(np.float64)
    at_risk = (np.cumsum(counts, axis=2) * over).sum(axis=0).astype(np.float64)
    stay = 1 - np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    # the share by the end of bin b is the product of `stay` over all later bins
    later = np.cumprod(stay[:, ::-1], axis=1)[:, ::-1]
    shares = np.concatenate([later[:, 1:], np.ones((len(later), 1))], axis=1)
    spread = at_risk * (at_risk - events)
    # Greenwood's; where nothing came in less time the share is 0, and nothing can be weighted with it
    greenwood = np.divide(events, spread, out=np.zeros_like(events), where=spread > 0)
    sums = np.cumsum(greenwood[:, ::-1], axis=1)[:, ::-1]
    log_variance = np.concatenate([sums[:, 1:], np.zeros((len(sums), 1))], axis=1)
    return Delays(shares, log_variance, events.sum(axis=1).astype(np.int64), _settled(shares, over, at_risk))


def _settled(shares: Floats, over: NDArray[np.bool_], at_risk: Floats) -> NDArray[np.bool_]:
    bins = np.flatnonzero(over.any(axis=(0, 1)))
    if bins.size < 3:
        return np.zeros(len(shares), np.bool_)
    half = int(bins[-1]) - 2  # two bins are an octave
    return (shares[:, half] >= SETTLED_SHARE) & (at_risk[:, half] >= LABELS_MIN)


def final_shares(made: Ints, counts: Ints, ages_ms: Ints) -> Floats:
    """The share of predictions that get a label within the oldest age seen, per predicted class and last of all.

    (codes + 1,), by Kaplan and Meier, out of `made` (periods, codes) and `counts` (periods, codes, bins).
    NaN where no period is old enough to tell.
    """
    made = np.concatenate([made, made.sum(axis=1, keepdims=True)], axis=1)
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    over = whole_bins(ages_ms)[:, None, :]
    waiting = made[:, :, None] - (np.cumsum(counts, axis=2) - counts)
    events = (counts * over).sum(axis=0).astype(np.float64)
    at_risk = (np.maximum(waiting, 0) * over).sum(axis=0).astype(np.float64)
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    shares = 1 - np.prod(1 - np.minimum(hazard, 1.0), axis=1)
    return np.where(at_risk[:, 0] > 0, shares, np.nan)


def mean_shares(
    delays: Delays, made: Ints, starts_ms: Sequence[int], period_ms: int, now_ms: int
) -> tuple[Floats, Floats]:
    """The share of labels that came of each period by now, and the standard error of its logarithm.

    (periods, strata + 1), see `Delays.by_age`, out of `made` (periods, slices): how many predictions were made in
    which part of a period.
    """
    slices = made.shape[1]
    middles = (np.arange(slices) + 0.5) * (period_ms / slices)
    ages = now_ms - (np.array(starts_ms, np.float64)[:, None] + middles)
    shares, errors = delays.by_age(ages.ravel())
    shares, errors = (part.reshape(-1, *made.shape) for part in (shares, errors))
    total = made.sum(axis=1)
    weight = np.where(total[:, None] > 0, made / np.maximum(total, 1)[:, None], 1 / slices)
    mean = (shares * weight).sum(axis=2)
    # the errors of all slices come from the same tail of delays, so they add
    error = (shares * errors * weight).sum(axis=2)
    relative = np.divide(error, mean, out=np.zeros_like(error), where=mean > 0)
    return mean.T.copy(), relative.T.copy()
