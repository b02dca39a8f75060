"""Streams like a reference, made of its counts alone. Rule: sums and products of seeded uniform numbers, nothing else.

Runs of consecutive blocks of the history follow each other at random (Kuensch, "The jackknife and the bootstrap for
general stationary observations", 1989; in a circle, as Politis and Romano, "A circular block-resampling procedure",
1992, so that each block is as likely as any other): what lasts longer than a block comes out as it went in. Where a
signal follows the hours of a cycle, so do the runs. What is shorter than a block was counted away; of it, the order of
the values within a block is made up so that sums of blocks scatter as they did.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.decode.schema import SignalType
from driftd.reference.cycle import buckets_of
from driftd.reference.history import History
from driftd.reference.layout import COARSE, FINE
from driftd.reference.null import all_probabilities, deviations_of, expected_by_bucket, fit, is_number
from driftd.reference.profile import Profile
from driftd.reference.tilts import tilts_of

RHO_MAX: Final = 0.999
"""Correlation from value to value is taken to be no more: beyond, a block hardly shows that there is any end to it."""
NEGLIGIBLE: Final = 1e-6


def resampled(profile: Profile, signal: int, events: int, seed: int) -> NDArray[np.float64]:
    """A stream of values like the reference's of a number or boolean `signal`, (`events`,); (0,) where it has none.

    Missing and invalid values are left out. The same arguments give the same bytes, on any machine.
    """
    counts = _block_counts(profile, signal)
    if not counts.any():
        return np.empty(0)
    rng = np.random.default_rng([seed, signal])
    counts = counts[_picked(counts.sum(axis=1), _hours(profile, signal, counts.shape[0]), events, rng)]
    block = np.repeat(np.arange(counts.shape[0]), counts.sum(axis=1))
    coarse = np.repeat(np.tile(np.arange(COARSE.values), counts.shape[0]), counts.ravel())
    values = _drawn(profile, signal, coarse, rng.random(coarse.size))
    is_boolean = profile.schema.signals[signal].type is SignalType.BOOLEAN
    ranks = _persistent(coarse.size, persistence(profile, signal), is_boolean, rng)
    stream = np.empty_like(values)
    stream[np.lexsort((ranks, block))] = values[np.lexsort((values, block))]
    return stream[:events]


def _block_counts(profile: Profile, signal: int) -> NDArray[np.int64]:
    """Counts of the valid values of each block, (t, 16); of a reference shorter than a block, all in one."""
    history = profile.history.counts[:, signal, : COARSE.values].astype(np.int64)
    return history if history.any() else profile.coarse_counts[None, signal, : COARSE.values]


def _hours(profile: Profile, signal: int, blocks: int) -> NDArray[np.int64]:
    """The bucket of each block in the cycle that the signal follows, (t,); 0 where it follows none."""
    if profile.null is None or not profile.null.cyclic[signal]:
        return np.zeros(blocks, np.int64)
    return buckets_of(profile.history.at_ms, profile.cycle)


def _picked(
    valid: NDArray[np.int64], hours: NDArray[np.int64], events: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which blocks follow each other until there are `events` values; `valid` (t,) are each block's.

    A run begins in the bucket of `hours` (t,) in which the one before it ended.
    """
    blocks = valid.size
    # two at least, so that no run stays where it began, among blocks without a value
    run = np.arange(max(round(blocks**0.5), 2))
    runs: list[NDArray[np.int64]] = []
    gathered, last = 0, int(rng.random() * blocks)
    while gathered < events:
        alike = np.flatnonzero(hours == hours[last])
        runs.append((alike[int(rng.random() * alike.size)] + run) % blocks)
        gathered, last = gathered + int(valid[runs[-1]].sum()), int(runs[-1][-1])
    picked = np.concatenate(runs)
    return picked[: int(np.searchsorted(np.cumsum(valid[picked]), events)) + 1]


