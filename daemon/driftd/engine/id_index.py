"""From ids to rows, in 16 bytes for each. Rule: it knows where ids were put; the ring of keys knows which are held.

An id is known by its hash (64 bits), and looked for by open addressing with linear probing, many ids at once.
Rows that were let go have no key any more, so nothing has to be taken out of here; it is made anew when it fills.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NO_KEY: Final = 0
"""The key of a row that holds nothing; `id_keys` gives it to no id."""
SLOTS_PER_ROW: Final = 4
FEW: Final = 64
"""So many ids are looked for one by one, which is sooner than a dozen calls of numpy."""
FILLED_MAX: Final = 0.6
"""More filled slots than that and a search for what is not there takes more than four steps on average."""


class IdIndex:
    """Rows, of a ring of `rows` rows, by key."""

    def __init__(self, rows: int) -> None:
        """Empty, for a ring of `rows` rows, a power of two."""
        self._slots = np.full(rows * SLOTS_PER_ROW, -1, np.int32)
        self._view = self._slots.data
        self._filled = 0

    def find_few(self, wanted: Sequence[int], keys: Any) -> list[int]:
        """As `find`, for few; `keys` is a view of the memory of those of the ring."""
        slots, mask = self._view, len(self._slots) - 1
        found: list[int] = []
        for key in wanted:
            at = key & mask
            row = slots[at]
            while row >= 0 and keys[row] != key:
                at = (at + 1) & mask
                row = slots[at]
            found.append(row)
        return found

    def find(self, wanted: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The rows, of the ring `keys`, that hold the `wanted`, (n,); -1 where none does."""
        mask = len(self._slots) - 1
        at = (wanted & np.uint64(mask)).astype(np.int64)
        found = self._slots[at].astype(np.int64)
        # most are found, or known not to be there, at the first look; row -1 is the last one, and is left out
        on = (found >= 0) & (keys[found] != wanted)
        if not on.any():
            return found
        found[on] = -1
        open_ = on.nonzero()[0]
        at = (at[open_] + 1) & mask
        while len(open_):
            rows = self._slots[at]
            filled = rows >= 0
            same = filled & (keys[rows] == wanted[open_])
            found[open_[same]] = rows[same]
            on = filled & ~same
            open_, at = open_[on], (at[on] + 1) & mask
        return found

    def add(self, rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Let `rows` of the ring `keys` be found by their keys, no two of which are equal."""
        if self._filled + len(rows) > len(self._slots) * FILLED_MAX:
            self._slots.fill(-1)
            self._filled = 0
            rows = np.flatnonzero(keys)
        mask = len(self._slots) - 1
        self._filled += len(rows)
        if len(rows) <= FEW:
            self._add_few(rows.tolist(), keys[rows].tolist())
            return
        at = (keys[rows] & np.uint64(mask)).astype(np.int64)
        while len(rows):
            free = self._slots[at] < 0
            self._slots[at[free]] = rows[free]
            # of several that wanted one slot the last one has it
            on = self._slots[at] != rows
            rows, at = rows[on], (at[on] + 1) & mask

    def _add_few(self, rows: Sequence[int], keys: Sequence[int]) -> None:
        slots, mask = self._view, len(self._slots) - 1
        for row, key in zip(rows, keys, strict=True):
            at = key & mask
            while slots[at] >= 0:
                at = (at + 1) & mask
            slots[at] = row
