"""Rows of counts. Rule: integers only, so rows merge and give back exactly what they took.

A tally has as many rows as are asked for (one for a single accumulator, one per period or segment of a period else).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.performance.exact import Limbs
from driftd.performance.layout import Layout
from driftd.reference.arrays import array_to_json, integers_from_json


class Tally:
    """`counts` is (rows, layout.width) int64; a row that is not in use is all 0."""

    def __init__(self, layout: Layout, rows: int = 1) -> None:
        self.layout = layout
        self.counts = np.zeros((rows, layout.width), np.int64)

    def field(self, name: str) -> NDArray[np.int64]:
        """The counts of a field in all rows, (rows, *shape of the field): a view."""
        place = self.layout.fields[name]
        return self.counts[:, place.start : place.start + place.size].reshape(-1, *place.shape)

    def add(
        self,
        name: str,
        rows: NDArray[np.int64],
        cells: NDArray[np.int64] | int,
        amounts: NDArray[np.int64] | int,
    ) -> None:
        """Add `amounts` (n,) to the `cells` (n,) of a field, flat indices within its shape, in `rows` (n,)."""
        flat = self.counts.reshape(-1)
        np.add.at(flat, rows * self.layout.width + (self.layout.fields[name].start + cells), amounts)

    def add_all(
        self,
        names: tuple[str, ...],
        rows: NDArray[np.int64],
        cells: NDArray[np.int64],
        amounts: NDArray[np.int64],
    ) -> None:
        """Add to k fields at once, which for few events takes little longer than to one.

        `cells` are (k, n), or (n,) for all fields alike, `amounts` (k, n).
        """
        where = rows * self.layout.width + (self.layout.starts(names) + cells)
        np.add.at(self.counts.reshape(-1), where.ravel(), amounts.ravel())

    def add_exact(
        self,
        names: tuple[str, ...],
        rows: NDArray[np.int64],
        cells: NDArray[np.int64],
        values: NDArray[np.float64],
        limbs: Limbs,
    ) -> None:
        """Add the fractions `values` (k, n) to `cells` (n,) of k fields whose last axis are limbs."""
        cells = cells * limbs.count
        for limb, part in limbs.split(values):
            self.add_all(names, rows, cells + limb, part)

    def reserve(self, rows: int) -> None:
        """Have at least `rows` rows."""
        if rows > len(self.counts):
            more = max(rows, 2 * len(self.counts)) - len(self.counts)
            self.counts = np.concatenate([self.counts, np.zeros((more, self.layout.width), np.int64)])

    def widen(self, classes: int) -> None:
        """Have room for at least `classes` classes."""
        if classes <= self.layout.classes:
            return
        wider = Tally(self.layout.widened(classes), len(self.counts))
        for name, place in self.layout.fields.items():
            corner = tuple(slice(size) for size in place.shape)
            wider.field(name)[(slice(None), *corner)] = self.field(name)
        self.layout, self.counts = wider.layout, wider.counts

    def merge(self, other: "Tally") -> None:
        """Add the counts of `other`, row by row; it has as many. Raises ValueError where it counts other things."""
        if other.layout.widened(0) != self.layout.widened(0):
            raise ValueError(f"{other.layout} counts other things than {self.layout}")
        self.widen(other.layout.classes)
        theirs = other.selected(range(len(other.counts)))
        theirs.widen(self.layout.classes)
        self.counts += theirs.counts

    def selected(self, rows: Sequence[int]) -> "Tally":
        """A tally of copies of `rows`."""
        chosen = Tally(self.layout, 0)
        chosen.counts = self.counts[list(rows)]
        return chosen

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {"layout": self.layout.to_json(), "counts": array_to_json(self.counts)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Tally":
        """A tally as it was."""
        tally = cls(Layout.from_json(document["layout"]), 0)
        tally.counts = integers_from_json(document["counts"]).reshape(-1, tally.layout.width)
        return tally