def _drawn(
    profile: Profile, signal: int, coarse: NDArray[np.int64], uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A value for each of the `coarse` bins (n,): a fine bin by the profile's counts, and evenly within it."""
    table, fine = profile.coarse_of_fine[signal, : FINE.values], profile.weights[signal, : FINE.values]
    high = np.cumsum(fine)
    # a coarse bin is a run of fine ones, so its share of all is one interval
    of_coarse = np.bincount(table, weights=fine, minlength=COARSE.values)[: COARSE.values]
    begins = np.array([high[table == k].min(initial=high[-1]) for k in range(COARSE.values)])
    firsts = [fine[table == k][:1].sum() for k in range(COARSE.values)]
    target = (begins - firsts)[coarse] + uniform * of_coarse[coarse]
    bins = np.minimum(np.searchsorted(high, target, side="right"), FINE.values - 1)
    lower, upper = _ends(profile, signal)
    within = np.clip((target - (high - fine)[bins]) / np.maximum(fine[bins], 1e-9), 0.0, 1.0)
    values: NDArray[np.float64] = lower[bins] + within * (upper - lower)[bins]
    return values


def _ends(profile: Profile, signal: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest value of each fine bin, (64,); equal where a bin holds one value."""
    edges, low, high = profile.edges[signal], profile.low[signal], profile.high[signal]
    if profile.schema.signals[signal].type is SignalType.BOOLEAN:
        ends = np.minimum(np.arange(FINE.values, dtype=np.float64), 1.0)
        return ends, ends
    lower = np.clip(np.concatenate([[low], edges]), low, high)
    upper = np.clip(np.concatenate([edges, [high]]), low, high)
    single = np.nextafter(lower, np.inf) >= upper
    return lower, np.where(single, lower, upper)


def _persistent(count: int, rho: float, is_boolean: bool, rng: np.random.Generator) -> NDArray[np.float64]:
    """`count` numbers whose ranks are correlated by `rho` from each to the next.

    An AR(1); of booleans a DAR(1) (Jacobs and Lewis, "Discrete time series generated by mixtures", 1978), whose
    correlation does not shrink when it is cut into two values.
    """
    noise = rng.random(count) - 0.5
    if is_boolean:
        fresh = rng.random(count) >= rho
        latest = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
        return noise[latest]
    step, factor = 1, rho
    # 1 / (1 - rho L) = (1 + rho L) (1 + rho^2 L^2) (1 + rho^4 L^4) ...
    while step < count and factor > NEGLIGIBLE:
        noise[step:] += factor * noise[:-step]
        step, factor = 2 * step, factor * factor
    return noise


def persistence(profile: Profile, signal: int) -> float:
    """The rho of an AR(1) whose block sums scatter as those of the history do, apart from a cycle that it follows."""
    history = profile.history
    if history.blocks < 2:
        return 0.0
    null = profile.null if profile.null is not None else fit(profile)
    one = [signal]
    p = expected_by_bucket(profile, null)[:, one]
    tilts = tilts_of(all_probabilities(profile)[one], is_number(profile)[one], np.array([profile.events]))
    of_signal = History(history.counts[:, one], history.at_ms)
    deviations = deviations_of(of_signal, p, buckets_of(history.at_ms, profile.cycle), tilts)
    return _rho_of(float((deviations[:, 0, 0] ** 2).mean()), history.block_events)


def _rho_of(ratio: float, events: int) -> float:
    """The rho with which sums of `events` values have `ratio` times the variance that they would have without it.

    >>> _rho_of(variance_ratio(64, 0.9), 64)
    0.9
    """
    low, high = 0.0, RHO_MAX
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if variance_ratio(events, middle) < ratio else (low, middle)
    return round(high, 3) if ratio > 1 else 0.0


def variance_ratio(events: int, rho: float) -> float:
    """Variance of the sum of `events` values of an AR(1), by that of as many independent ones.

    >>> round(variance_ratio(2, 0.5), 3)
    1.5
    """
    away = 1 - rho
    return (1 + rho) / away - 2 * rho * (1 - rho**events) / (events * away * away)
