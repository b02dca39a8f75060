"""Predictions and their labels, as columns that can be counted. Rule: what cannot be counted is kept out, and counted.

A pair is counted or refused for what it is, whatever comes before it, so that it can be taken back by the same columns.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, MISSING, OTHER, UNLIKE
from driftd.performance.exact import ERROR_MAX
from driftd.performance.layout import WEIGHT_MAX, WEIGHT_ONE
from driftd.performance.text import TOO_LONG, Compared

SCORE_MIN: Final = 1e-6
"""A score of zero for what then happened is a loss of 13.8, not of infinity."""
CLASSES_MAX: Final = 8
SUM_TOLERANCE: Final = 0.01
"""Scores of all classes sum to 1 within this; rounding to two digits is no error."""


class Refused(StrEnum):
    """Why something was kept out."""

    PREDICTION = "prediction"  # there is none
    LABEL = "label"  # it is no class, or no number
    WEIGHT = "weight"  # negative, too large, or no number
    ERROR_SIZE = "error_size"  # the difference to the label is beyond all numbers that are sensible
    SCORES_NOT_FINITE = "scores_not_finite"
    SCORES_OUTSIDE = "scores_outside"  # of [0, 1]
    SCORES_SUM = "scores_sum"  # is not 1
    TEXT_LENGTH = "text_length"  # not compared word by word
    PERIOD = "period"  # it is not, or no longer, held


Counts = Counter[Refused]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n predictions: `values` (n, classes) float64, of the codes from FIRST on; `usable` (n,) bool.

    What is not usable has no scores, or bad ones; its values are 0.
    """

    values: NDArray[np.float64]
    usable: NDArray[np.bool_]

    def of(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The score of one code per row, and whether there is one, both (n,)."""
        column = codes - FIRST
        there = self.usable & (column >= 0) & (column < self.values.shape[1])
        if there.all():
            return self.values[np.arange(len(codes)), column], there
        values = np.zeros(len(codes))
        index = np.flatnonzero(there)
        values[index] = self.values[index, column[index]]
        return values, there

    def take(self, index: NDArray[np.int64]) -> "Scores":
        """The scores at `index`."""
        return Scores(self.values[index], self.usable[index])


def checked_scores(values: NDArray[np.float64] | None, n: int, refused: Counts) -> Scores:
    """The scores (n, classes) that are probabilities; a row of NaN alone has none, bad ones are counted in `refused`.

    >>> refused = Counts()
    >>> checked_scores(np.array([[0.2, 0.8], [0.2, 0.2], [np.nan, 1.0], [-1.0, 2.0]]), 4, refused).usable.tolist()
    [True, False, False, False]
    >>> print(*sorted(refused))
    scores_not_finite scores_outside scores_sum
    """
    if values is None or values.shape[1] == 0:
        return Scores(np.zeros((n, 0)), np.zeros(n, np.bool_))
    # column by column: in a fixed order, whatever the shape
    columns = list(np.asarray(values, np.float64).T)
    total = np.zeros(n)
    if ((values >= 0) & (values <= 1)).all():
        for column in columns:
            total += column
        usable = np.abs(total - 1) <= SUM_TOLERANCE
        if usable.all():
            return Scores(values, usable)
        total = np.zeros(n)
    finite, absent, inside = np.ones(n, np.bool_), np.ones(n, np.bool_), np.ones(n, np.bool_)
    with np.errstate(invalid="ignore"):
        for column in columns:
            finite &= np.isfinite(column)
            absent &= np.isnan(column)
            inside &= (column >= 0) & (column <= 1)
            total += column
        one = np.abs(total - 1) <= SUM_TOLERANCE
    usable = finite & inside & one
    for reason, bad in (
        (Refused.SCORES_NOT_FINITE, ~finite & ~absent),
        (Refused.SCORES_OUTSIDE, finite & ~inside),
        (Refused.SCORES_SUM, finite & inside & ~one),
    ):
        if count := int(np.count_nonzero(bad)):
            refused[reason] += count
    return Scores(np.where(usable[:, None], values, 0.0), usable)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What can be counted of n pairs; all (n,).

    `index`: which of the rows that came these are. `predicted` and `label`: codes. `weights`: int64, in quanta. Of the
    others there are those that the kind has: `scores`, `errors` (prediction - label), `texts`.
    """

    index: NDArray[np.int64]
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    weights: NDArray[np.int64]
    scores: Scores | None = None
    errors: NDArray[np.float64] | None = None
    texts: Compared | None = None

    def __len__(self) -> int:
        return len(self.index)

    def take(self, chosen: NDArray[np.int64]) -> "Pairs":
        """The pairs at `chosen`."""
        return Pairs(
            self.index[chosen],
            self.predicted[chosen],
            self.label[chosen],
            self.weights[chosen],
            None if self.scores is None else self.scores.take(chosen),
            None if self.errors is None else self.errors[chosen],
            None if self.texts is None else self.texts.take(chosen),
        )


def weight_quanta(weights: NDArray[np.float64] | None, n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Weights (n,) in quanta, rounded to the nearest, and which of them are valid; all 1 where there are none.

    >>> weight_quanta(np.array([1.0, 0.1, -1.0, np.nan, 1e9]), 5)[0].tolist()
    [65536, 6554, 0, 0, 0]
    """
    if weights is None:
        return np.full(n, WEIGHT_ONE, np.int64), np.ones(n, np.bool_)
    valid = (weights >= 0) & (weights <= WEIGHT_MAX)  # NaN is neither
    return np.rint(np.where(valid, weights, 0.0) * WEIGHT_ONE).astype(np.int64), valid


def class_codes(codes: NDArray[np.int64], classes_max: int) -> NDArray[np.int64]:
    """`codes` (n,), OTHER for those of more than `classes_max` classes."""
    return np.where(codes >= FIRST + classes_max, OTHER, codes)


def class_pairs(
    predicted: NDArray[np.int64],
    label: NDArray[np.int64],
    refused: Counts,
    *,
    classes_max: int = CLASSES_MAX,
    weights: NDArray[np.float64] | None = None,
    scores: NDArray[np.float64] | None = None,
    same: NDArray[np.bool_] | None = None,
) -> Pairs:
    """Pairs of classes: codes `predicted` and `label` (n,), MISSING where there is none.

    `scores` (n, classes): of the codes from FIRST on. `same` (n,): whether prediction and label are the same where
    both are OTHER; not given, they are taken to be different, for a class too many is no reason to be right.
    """
    index, quanta = _usable(predicted, label, weights, refused)
    predicted, label = class_codes(predicted[index], classes_max), class_codes(label[index], classes_max)
    unlike = (predicted == OTHER) & (label == OTHER)
    if same is not None:
        unlike &= ~same[index]
    predicted = np.where(unlike, UNLIKE, predicted)
    checked = checked_scores(None if scores is None else scores[index], len(index), refused)
    kept = Scores(checked.values[:, :classes_max], checked.usable)
    return Pairs(index, predicted, label, quanta, scores=kept)


def number_pairs(
    prediction: NDArray[np.float64],
    label: NDArray[np.float64],
    refused: Counts,
    *,
    classes_max: int = CLASSES_MAX,
    strata: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Pairs:
    """Pairs of numbers (n,); `strata` (n,): a code of each prediction, for instance its bin, else OTHER."""
    with np.errstate(invalid="ignore", over="ignore"):
        errors = prediction - label
    codes = np.zeros(len(errors), np.int64) if strata is None else class_codes(strata, classes_max)
    known = np.where(np.isfinite(prediction), codes, MISSING)
    index, quanta = _usable(known, np.where(np.isfinite(label), codes, MISSING), weights, refused)
    sensible = np.abs(errors[index]) <= ERROR_MAX
    if bad := int(np.count_nonzero(~sensible)):
        refused[Refused.ERROR_SIZE] += bad
    index, quanta = index[sensible], quanta[sensible]
    return Pairs(index, codes[index], codes[index], quanta, errors=errors[index])


def text_pairs(
    compared: Compared,
    refused: Counts,
    *,
    classes_max: int = CLASSES_MAX,
    strata: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Pairs:
    """Pairs of texts, compared already (`text.compare`); `strata` (n,): a code of each prediction, else OTHER."""
    codes = np.zeros(len(compared.words), np.int64) if strata is None else class_codes(strata, classes_max)
    index, quanta = _usable(codes, codes, weights, refused)
    texts = compared.take(index)
    if long := int(np.count_nonzero(texts.words == TOO_LONG)):
        refused[Refused.TEXT_LENGTH] += long
    return Pairs(index, codes[index], codes[index], quanta, texts=texts)


def _usable(
    predicted: NDArray[np.int64],
    label: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    refused: Counts,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (m,) of the pairs that can be counted, and their weights in quanta (m,)."""
    quanta, valid = weight_quanta(weights, len(predicted))
    there = predicted >= 0
    known = label >= 0
    if (there & known & valid).all():
        return np.arange(len(quanta)), quanta
    for reason, bad in (
        (Refused.PREDICTION, ~there),
        (Refused.LABEL, there & ~known),
        (Refused.WEIGHT, there & known & ~valid),
    ):
        if count := int(np.count_nonzero(bad)):
            refused[reason] += count
    index = np.flatnonzero(there & known & valid)
    return index, quanta[index]


def log_losses(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the logarithm of `scores` (n,), one by one: numpy's last bit may depend on the place in the array."""
    return -np.fromiter(map(log, np.maximum(scores, SCORE_MIN).tolist()), np.float64, len(scores))
