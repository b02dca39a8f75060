"""Which periods are held. Rule: the newest so many that were seen; how events are cut into batches makes no difference.

A period is known by its number, at_ms // period_ms. Where one too many begins, the oldest goes; what comes for a
period older than all held is refused. One prediction from the far future takes one place, not all of them.
"""

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import MISSING

Ints = NDArray[np.int64]


class HeldPeriods:
    """At most `periods_max` periods, each with a row that it keeps while it is held."""

    def __init__(self, periods_max: int) -> None:
        self.periods_max = periods_max
        self.rows: dict[int, int] = {}
        self.free: list[int] = []

    @property
    def numbers(self) -> list[int]:
        """The periods held, in order of time."""
        return sorted(self.rows)

    def rows_of(self, periods: Ints) -> Ints:
        """The row of each event's period (n,), MISSING where it is not held."""
        if (row := self._only_row(periods)) is not None:
            return np.full(len(periods), row, np.int64)
        different, inverse = np.unique(periods, return_inverse=True)
        rows = np.array([self.rows.get(period, MISSING) for period in different.tolist()], np.int64)
        return rows[inverse]

    def admit(self, periods: Ints) -> tuple[Ints, list[tuple[int, int]]]:
        """The row of each event's period (n,), MISSING where it is refused, and (period, row) of the periods that go.

        Rows of periods that go are still theirs, because events before may belong to them: call `release` after.
        """
        if (row := self._only_row(periods)) is not None:
            return np.full(len(periods), row, np.int64), []
        different, first, inverse = np.unique(periods, return_index=True, return_inverse=True)
        numbers = different.tolist()
        if all(number in self.rows for number in numbers):
            return np.array([self.rows[number] for number in numbers], np.int64)[inverse], []
        known = dict(self.rows)
        gone: list[tuple[int, int]] = []
        until = np.full(len(numbers), len(periods), np.int64)
        place = {number: index for index, number in enumerate(numbers)}
        for index in np.argsort(first).tolist():
            number = numbers[index]
            if number in self.rows or not self._make_room(number, gone):
                continue
            if gone and gone[-1][0] in place:
                until[place[gone[-1][0]]] = min(until[place[gone[-1][0]]], first[index])
            known[number] = self.rows[number] = self._row(len(gone))
        rows = np.array([known.get(number, MISSING) for number in numbers], np.int64)[inverse]
        # what came for a period after it had gone
        rows[np.arange(len(periods)) >= until[inverse]] = MISSING
        return rows, gone

    def _only_row(self, periods: Ints) -> int | None:
        """The row where all `periods` are one that is held, as they mostly are; else None."""
        row = self.rows.get(int(periods[0])) if len(periods) else None
        return row if row is not None and (periods == periods[0]).all() else None

    def release(self, gone: list[tuple[int, int]]) -> None:
        """Let the rows of periods that went be used again."""
        self.free += [row for _, row in gone]

    def _make_room(self, number: int, gone: list[tuple[int, int]]) -> bool:
        if len(self.rows) < self.periods_max:
            return True
        oldest = min(self.rows)
        if number < oldest:
            return False
        gone.append((oldest, self.rows.pop(oldest)))
        return True

    def _row(self, waiting: int) -> int:
        """A row that no period has; `waiting` rows of periods that went are not free yet."""
        return self.free.pop() if self.free else len(self.rows) + waiting
