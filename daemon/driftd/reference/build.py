"""Building a profile from events as they come. Rule: the same events give the same profile, however cut.

`start` fixes edges and quanta from the learning events; `Builder` then counts, those events included.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from driftd.decode.batch import INVALID
from driftd.decode.schema import Schema, SignalType
from driftd.reference.bins import bin_numbers, fine_edges
from driftd.reference.layout import COARSE, FINE, OTHER_FINE
from driftd.reference.panes import Columns, PaneCounter, Places
from driftd.reference.profile import Levels, Profile, category_rows, number_rows, quanta, to_coarse

BLOCKS_MIN = 4
"""An overdispersion is estimated from no fewer blocks of panes than these."""

MAGNITUDE_MAX = 1e140
"""A reference ends here on both sides: squares of means of what lies beyond are no floats any more."""

QUANTUM_EXPONENT_MIN = -1000
"""No quantum is smaller than two to this: the next steps down are zero."""

HISTORY_PANES_MAX = 256
"""So many of the first panes are kept apart while the reference is counted, to see how much they scatter."""


@dataclass
class LevelCounter:
    """The levels of one category signal that were seen, in order, bounded by `levels_max`."""

    levels_max: int
    code_of_level: dict[str, int] = field(default_factory=dict)
    unbounded: bool = False

    def code(self, value: object) -> int:
        """The fine bin of `value`: a level, None for missing, INVALID for anything else."""
        if value is None:
            return FINE.missing
        if value is INVALID or not isinstance(value, str):
            return FINE.invalid
        code = self.code_of_level.get(value)
        if code is None:
            if len(self.code_of_level) >= self.levels_max:
                self.unbounded = True
                return OTHER_FINE
            code = self.code_of_level[value] = len(self.code_of_level)
        return min(code, OTHER_FINE)


@dataclass(frozen=True)
class Cut:
    """How the numbers of a reference are cut: fixed by its learning events.

    `edges` (s, 63), `center`, `quantum`, `low`, `high` (s,), for all signals of `schema`.
    """

    schema: Schema
    edges: NDArray[np.float64]
    center: NDArray[np.float64]
    quantum: NDArray[np.float64]


def start(schema: Schema, numbers: NDArray[np.float64]) -> Cut:
    """The cut that the learning events' `numbers` (number signals, n) ask for."""
    signals = len(schema.signals)
    edges = np.full((signals, FINE.values - 1), np.inf)
    center, quantum = np.zeros(signals), np.ones(signals)
    for row, s in enumerate(number_rows(schema).tolist()):
        if schema.signals[s].type is SignalType.BOOLEAN:
            edges[s, 0], quantum[s] = 0.5, 2.0**-16
            continue
        finite = _bounded(numbers[row][np.isfinite(numbers[row])])
        edges[s] = fine_edges(finite)
        if finite.size:
            center[s] = float(np.median(finite))
            quantum[s] = _quantum(float(finite.max() - finite.min()), float(np.abs(finite).max()))
    return Cut(schema, edges, center, quantum)


def _quantum(span: float, largest: float) -> float:
    """A power of two near 1/65,536 of the span: exact in floating point, fine enough for any mean we print."""
    size = span or largest or 1.0
    return float(2.0 ** max(np.floor(np.log2(size)) - 16, QUANTUM_EXPONENT_MIN))


def _bounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(numbers, -MAGNITUDE_MAX, MAGNITUDE_MAX)


