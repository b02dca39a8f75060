"""What evidence bets on, and what a bet costs while nothing is wrong. Rule: a price is no lower than the null's.

A bet on a pane of n events wins sum(counts x slopes) - n x price, divided by the scatter of its signal. The price is
the log of the mean of exp(slope) under the reference, raised by what is not known: by the error of a finite reference
(Bernstein's bound, over all signals), and in an hour that the reference has not seen by an allowance:
there the reference is what was just before, and only a jump is a change.
"""

from dataclasses import dataclass
from math import log, pi
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.cycle import DAY_MS
from driftd.reference.layout import COARSE
from driftd.reference.learned import LATELY_AGE, MEMORY_EVENTS, REFRESH_EVENTS
from driftd.reference.null import (
    all_probabilities,
    expected_by_bucket,
    fit,
    is_number,
)
from driftd.reference.profile import Profile
from driftd.reference.tilts import (
    BETS,
    FIXED_BETS,
    GROUPS,
    LEARNED_BETS,
    SHIFTS,
    VALUE_BETS,
    Group,
    quick_scores,
    tilts_of,
)

REFERENCE_RISK: Final = 0.05
"""The probability that a finite reference is worse in any of its signals than the prices of fixed bets pay for."""
LEARNED_RISK: Final = 1e-5
"""The probability that a reference is worse than its learned bets pay for."""
PRICE_STEP: Final = 2.0**-24
LEFT_SHARE: Final = 0.001
"""No bin is taken to have lost more than the rest of its share lately."""
CYCLE_DEVIATIONS: Final = 4.0
"""In an hour that the reference has not seen a signal may follow a daily cycle of so many deviations: by what that
makes of it within the memory of what was before, it may be shifted without being suspect."""
ALLOWANCES: Final = (0.1, 0.5)
"""In deviations; where events are rare, or come all at once, no more and no less."""
SPREAD_ALLOWANCE: Final = 0.45
"""Of a shift that is allowed, so much of its size is allowed as a factor on the standard deviation."""
RARE_ALLOWANCE: Final = 1.4
"""And as one on the odds of missing values, and of levels."""

NUMBER_WEIGHTS: Final = np.array(
    [0.05] * (2 * len(SHIFTS)) + [0.04] * 4 + [0.03] * 4 + [0.02] * 2
    + [0.02] * 4 + [0.01] * 2 + [0.01] + [0.035] * LEARNED_BETS
)  # fmt: skip
CATEGORY_WEIGHTS: Final = np.array(
    [0.04] * 4 + [0.024] * 16 + [0.02] * 4 + [0.04, 0.02] + [0.01] + [0.1] * LEARNED_BETS
)
"""How much is put on each bet. A tenth more or less moves a delay by a per cent: what matters is that none is zero."""
DOWNWARDS_FROM: Final = 0.3
"""A bet whose slopes fall with the values, correlated by so much, is one on smaller values."""
ONE_SIDED: Final = frozenset({"failed"})
"""Signals of which less is no trouble: no bets are wasted on it."""


