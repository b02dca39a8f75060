"""From numbers to bins. Rule: what is counted is decided here, once, by edges that never move within a version.

Edges are learned in two steps, because raw rows are not kept: fine edges from the first events of a
version, coarse edges from the counts of its whole reference.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.layout import COARSE, FINE, Layout

FEW_VALUES_MAX: Final = 31
"""A number with at most so many different values in the learning events gets a bin for each value."""

FINE_SHARES: Final = np.concatenate(
    [[0.002, 0.005, 0.01], np.linspace(0.02, 0.98, FINE.values - 7), [0.99, 0.995, 0.998]]
)
"""Where the fine bins are cut: evenly, but for the tails, so that the coarse bins can be finer there."""

COARSE_SHARES: Final = np.array(
    [0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995]
)
"""Where the coarse bins are cut: finer in the tails, because that is where harm begins."""

RANGE_MARGIN: Final = 1.0
"""A value is outside where it lies more than this many spans of the reference beyond its ends. One span: a
shift of three standard deviations is drift and stays inside, a changed unit is outside."""


def fine_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges for at most 64 fine bins, shape (63,), ascending, padded with +inf.

    `values` (n,) are the learning events' numbers; what is not finite is passed over.
    """
    finite = values[np.isfinite(values)]
    different = np.unique(finite)
    if different.size == 0:
        edges = different
    elif different.size <= FEW_VALUES_MAX:
        edges = np.unique(np.concatenate([different, np.nextafter(different, np.inf)]))
    else:
        edges = np.unique(np.quantile(finite, FINE_SHARES, method="inverted_cdf"))
    return _padded(edges, FINE.values - 1)


def coarse_edges(edges: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Edges for at most 16 coarse bins, shape (15,): those fine edges that cut nearest to COARSE_SHARES.

    `edges` (63,) and `counts` (64,) are one signal's fine edges and value counts.
    """
    finite = edges[np.isfinite(edges)]
    total = int(counts.sum())
    if finite.size <= COARSE.values - 1 or total == 0:
        return _padded(finite[: COARSE.values - 1], COARSE.values - 1)
    below = np.cumsum(counts)[: finite.size] / total
    nearest = np.abs(below[None, :] - COARSE_SHARES[:, None]).argmin(axis=1)
    return _padded(finite[np.unique(nearest)], COARSE.values - 1)


def _padded(edges: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.concatenate([edges, np.full(length - edges.size, np.inf)])


def bin_numbers(
    numbers: NDArray[np.float64],
    edges: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    layout: Layout,
) -> NDArray[np.uint8]:
    """The bin of each number: shape (s, n) for `numbers` (s, n), `edges` (s, e), `low` and `high` (s,).

    NaN is missing, anything else that is not finite is invalid. The bin of a value is the number of edges
    that are not above it; comparing whole rows with one edge after the other is faster than searchsorted.
    """
    bins = np.zeros(numbers.shape, np.uint8)
    above = np.empty(numbers.shape, np.bool_)
    for column in range(edges.shape[1]):
        edge = edges[:, column, None]
        if np.isinf(edge).all():
            break
        np.greater_equal(numbers, edge, out=above)
        bins += above.view(np.uint8)
    bins[numbers < low[:, None]] = layout.below
    bins[numbers > high[:, None]] = layout.above
    finite = np.isfinite(numbers)
    if not finite.all():
        missing = np.isnan(numbers)
        bins[missing] = layout.missing
        bins[~(finite | missing)] = layout.invalid
    return bins


def allowed_range(low: float, high: float) -> tuple[float, float]:
    """The range outside of which a number counts as below or above, for a reference from `low` to `high`."""
    if not low <= high:
        return -np.inf, np.inf
    margin = RANGE_MARGIN * (high - low) or max(abs(high), 1.0)
    return low - margin, high + margin