class Builder:
    """Counts the reference events of one version."""

    def __init__(self, cut: Cut, levels_max: int, pane_events: int) -> None:
        self.cut = cut
        self.levels_max = levels_max
        signals = len(cut.schema.signals)
        self.rows = number_rows(cut.schema)
        self.category_rows = category_rows(cut.schema)
        self.levels = {s: LevelCounter(levels_max) for s in self.category_rows}
        self.low, self.high = np.full(signals, np.inf), np.full(signals, -np.inf)
        self.counter = PaneCounter(signals, FINE.width, pane_events)
        self.counts, self.sums = self.counter.counts.copy(), self.counter.sums.copy()
        # no count is larger than the pane: a byte each instead of eight, for as long as the reference takes
        self.history_type = np.min_scalar_type(pane_events)
        self.history: list[NDArray[np.unsignedinteger]] = []
        self.events = 0
        self.first_ms = self.last_ms = 0

    def add(self, columns: Columns, places: Places) -> None:
        """Count the events of `columns`, whose places are `places`."""
        at_ms = np.asarray(places.at_ms, np.int64)
        events = at_ms.size
        if events == 0:
            return
        self.first_ms = int(at_ms.min()) if self.events == 0 else min(self.first_ms, int(at_ms.min()))
        self.last_ms = int(at_ms.max()) if self.events == 0 else max(self.last_ms, int(at_ms.max()))
        self.events += events
        bins, whole = self._bins(columns, events)
        for _, pane in self.counter.add(bins, whole, places):
            self.counts += pane.counts
            self.sums += pane.sums
            if len(self.history) < HISTORY_PANES_MAX:
                self.history.append(pane.counts.astype(self.history_type))

    def _bins(self, columns: Columns, events: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        numbers, categories = columns.numbers, columns.categories
        signals = len(self.cut.schema.signals)
        bins, whole = np.empty((signals, events), np.uint8), np.zeros((signals, events), np.int64)
        rows = self.rows
        if rows.size:
            everywhere = np.full(rows.size, np.inf)
            bins[rows] = bin_numbers(numbers, self.cut.edges[rows], -everywhere, everywhere, FINE)
            whole[rows] = quanta(numbers, self.cut.center[rows], self.cut.quantum[rows])
            finite, near = np.isfinite(numbers), _bounded(numbers)
            self.low[rows] = np.minimum(self.low[rows], np.where(finite, near, np.inf).min(axis=1))
            self.high[rows] = np.maximum(self.high[rows], np.where(finite, near, -np.inf).max(axis=1))
        for row, s in enumerate(self.category_rows):
            code = self.levels[s].code
            bins[s] = [code(value) for value in categories[row]]
        return bins, whole

    def build(self, model: str, version: str | None) -> Profile:
        """The profile of all events counted so far; at least one."""
        counts, sums = self.counts + self.counter.counts, self.sums + self.counter.sums
        ones = np.ones(len(self.cut.schema.signals))
        plain = Profile(
            model, version, self.cut.schema, self._levels(), self.events, self.first_ms, self.last_ms,
            self.counter.pane_events, self.cut.edges, counts, self.cut.center, self.cut.quantum, sums,
            self.low, self.high, ones, ones,
        )  # fmt: skip
        if len(self.history) < BLOCKS_MIN:
            return plain
        history = to_coarse(np.array(self.history, np.int64), plain.coarse_of_fine)
        return replace(
            plain, inflation=inflation(history, plain), missing_inflation=missing_inflation(history)
        )

    def _levels(self) -> tuple[Levels | None, ...]:
        return tuple(
            Levels(tuple(self.levels[s].code_of_level), self.levels[s].unbounded)
            if s in self.levels
            else None
            for s in range(len(self.cut.schema.signals))
        )


def inflation(history: NDArray[np.int64], profile: Profile) -> NDArray[np.float64]:
    """How much more the bin counts of blocks of panes scatter than independent events' would: (s,), >= 1.

    `history` (t, s, 20). The largest mean of Pearson's X^2 per degree of freedom over blocks of 1, 2, 4, ...
    panes: autocorrelation shows at the length where it has played out.
    """
    probabilities = profile.probabilities[None]
    possible = profile.possible[None] & (profile.coarse_counts[None] > 0)
    freedom = np.maximum(possible.sum(axis=2)[0] - 1, 1)
    largest = np.ones(history.shape[1])
    for block in _blocks(history):
        observed = np.where(possible, block, 0)
        expected = observed.sum(axis=2, keepdims=True) * probabilities
        squares = np.where(possible & (expected > 0), (observed - expected) ** 2, 0.0)
        statistic = (squares / np.maximum(expected, 1e-12)).sum(axis=2)
        largest = np.maximum(largest, statistic.mean(axis=0) / freedom)
    return largest


def missing_inflation(history: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same for the share of missing values alone: (s,), >= 1."""
    share = history[:, :, COARSE.missing].sum(axis=0) / history.sum(axis=(0, 2))
    largest = np.ones(history.shape[1])
    for block in _blocks(history):
        events = block.sum(axis=2)
        variance = np.maximum(events * share * (1 - share), 1e-12)
        squares = (block[:, :, COARSE.missing] - events * share) ** 2
        largest = np.maximum(largest, np.where(share > 0, (squares / variance).mean(axis=0), 1.0))
    return largest


def _blocks(history: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    blocks, length = [], 1
    while history.shape[0] // length >= BLOCKS_MIN:
        whole = history.shape[0] // length
        blocks.append(history[: whole * length].reshape(whole, length, *history.shape[1:]).sum(axis=1))
        length *= 2
    return blocks
