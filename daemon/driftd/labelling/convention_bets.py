"""What is bet on when texts are written in another style. Rule: shares within one aspect; aspects do not mix.

The styles of all aspects lie in one row of STYLES columns. A bet on a style multiplies its odds by FACTORS, against the
reference's share; it pays for what the reference leaves open, and for scatter beyond that of independent labels,
because texts of one hand come in a row.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.stakes import ERRORS
from driftd.labelling.style import ASPECTS
from driftd.reference.arrays import array_to_json, integers_from_json

ASPECT_OF: Final = np.repeat(np.arange(len(ASPECTS)), [len(aspect.styles) for aspect in ASPECTS])
"""The aspect of each style."""
STYLES: Final = len(ASPECT_OF)
FIRST: Final = np.searchsorted(ASPECT_OF, np.arange(len(ASPECTS)))
"""The column of each aspect's first style."""
FACTORS: Final = np.array([0.05, 0.25, 4.0, 20.0])
SLIPS: Final = 0.05
"""Whoever keeps to one style slips in so many texts, at most."""
MIXED: Final = np.array([0.15, 0.35])
"""How much of another style is bet on."""
DIFFERENT_MIN: Final = 0.15
"""Annotators may differ by so much of their texts, because they are not given the same ones."""
USUAL_LABELS: Final = 2.0
"""What the others do counts for an annotator as so many labels of his own."""

Numbers = NDArray[np.float64]


def among(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """In how many texts the aspect of each style arises, (..., STYLES) like `counts`."""
    return np.asarray(np.add.reduceat(counts, FIRST, axis=-1)[..., ASPECT_OF], np.int64)


def change_wins(counts: NDArray[np.int64], reference: NDArray[np.int64], scatter: Numbers) -> Numbers:
    """Logs of what the bets on each style win, (STYLES, 4), on a pane of `counts` (STYLES,)."""
    labels = np.maximum(among(reference), 1) / scatter
    p = (reference + 0.5) / (among(reference) + 1)
    error = ERRORS * np.sqrt(p * (1 - p) / labels) + ERRORS**2 / 2 / labels
    low, high = np.maximum(p - error, 0.0)[:, None], np.minimum(p + error, 1.0)[:, None]
    worst = np.where(FACTORS > 1, high, low)
    price = np.log1p(worst * (FACTORS - 1))
    won = counts[:, None] * np.log(FACTORS) - among(counts)[:, None] * price
    return np.asarray(won / scatter[:, None], np.float64)


def mixed_wins(counts: NDArray[np.int64]) -> Numbers:
    """Logs of what "more than a slip" wins for each style, (STYLES, 2)."""
    other = (among(counts) - counts)[:, None]
    return np.asarray(
        counts[:, None] * np.log(MIXED / SLIPS) + other * np.log((1 - MIXED) / (1 - SLIPS)), np.float64
    )


def different_wins(
    own: NDArray[np.int64], others: NDArray[np.int64], own_past: NDArray[np.int64], past: NDArray[np.int64]
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Logs of what "he writes otherwise than the others" wins, and where it is bet at all, (a, aspects) both.

    All are counts (a, STYLES): his in the pane, the others' in it, his before, the others' before. The shares that are
    bet on are those of the past; for two samples with k outcomes the mean is at most 1 as in `agreement`.
    """
    width = np.bincount(ASPECT_OF)[ASPECT_OF]
    r = (past + 0.5) / (among(past) + 0.5 * width)
    t = (own_past + USUAL_LABELS * r) / (among(own_past) + USUAL_LABELS)
    n, m = among(own), among(others)
    o = (n * t + m * r) / np.maximum(n + m, 1)
    both = (n > 0) & (m > 0)
    o = np.where(both, o, 1.0)
    won = np.where(both, own * np.log(t / o) + others * np.log(r / o), 0.0)
    distance = np.add.reduceat(np.abs(t - r), FIRST, axis=1) / 2
    bet = both[:, FIRST] & (distance >= DIFFERENT_MIN)
    return np.add.reduceat(won, FIRST, axis=1) * bet, bet


class StyleScatter:
    """How much the counts of each style scatter from pane to pane, while the reference is learned: integers only.

    Panes are taken alone and by fours, because hands change more slowly than panes.
    """

    LENGTHS: Final = (1, 4)

    def __init__(self) -> None:
        self.panes = 0
        # of counts x and texts n of panes or fours of them: the sums of x x, x n, n n and n, and the unfinished x, n
        self.sums: NDArray[np.int64] = np.zeros((len(self.LENGTHS), 4, STYLES), np.int64)
        self.open: NDArray[np.int64] = np.zeros((len(self.LENGTHS), 2, STYLES), np.int64)

    def add(self, counts: NDArray[np.int64], learning: NDArray[np.bool_]) -> None:
        """Take a pane of `counts` (STYLES,) for the styles that are still `learning` (STYLES,)."""
        self.panes += 1
        for i, length in enumerate(self.LENGTHS):
            self.open[i] += np.stack([counts, among(counts)]) * learning
            if self.panes % length == 0:
                x, n = self.open[i]
                self.sums[i] += np.stack([x * x, x * n, n * n, n])
                self.open[i] = 0

    def factors(self, reference: NDArray[np.int64]) -> Numbers:
        """The variance of the counts over that of independent labels, at least 1, (STYLES,)."""
        p = (reference + 0.5) / (among(reference) + 1)
        xx, xn, nn, n = self.sums.transpose(1, 0, 2).astype(np.float64)
        ratio = (xx - 2 * p * xn + p**2 * nn) / np.maximum(p * (1 - p) * n, 1e-9)
        return np.asarray(np.maximum(np.where(n > 0, ratio, 1.0).max(axis=0), 1.0), np.float64)

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {"panes": self.panes, "sums": array_to_json(self.sums), "open": array_to_json(self.open)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.panes = int(document["panes"])
        self.sums, self.open = integers_from_json(document["sums"]), integers_from_json(document["open"])