class Bets:
    """The bets on the s signals of a profile."""

    def __init__(
        self, profile: Profile, watched: NDArray[np.bool_], independent_events_min: float, event_ms: float
    ) -> None:
        """Bet on the `watched` signals (s,), as far as the reference is worth `independent_events_min` events.

        An event comes every `event_ms`.
        """
        # both ways, for each signal: 2 standard errors of one signal, 3 of each of twenty
        self.errors = NormalDist().inv_cdf(1 - REFERENCE_RISK / 2 / max(int(watched.sum()), 1))
        memory_days = (MEMORY_EVENTS[0] + LATELY_AGE * REFRESH_EVENTS) * event_ms / DAY_MS
        self.allowance = float(np.clip(2 * pi * CYCLE_DEVIATIONS * memory_days, *ALLOWANCES))
        self.profile = profile
        null = profile.null if profile.null is not None else fit(profile)
        self.scatter, self.cyclic, self.gain = null.scatter, null.cyclic, null.gain
        self.number = is_number(profile)
        self.probabilities = all_probabilities(profile)
        events = np.full(self.number.size, float(max(profile.events, 1)))
        self.tilts = tilts_of(self.probabilities, self.number, events / self.scatter[:, 0])
        self.slopes = self.tilts.slopes
        self.independent_events = events[:, None] / self.scatter
        judged: NDArray[np.bool_] = np.asarray(self.independent_events >= independent_events_min, np.bool_)
        # what wanders too much to be judged has no known range either
        known = np.asarray(judged[:, :VALUE_BETS].any(axis=1))[:, None]
        self.judged = judged & ((GROUPS != Group.OUTSIDE) | known)
        free = ~self.number[:, None] | (GROUPS[:FIXED_BETS] != Group.VALUE)
        self._fixed = Steepness.of(self.slopes, free)
        self.weights = self._weights(watched)
        self._buckets = expected_by_bucket(profile, null)
        self.seen = null.seen
        self._bucket_events: NDArray[np.int64] | None = None
        if self.cyclic.any():
            self._bucket_events = np.zeros(self._buckets.shape[:2], np.int64)
            self._bucket_events[:, self.cyclic] = null.hours.sum(axis=2)
        self._prices: dict[int, NDArray[np.float64]] = {}

    def _weights(self, watched: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The share of each bet in the evidence, (s, 29), 1 in all; 0 where nothing can be judged."""
        weights = np.where(self.number[:, None], NUMBER_WEIGHTS, CATEGORY_WEIGHTS)
        live = np.ones((self.number.size, BETS), np.bool_)
        live[:, :FIXED_BETS] = np.abs(self.slopes).sum(axis=1) > 0
        for s, signal in enumerate(self.profile.schema.signals):
            if signal.name in ONE_SIDED:
                live[s] &= self._is_upwards(s)
        weights = weights * (live & self.judged & watched[:, None])
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        shares: NDArray[np.float64] = weights / max(int((weights.sum(axis=1) > 0).sum()), 1)
        return shares

    def _is_upwards(self, s: int) -> NDArray[np.bool_]:
        """Which bets of signal `s` do not pay when its values get smaller, (29,)."""
        p, score, slopes = self.probabilities[s], self.tilts.scores[s], self.slopes[s]
        # what a learned bet will pay for is not known, so it is none
        covariance = (p * score) @ slopes - (p @ score) * (p @ slopes)
        spread = np.sqrt(p @ score**2 - (p @ score) ** 2) * np.sqrt(p @ slopes**2 - (p @ slopes) ** 2)
        upwards = covariance >= -DOWNWARDS_FROM * spread
        return np.concatenate([upwards, np.zeros(LEARNED_BETS, np.bool_)])

    @property
    def muted(self) -> NDArray[np.bool_]:
        """Signals whose values cannot be judged by this reference, (s,)."""
        return np.array(~self.judged[:, :VALUE_BETS].any(axis=1))

    def expected(self, bucket: int) -> NDArray[np.float64]:
        """Probabilities of the bins, (s, 20), in a bucket of the cycle."""
        expected: NDArray[np.float64] = self._buckets[bucket]
        return expected

    def prices(self, bucket: int, lately: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the fixed bets cost per event, (s, 27), in a bucket of the cycle.

        `lately` (s, 20): by how much the latest shares differed from the expected ones. An hour that the reference has
        not seen is compared with what was just before it, so that only a jump is a change.
        """
        if not self.seen[bucket]:
            return self._fixed_prices(bucket, self._moved(bucket, lately))
        key = bucket if self._bucket_events is not None else 0
        prices = self._prices.get(key)
        if prices is None:
            prices = self._prices[key] = self._fixed_prices(bucket, self.expected(bucket))
        return prices

    def _moved(self, bucket: int, lately: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of `bucket`, (s, 20), moved to where the signals were `lately`."""
        p = self.expected(bucket)
        moved = np.where(p > 0, np.maximum(p + lately, p * LEFT_SHARE), 0.0)
        shares: NDArray[np.float64] = moved / moved.sum(axis=1, keepdims=True)
        return shares

    def _fixed_prices(self, bucket: int, p: NDArray[np.float64]) -> NDArray[np.float64]:
        fixed, seen = self._fixed, bool(self.seen[bucket])
        first, second = _means(p, fixed.steep), _means(p, fixed.squared)
        variance = np.maximum(second - first**2, 0)
        independent = self.independent_events[:, :FIXED_BETS]
        error = self.errors**2 / independent
        if self._bucket_events is not None:
            in_bucket = np.maximum(self._bucket_events[bucket][:, None] / self.scatter[:, :FIXED_BETS], 1.0)
            error = error + np.where(self.cyclic[:, None], 1 / in_bucket, 0.0)
        if not seen:
            error = error + self.scatter[:, :FIXED_BETS] / MEMORY_EVENTS[0]
        mean = first if seen else np.maximum(first, self._worst(p, fixed))
        # what a bet would win by an error of the reference it loses by being steeper than that, so steep ones need less
        steepness = np.sqrt(np.log1p(variance / mean**2))
        bound = (
            np.sqrt(variance * error) / (1 + steepness / 2)
            + self.errors**2 / 2 * fixed.steepest / independent
        )
        prices = _stepped(np.log(mean + bound))
        # where all is in one bin now, the rest that is left to the others would be won by a bet on this one
        return prices if seen else prices + 1 / MEMORY_EVENTS[0]

    def learned_prices(
        self, slopes: NDArray[np.float64], bucket: int, lately: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What bets on learned `slopes` (s, 20, 2) cost per event, (s, 2), in a bucket of the cycle.

        A learned tilt may have learned the reference's own error. That wins half of Pearson's X^2 of the reference,
        which is bounded as Laurent and Massart do ("Adaptive estimation of a quadratic functional", 2000), at a risk
        of LEARNED_RISK.
        """
        seen = bool(self.seen[bucket])
        p = self.expected(bucket) if seen else self._moved(bucket, lately)
        freedom = np.maximum((p > 0).sum(axis=1) - 1, 1)[:, None]
        risk = log(1 / LEARNED_RISK)
        own_error = (freedom / 2 + np.sqrt(freedom * risk) + risk) / self.independent_events[:, FIXED_BETS:]
        learned = Steepness.of(slopes, np.broadcast_to(~self.number[:, None], own_error.shape))
        mean = _means(p, learned.steep)
        if not seen:
            own_error = own_error + freedom / 2 * self.scatter[:, FIXED_BETS:] / MEMORY_EVENTS[0]
            mean = np.maximum(mean, self._worst(p, learned))
        return _stepped(np.log(mean) + own_error + self.gain)

    def _worst(self, p: NDArray[np.float64], bets: "Steepness") -> NDArray[np.float64]:
        """The largest mean of exp(slope), (s, j), that an unseen hour may make of `p` (s, 20)."""
        worst: NDArray[np.float64] = np.matmul(self._possible(p), bets.steep).max(axis=1)
        # levels and missing values: the odds of what a bet is on, or against, may be other by a factor
        lean = np.exp(RARE_ALLOWANCE * self.allowance / 2 * bets.signs)
        leaning = _means(p, bets.steep * lean) / _means(p, lean)
        return np.where(bets.free, np.maximum(worst, leaning), worst)

    def _possible(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """What an unseen hour may make of numbers that are distributed as `p` (s, 20) just before, (s, 4, 20)."""
        values = slice(0, COARSE.values)
        score, square = np.zeros(p.shape), np.zeros(p.shape)
        # where the signal is now, and not where it was in the reference: far out there all is one bin
        score[:, values], square[:, values] = quick_scores(p[:, values])
        score[~self.number], square[~self.number] = 0.0, 0.0
        factors = np.exp(np.array([-1.0, 1.0]) * SPREAD_ALLOWANCE * self.allowance)
        leans = [sign * self.allowance * score for sign in (1, -1)]
        leans += [(1 - 1 / factor**2) / 2 * np.minimum(square, 8) for factor in factors.tolist()]
        possible: NDArray[np.float64] = p[:, None, :] * np.exp(np.stack(leans, axis=1))
        possible /= possible.sum(axis=2, keepdims=True)
        return possible


@dataclass(frozen=True, slots=True)
class Steepness:
    """What prices are made of: exp of slopes (s, 20, j), its square, the largest of each bet (s, j), and signs.

    `free` (s, j): bets on odds that have no order, as of levels and of missing values.
    """

    steep: NDArray[np.float64]
    squared: NDArray[np.float64]
    steepest: NDArray[np.float64]
    signs: NDArray[np.float64]
    free: NDArray[np.bool_]

    @classmethod
    def of(cls, slopes: NDArray[np.float64], free: NDArray[np.bool_]) -> "Steepness":
        """Of `slopes` (s, 20, j)."""
        steep = np.exp(slopes)
        return cls(steep, steep**2, steep.max(axis=1), np.sign(slopes), free)


def _means(p: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of `values` (s, 20, j) under `p` (s, 20): (s, j)."""
    means: NDArray[np.float64] = np.matmul(p[:, None, :], values)[:, 0]
    return means


def _stepped(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """`prices` up to the next whole step: what processors differ in by the last bit is the same price."""
    stepped: NDArray[np.float64] = np.ceil(prices / PRICE_STEP) * PRICE_STEP
    return stepped
