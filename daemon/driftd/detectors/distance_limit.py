"""By what a distance's limit has to be raised so that the budget is kept. Rule: never lowered.

The reference's own windows are compared with it: runs of consecutive blocks, as long as the window, one beginning a
block after the other. How often the largest strength of all signals rises over a limit is continued to what the budget
allows, as `detectors.calibration` does it: the log of the rate falls at least linearly with the limit, because that of
chi-square's tails does.
"""

from collections.abc import Callable, Iterator
from math import inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.calibration import DIGITS, FEW, SEED, Calibration, Rate, aim
from driftd.reference.history import History

FACTOR_MAX: Final = 20.0
TRUST: Final = 3.0
"""A limit may be wrong by this factor: few windows do not tell how a rate falls, but p^(limit / TRUST) is believed."""
STEP: Final = 1.1
"""The limits that are tried are so many times one another."""
WINDOWS_MIN: Final = 2


def limit_factor(
    history: History,
    window_events: int,
    strength: Callable[[NDArray[np.int64]], float],
    rate_max: float,
    p_value: float,
) -> Calibration:
    """The factor >= 1 on a limit that windows of `history` rise over at most `rate_max` times per event.

    `strength` tells of counts (s, 20) how many times the limit they reach. Where there are no two windows nothing can
    be told: 1, and not reached. `p_value` is what the limit was made for.
    """
    strengths = np.array([strength(counts) for counts in windows(history, window_events)])
    if strengths.size < WINDOWS_MIN or window_events >= history.events:
        return Calibration(1.0, False)
    # a window is part of what it is compared with, and so nearer to it than what comes
    strengths *= (history.events + window_events) / (history.events - window_events)
    events = strengths.size * min(history.block_events, window_events) + window_events
    rates, limit = list[Rate](), max(float(np.median(strengths)), 1e-6)
    while True:
        rises = int(np.diff(strengths >= limit, prepend=False)[strengths >= limit].sum())
        rates.append(Rate(limit, rises))
        if rises <= FEW:
            break
        limit *= STEP
    at = aim(rates, rate_max * events, (-log(p_value) / TRUST, inf))
    factor = float(f"{min(max(at, 1.0), FACTOR_MAX):.{DIGITS}g}")
    return Calibration(factor, at <= FACTOR_MAX)


def windows(history: History, window_events: int) -> Iterator[NDArray[np.int64]]:
    """Counts (s, 20) of windows of at least `window_events`; where blocks are longer, of some events of each."""
    counts, block_events = history.counts.astype(np.int64), history.block_events
    if 0 < window_events < block_events:
        rng = np.random.default_rng(SEED)
        for block in counts:
            yield rng.multinomial(window_events, block / block.sum(axis=1, keepdims=True))
        return
    length = -(-window_events // max(block_events, 1))
    sums = np.concatenate([np.zeros_like(counts[:1]), np.cumsum(counts, axis=0)])
    yield from sums[length:] - sums[:-length]
