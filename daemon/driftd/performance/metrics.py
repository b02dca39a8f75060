"""Figures out of counts. Rule: a figure that has nothing to stand on is NaN, never 0.

Confusions are (..., codes, codes) float64, [predicted, label], in labels or in what they stand for, so that the same
functions serve what is labelled and what it is corrected to. OTHER is right or wrong as each class is, but has no
recall or F1 of its own: it is not one class.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST
from driftd.performance.counting import count
from driftd.performance.exact import ERROR, LOSS
from driftd.performance.layout import WEIGHT_ONE, Kind, Layout
from driftd.performance.pairs import Pairs
from driftd.performance.tally import Tally

Floats = NDArray[np.float64]


def accuracy(confusions: Floats) -> Floats:
    """The share that is right, (...)."""
    return ratio(np.trace(confusions, axis1=-2, axis2=-1), confusions.sum(axis=(-2, -1)))


def balanced_accuracy(confusions: Floats) -> Floats:
    """The mean recall of the classes that have labels, (...)."""
    return _mean(recalls(confusions)[..., FIRST:])


def recalls(confusions: Floats) -> Floats:
    """The share of each class that was predicted as what it is, (..., codes); NaN for a class without labels."""
    return ratio(np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(axis=-2))


def f1_macro(confusions: Floats) -> Floats:
    """The mean F1 of the classes that were predicted or have labels, (...)."""
    return _mean(f1(confusions)[..., FIRST:])


def f1(confusions: Floats) -> Floats:
    """2 true positives / (predicted + labelled), per class, (..., codes); NaN for a class that never occurs."""
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    return ratio(2 * right, confusions.sum(axis=-1) + confusions.sum(axis=-2))


def cost(confusions: Floats, matrix: Floats) -> Floats:
    """The mean cost of a prediction, (...); `matrix` (codes, codes): what [predicted, label] costs, a gain below 0."""
    return ratio((confusions * matrix).sum(axis=(-2, -1)), confusions.sum(axis=(-2, -1)))


def cost_matrix(costs: Mapping[tuple[int, int], float], classes: int) -> Floats:
    """The matrix of `costs`, by codes of prediction and label; what is not in it costs 0."""
    matrix = np.zeros((classes + FIRST, classes + FIRST))
    for (predicted, label), value in costs.items():
        matrix[predicted, label] = value
    return matrix


def ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, NaN where `whole` is 0."""
    out = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def calibration_error(weights: Floats, right: Floats, confidence: Floats) -> float:
    """Expected calibration error: mean distance of the score of what was predicted and how often it is right.

    By bins of the score, all (bins,): weight, weight that is right, sum of the scores. Naeini et al. 2015; Guo et al.
    2017, equation 3. Within a bin too high and too low cancel, so this is a lower bound of the true one.
    """
    total = weights.sum()
    return float(np.abs(confidence - right).sum() / total) if total else float("nan")


def auc(negative: Floats, positive: Floats) -> tuple[float, float]:
    """The area under the ROC curve by histograms of scores (bins,), and how far off it may be.

    A pair in the same bin counts half (Hanley and McNeil 1982), so the area with unbinned scores is within half of
    the share of such pairs: that is the second number, exact for these data.

    >>> auc(np.array([8.0, 2.0, 0.0]), np.array([0.0, 2.0, 8.0]))
    (0.98, 0.02)
    """
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return float("nan"), float("nan")
    tied = float((positive * negative).sum() / pairs) / 2
    below = np.cumsum(negative) - negative
    return float((positive * below).sum() / pairs) + tied, tied


class Accumulator:
    """One row of counts with its figures: of pairs that come in any order, merge, and can be taken back."""

    def __init__(self, layout: Layout) -> None:
        self.tally = Tally(layout)

    def add(self, pairs: Pairs) -> None:
        """Count `pairs`."""
        count(self.tally, np.zeros(len(pairs), np.int64), pairs)

    def take_back(self, pairs: Pairs) -> None:
        """Undo an `add` of the same pairs, to the last bit."""
        count(self.tally, np.zeros(len(pairs), np.int64), pairs, -1)

    def merge(self, other: "Accumulator") -> None:
        """Count what `other` counted too."""
        self.tally.merge(other.tally)

    def figures(self, costs: Floats | None = None) -> dict[str, float]:
        """See `figures_of`."""
        return figures_of(self.tally, 0, costs)

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return self.tally.to_json()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Accumulator":
        """An accumulator as it was."""
        tally = Tally.from_json(document)
        accumulator = cls(tally.layout)
        accumulator.tally = tally
        return accumulator


def figures_of(tally: Tally, row: int, costs: Floats | None = None) -> dict[str, float]:
    """What the labelled pairs of a row say, uncorrected, by name; weights count. NaN where there is nothing to say.

    Of classes: accuracy, balanced_accuracy, f1_macro, cost (with `costs`, see `cost_matrix`), log_loss, brier,
    calibration_error, auc and auc_error. Of numbers: mae, rmse, bias. Of texts: word_error_rate, sentence_error.
    """
    if tally.layout.kind is Kind.CLASSES:
        return _of_classes(tally, row, costs)
    weight = tally.field("weights")[row].sum() / WEIGHT_ONE
    if tally.layout.kind is Kind.NUMBERS:
        names = {"mae": "errors", "rmse": "squares", "bias": "bias"}
        sums = {name: ERROR.totals(tally.field(names[name])[row].sum(axis=0)).item() for name in names}
        means = {name: total / weight if weight else float("nan") for name, total in sums.items()}
        return means | {"rmse": sqrt(means["rmse"])}
    edits = sum(tally.field(name)[row].sum() for name in ("substitutions", "insertions", "deletions"))
    words = tally.field("words")[row].sum()
    return {
        "word_error_rate": float(edits / words) if words else float("nan"),
        "sentence_error": float(tally.field("wrong")[row].sum() / WEIGHT_ONE / weight)
        if weight
        else float("nan"),
    }


def _of_classes(tally: Tally, row: int, costs: Floats | None) -> dict[str, float]:
    confusion = tally.field("weights")[row] / WEIGHT_ONE
    figures = {
        "accuracy": accuracy(confusion).item(),
        "balanced_accuracy": balanced_accuracy(confusion).item(),
        "f1_macro": f1_macro(confusion).item(),
    }
    if costs is not None:
        figures["cost"] = cost(confusion, costs).item()
    scored = tally.field("scored")[row].sum() / WEIGHT_ONE
    for name in ("log_loss", "brier"):
        total = LOSS.totals(tally.field(name)[row].sum(axis=0)).item()
        figures[name] = total / scored if scored else float("nan")
    figures["calibration_error"] = calibration_error(
        tally.field("bin_weights")[row] / WEIGHT_ONE,
        tally.field("bin_right")[row] / WEIGHT_ONE,
        LOSS.totals(tally.field("bin_confidence")[row]),
    )
    figures["auc"], figures["auc_error"] = auc_of(tally, row)
    return figures


def auc_of(tally: Tally, row: int) -> tuple[float, float]:
    """The AUC of a row and its error: the mean over classes of one against the rest (of two, both are the same)."""
    if not tally.layout.scores:
        return float("nan"), float("nan")
    histograms = tally.field("score_weights")[row, FIRST:] / WEIGHT_ONE
    areas = [auc(negative, positive) for negative, positive in histograms]
    known = [area for area in areas if area[0] == area[0]]
    if not known:
        return float("nan"), float("nan")
    return sum(area[0] for area in known) / len(known), sum(area[1] for area in known) / len(known)
