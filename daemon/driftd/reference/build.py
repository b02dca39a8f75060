"""Building a profile from events as they come. Rule: the same events give the same profile, however cut.

`cut.start` fixes edges and quanta from the learning events; `Builder` then counts, those events included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftd.decode.batch import INVALID
from driftd.reference.bins import Binning
from driftd.reference.cut import Cut, bounded
from driftd.reference.cycle import HOUR_MS, Cycle
from driftd.reference.finish import finished
from driftd.reference.history import HistoryCounter
from driftd.reference.layout import COARSE, FINE, OTHER_FINE
from driftd.reference.panes import Columns, Pane, PaneCounter, Places
from driftd.reference.profile import Levels, Profile, category_rows, number_rows, to_coarse


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


class Builder:
    """Counts the reference events of one version."""

    def __init__(self, cut: Cut, levels_max: int, pane_events: int, cycle: Cycle = Cycle.NONE) -> None:
        """Count by `cut`, in panes of `pane_events`; signals may follow `cycle`."""
        self.cut = cut
        self.cycle = cycle
        self.levels_max = levels_max
        signals = len(cut.schema.signals)
        self.rows = number_rows(cut.schema)
        self.category_rows = category_rows(cut.schema)
        everywhere, rows = np.full(self.rows.size, np.inf), self.rows
        self.binning = Binning(
            cut.edges[rows], -everywhere, everywhere, cut.center[rows], cut.quantum[rows], FINE
        )
        self.levels = {s: LevelCounter(levels_max) for s in self.category_rows}
        for s, names in zip(self.category_rows, cut.levels, strict=False):
            self.levels[s].code_of_level.update((name, code) for code, name in enumerate(names))
        self.low, self.high = np.full(signals, np.inf), np.full(signals, -np.inf)
        self.counter = PaneCounter(signals, FINE.width, pane_events)
        self.counts, self.sums = self.counter.counts.copy(), self.counter.sums.copy()
        self.coarse_counts = np.zeros((signals, COARSE.width), np.int64)
        self.history = HistoryCounter(signals)
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
            coarse = to_coarse(pane.counts, self.cut.coarse_of_fine)
            self.coarse_counts += coarse
            self.history.add(coarse, pane.first.at_ms)

    def grow(self, panes: Sequence[Pane]) -> None:
        """Count `panes` of the same length, which were cut and binned by a profile of this builder's."""
        for pane in panes:
            self.first_ms = min(self.first_ms, pane.first.at_ms)
            self.last_ms = max(self.last_ms, pane.last.at_ms)
            self.events += pane.events
            self.sums += pane.sums
            self.coarse_counts += pane.counts
            self.history.add(pane.counts, pane.first.at_ms)

    def _bins(self, columns: Columns, events: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        numbers, categories = columns.numbers, columns.categories
        signals = len(self.cut.schema.signals)
        bins, whole = np.empty((signals, events), np.uint8), np.zeros((signals, events), np.int64)
        rows = self.rows
        if rows.size:
            bins[rows], whole[rows] = self.binning.count(numbers)
            finite, near = np.isfinite(numbers), bounded(numbers)
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
        cut = self.cut
        return finished(
            Profile(
                model, version, cut.schema, self._levels(), self.events, self.first_ms, self.last_ms,
                self.counter.pane_events, cut.coarse_of_fine, cut.edges, counts, self.all_coarse_counts, cut.center,
                cut.quantum, sums, self.low, self.high, ones, ones, self.history.history(), self._cycle(),
            )
        )  # fmt: skip

    @property
    def all_coarse_counts(self) -> NDArray[np.int64]:
        """The coarse counts, (s, 20), with those of the unfinished pane."""
        counts: NDArray[np.int64] = self.coarse_counts + to_coarse(
            self.counter.counts, self.cut.coarse_of_fine
        )
        return counts

    def _cycle(self) -> Cycle:
        """The cycle, or none where the history's blocks take longer than its hours."""
        block_events = self.counter.pane_events * self.history.block_panes
        block_ms = (self.last_ms - self.first_ms) / max(self.events, 1) * block_events
        return self.cycle if 0 < block_ms <= HOUR_MS else Cycle.NONE

    def _levels(self) -> tuple[Levels | None, ...]:
        return tuple(
            Levels(tuple(self.levels[s].code_of_level), self.levels[s].unbounded)
            if s in self.levels
            else None
            for s in range(len(self.cut.schema.signals))
        )
