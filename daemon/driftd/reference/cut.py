"""How the values of a version are cut into bins. Rule: fixed once, by its first events; later ones never move it.

Two profiles of one cut can be merged, whatever they counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.decode.schema import Schema, SignalType
from driftd.reference.bins import Binning, coarse_edges, fine_edges
from driftd.reference.layout import COARSE, FINE, OTHER_COARSE, OTHER_FINE
from driftd.reference.panes import Columns
from driftd.reference.profile import Profile, category_rows, number_rows

MAGNITUDE_MAX: Final = 1e140
"""A reference ends here on both sides: squares of means of what lies beyond are no floats any more."""

QUANTUM_EXPONENT_MIN: Final = -1000
"""No quantum is smaller than two to this: the next steps down are zero."""


@dataclass(frozen=True)
class Cut:
    """How the values of a reference are cut: fixed by its learning events.

    `edges` (s, 63), `coarse_of_fine` (s, 68), `center`, `quantum` (s,), for all signals of `schema`. `levels` are
    the known levels per category signal, in the order of their codes.
    """

    schema: Schema
    edges: NDArray[np.float64]
    coarse_of_fine: NDArray[np.int64]
    center: NDArray[np.float64]
    quantum: NDArray[np.float64]
    levels: tuple[tuple[str, ...], ...] = ()


def start(schema: Schema, columns: Columns) -> Cut:
    """The cut that the learning events' `columns` ask for."""
    signals = len(schema.signals)
    edges = np.full((signals, FINE.values - 1), np.inf)
    center, quantum = np.zeros(signals), np.ones(signals)
    table = np.tile(np.arange(-FINE.values, FINE.width - FINE.values) + COARSE.values, (signals, 1))
    for row, s in enumerate(number_rows(schema).tolist()):
        numbers = columns.numbers[row]
        if schema.signals[s].type is SignalType.BOOLEAN:
            edges[s, 0], quantum[s] = 0.5, 2.0**-16
        else:
            finite = bounded(numbers[np.isfinite(numbers)])
            edges[s] = fine_edges(finite)
            if finite.size:
                center[s] = float(np.median(finite))
                quantum[s] = _quantum(float(finite.max() - finite.min()), float(np.abs(finite).max()))
        table[s, : FINE.values] = _coarse_of_numbers(edges[s], numbers)
    for row, s in enumerate(category_rows(schema)):
        table[s, : FINE.values] = _coarse_of_levels(columns.categories[row])
    return Cut(schema, edges, table, center, quantum)


def cut_of(profile: Profile) -> Cut:
    """The cut by which `profile` was counted, so that more can be counted alike."""
    levels = tuple(levels.names for levels in profile.levels if levels is not None)
    return Cut(profile.schema, profile.edges, profile.coarse_of_fine, profile.center, profile.quantum, levels)


def bounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """`numbers` within what a reference holds."""
    return np.clip(numbers, -MAGNITUDE_MAX, MAGNITUDE_MAX)


def _coarse_of_numbers(edges: NDArray[np.float64], numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """The coarse bin of each of the 64 fine value bins; 0 for those that do not occur."""
    everywhere, one = np.array([np.inf]), np.ones(1)
    bins, _ = Binning(edges[None], -everywhere, everywhere, one, one, FINE).count(numbers[None])
    counts = np.bincount(bins[0], minlength=FINE.width)[: FINE.values]
    coarse = coarse_edges(edges, counts)
    # a fine bin starts at its lower edge; the first one lies below all edges
    starts = np.concatenate([[-np.inf], edges])
    table: NDArray[np.int64] = (starts[:, None] >= coarse[None, :]).sum(axis=1)
    table[np.isinf(starts) & (starts > 0)] = 0
    return table


def _coarse_of_levels(values: Sequence[object]) -> NDArray[np.int64]:
    """The coarse bin of each level code: one for each frequent level, and the others gathered in bins of like weight.

    Codes are given in the order of appearance. Codes that are not given yet get what bins are left.
    """
    seen = Counter(value for value in values if isinstance(value, str))
    counts = list(seen.values())[:OTHER_FINE]
    table = np.full(FINE.values, OTHER_COARSE)
    # the most frequent first, each into the lightest bin: a share that moves is a large part of its bin
    bins = [(0, bin_) for bin_ in range(OTHER_COARSE)]
    for code in sorted(range(len(counts)), key=lambda code: (-counts[code], code)):
        weight, bin_ = heappop(bins)
        table[code] = bin_
        heappush(bins, (weight + counts[code], bin_))
    for code in range(len(counts), OTHER_COARSE):
        table[code] = code
    return table


def _quantum(span: float, largest: float) -> float:
    """A power of two near 1/65,536 of the span: exact in floating point, fine enough for any mean we print."""
    size = span or largest or 1.0
    return float(2.0 ** max(np.floor(np.log2(size)) - 16, QUANTUM_EXPONENT_MIN))
