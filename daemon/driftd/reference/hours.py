"""What a cycle's hours look like. Rule: an hour that was hardly seen is taken to be like the others."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.cycle import HOUR_MS, Cycle, buckets_of
from driftd.reference.history import History

SHRINKAGE_EVENTS: Final = 30.0
"""So many events of the whole reference are added to those of a bucket."""
BUCKET_EVENTS_MIN: Final = 30
"""A bucket with fewer events is taken to be like a weekday's."""
SEEN_SHARE: Final = 0.5
"""A minute of an hour says little of what it may bring."""


def bucket_counts(history: History, cycle: Cycle) -> NDArray[np.int64]:
    """Counts of `history` by bucket of the cycle, (h, s, 20)."""
    counts = np.zeros((cycle.buckets, *history.counts.shape[1:]), np.int64)
    np.add.at(counts, buckets_of(history.at_ms, cycle), history.counts.astype(np.int64))
    return counts


def seen_buckets(history: History, cycle: Cycle, last_ms: int) -> NDArray[np.bool_]:
    """Which buckets of the cycle `history`, which ends at `last_ms`, has seen for SEEN_SHARE of their hour, (h,)."""
    if cycle is Cycle.NONE:
        return np.ones(1, np.bool_)
    seen_ms = np.zeros(cycle.buckets)
    if history.blocks:
        lasted_ms = np.diff(history.at_ms, append=last_ms)
        np.add.at(seen_ms, buckets_of(history.at_ms, cycle), np.clip(lasted_ms, 0, HOUR_MS))
    return seen_ms >= SEEN_SHARE * HOUR_MS


def by_bucket(counts: NDArray[np.int64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each bin by bucket, (h, s, 20), of `counts` (h, s, 20) whose whole has probabilities `p` (s, 20).

    A weekend's hour that was never seen is taken to be like a weekday's.
    """
    counts = counts.copy()
    hours = counts[:24].copy()
    for begin in range(24, counts.shape[0], 24):
        seen = counts[begin : begin + 24].sum(axis=2, keepdims=True) >= BUCKET_EVENTS_MIN
        counts[begin : begin + 24] = np.where(seen, counts[begin : begin + 24], hours)
    shares: NDArray[np.float64] = (counts + SHRINKAGE_EVENTS * p) / (
        counts.sum(axis=2, keepdims=True) + SHRINKAGE_EVENTS
    )
    return shares
