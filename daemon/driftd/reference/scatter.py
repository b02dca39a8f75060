"""How much more counts scatter than those of independent events. Rule: never less than 1; an estimate errs upwards.

Autocorrelation, bursts and cycles all show in one number, the ratio of the long-run variance to that of independent
events: what a detector believes of n such events is what it would believe of n / ratio independent ones.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.history import History
from driftd.reference.layout import COARSE
from driftd.reference.profile import Profile

BLOCKS_MIN: Final = 4
"""An overdispersion is estimated from no fewer blocks than these."""
GAP_LAGS: Final = 6
"""So many lags in a row without correlation end it."""


def overdispersion(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratio of the long-run variance of standardised block sums `deviations` (t, ...) to 1: (...), at least 1.

    The larger of a flat-top lag window (Politis, "Adaptive bandwidth choice", 2003), one standard error up, and the
    variance of longer and longer sums, two standard errors down.
    """
    blocks = deviations.shape[0]
    if blocks < BLOCKS_MIN:
        return np.ones(deviations.shape[1:])
    variance = (deviations**2).mean(axis=0)
    bandwidth, correlated = _flat_top(deviations, variance)
    upwards = 1 + np.sqrt(2 * (2 * bandwidth + 1) / blocks)
    ratio: NDArray[np.float64] = np.maximum(variance * (1 + np.sqrt(2 / blocks)), correlated * upwards)
    length = 2
    while blocks // length >= 2 * BLOCKS_MIN:
        whole = blocks // length
        sums = deviations[: whole * length].reshape(whole, length, *deviations.shape[1:]).sum(axis=1)
        ratio = np.maximum(ratio, (sums**2).mean(axis=0) / length / (1 + 2 * np.sqrt(2 / whole)))
        length *= 2
    return ratio.clip(min=1.0)


def _flat_top(
    deviations: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The lag up to which `deviations` are correlated, and their long-run variance by a flat-top window."""
    blocks = deviations.shape[0]
    size = 1 << int(np.ceil(np.log2(2 * blocks)))
    spectrum = np.fft.rfft(deviations - deviations.mean(axis=0), size, axis=0)
    lags = max(2, blocks // 4)
    products = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[: lags + 1]
    correlation = products[1:] / np.maximum(products[:1], 1e-12)
    big = np.abs(correlation) >= 2 * np.sqrt(np.log10(max(blocks, 10)) / blocks)
    last = np.zeros(deviations.shape[1:], np.int64)
    gap, over = np.zeros_like(last), np.zeros(last.shape, bool)
    for lag in range(lags):
        gap = np.where(big[lag], 0, gap + 1)
        over |= gap >= GAP_LAGS
        last = np.where(big[lag] & ~over, lag + 1, last)
        if over.all():
            break
    every = np.arange(1, lags + 1).reshape((-1,) + (1,) * last.ndim)
    window = np.clip(2 * (1 - every / np.maximum(2 * last, 1)), 0, 1) * (last > 0)
    return last, variance * (1 + 2 * (window * correlation).sum(axis=0))


def inflation(history: History, profile: Profile) -> NDArray[np.float64]:
    """How much more the bin counts of blocks of panes scatter than independent events' would: (s,), >= 1.

    The largest mean of Pearson's X^2 per degree of freedom over blocks of 1, 2, 4, ... of the history's blocks:
    autocorrelation shows at the length where it has played out.
    """
    probabilities = profile.probabilities[None]
    possible = profile.possible[None] & (profile.coarse_counts[None] > 0)
    freedom = np.maximum(possible.sum(axis=2)[0] - 1, 1)
    largest = np.ones(history.counts.shape[1])
    for block in _longer(history):
        observed = np.where(possible, block, 0)
        expected = observed.sum(axis=2, keepdims=True) * probabilities
        squares = np.where(possible & (expected > 0), (observed - expected) ** 2, 0.0)
        statistic = (squares / np.maximum(expected, 1e-12)).sum(axis=2)
        largest = np.maximum(largest, statistic.mean(axis=0) / freedom)
    return largest


def missing_inflation(history: History) -> NDArray[np.float64]:
    """The same for the share of missing values alone: (s,), >= 1."""
    counts = history.counts.astype(np.int64)
    share = counts[:, :, COARSE.missing].sum(axis=0) / np.maximum(counts.sum(axis=(0, 2)), 1)
    largest = np.ones(counts.shape[1])
    for block in _longer(history):
        events = block.sum(axis=2)
        variance = np.maximum(events * share * (1 - share), 1e-12)
        squares = (block[:, :, COARSE.missing] - events * share) ** 2
        largest = np.maximum(largest, np.where(share > 0, (squares / variance).mean(axis=0), 1.0))
    return largest


def _longer(history: History) -> list[NDArray[np.int64]]:
    counts = history.counts.astype(np.int64)
    blocks, length = [], 1
    while counts.shape[0] // length >= BLOCKS_MIN:
        whole = counts.shape[0] // length
        blocks.append(counts[: whole * length].reshape(whole, length, *counts.shape[1:]).sum(axis=1))
        length *= 2
    return blocks
