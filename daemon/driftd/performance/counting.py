"""Pairs into rows of counts. Rule: a pair adds the same integers wherever it stands, so that it can be taken back."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, OTHER, UNLIKE
from driftd.performance.exact import ERROR, LOSS
from driftd.performance.layout import CALIBRATION_BINS, SCORE_BINS, SCORE_EDGES, WEIGHT_ONE, Kind, Stratum
from driftd.performance.pairs import Pairs, Scores, log_losses
from driftd.performance.tally import Tally
from driftd.performance.text import TOO_LONG

Rows = NDArray[np.int64]
WEIGHED: Final = ("pairs", "weights", "weight_squares")
LOSSES: Final = ("log_loss", "log_loss_squares", "brier", "brier_squares")


def count(tally: Tally, rows: Rows, pairs: Pairs, sign: int = 1) -> None:
    """Add `pairs` (n) to the `rows` (n,) of `tally`; `sign` -1 takes them back. The tally is widened where needed."""
    if not len(pairs):
        return
    seen = int(max(np.maximum.reduce(pairs.predicted), np.maximum.reduce(pairs.label))) - FIRST + 1
    tally.widen(max(seen, 0 if pairs.scores is None else pairs.scores.values.shape[1]))
    layout = tally.layout
    weights = sign * pairs.weights
    strata = strata_of(pairs, layout.stratum)
    cells = pairs.predicted * layout.codes + pairs.label
    ones = np.full(len(pairs), sign, np.int64)
    squares = sign * weight_squares(pairs.weights)
    tally.add_all(WEIGHED, rows, np.array([cells, cells, strata]), np.array([ones, weights, squares]))
    if pairs.scores is not None and layout.kind is Kind.CLASSES:
        _count_scores(tally, rows, pairs, pairs.scores, strata, sign)
    if pairs.errors is not None and layout.kind is Kind.NUMBERS:
        errors = pairs.errors
        values = weights / WEIGHT_ONE * np.array([errors, np.abs(errors), errors * errors])
        tally.add_exact(("bias", "errors", "squares"), rows, strata, values, ERROR)
    if pairs.texts is not None and layout.kind is Kind.TEXTS:
        _count_texts(tally, rows, pairs, strata, weights)


def weight_squares(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Squares of weights (n,), both in quanta, rounded down to a quantum."""
    if (weights == WEIGHT_ONE).all():
        return weights
    # in parts, because the square of a large weight in quanta has no room in 64 bits
    whole, part = np.divmod(weights, WEIGHT_ONE)
    return np.asarray(whole * weights + whole * part + part * part // WEIGHT_ONE, np.int64)


def strata_of(pairs: Pairs, stratum: Stratum) -> NDArray[np.int64]:
    """The stratum of each pair, (n,)."""
    if stratum is Stratum.PREDICTED:
        return np.where(pairs.predicted == UNLIKE, OTHER, pairs.predicted)
    if stratum is Stratum.LABEL:
        return pairs.label
    return np.asarray(2 * pairs.label + right(pairs), np.int64)


def right(pairs: Pairs) -> NDArray[np.bool_]:
    """Whether what was predicted is what then was, (n,); of numbers it is not known, so never."""
    if pairs.texts is not None:
        return ~pairs.texts.wrong
    if pairs.errors is not None:
        return np.zeros(len(pairs), np.bool_)
    return np.asarray(pairs.predicted == pairs.label, np.bool_)


def _count_scores(
    tally: Tally, rows: Rows, pairs: Pairs, scores: Scores, strata: NDArray[np.int64], sign: int
) -> None:
    happened, known = scores.of(pairs.label)
    chosen = np.flatnonzero(known)
    if not chosen.size:
        return
    if chosen.size < len(pairs):
        pairs, scores, happened = pairs.take(chosen), scores.take(chosen), happened[chosen]
        rows, strata = rows[chosen], strata[chosen]
    weights, label = sign * pairs.weights, pairs.label
    share = weights / WEIGHT_ONE
    losses = log_losses(happened)
    brier = np.zeros(len(chosen))
    for column in range(scores.values.shape[1]):
        difference = scores.values[:, column] - (label == column + FIRST)
        brier += difference * difference
    tally.add("scored", rows, strata, weights)
    values = share * np.array([losses, losses * losses, brier, brier * brier])
    tally.add_exact(LOSSES, rows, strata, values, LOSS)
    _count_calibration(tally, rows, pairs.predicted, label, scores, weights)
    if tally.layout.scores:
        _count_histogram(tally, rows, label, scores, weights)


def _count_calibration(
    tally: Tally,
    rows: Rows,
    predicted: NDArray[np.int64],
    label: NDArray[np.int64],
    scores: Scores,
    weights: NDArray[np.int64],
) -> None:
    confidence, known = scores.of(predicted)
    right = np.where(predicted == label, weights, 0)
    if not known.all():
        chosen = np.flatnonzero(known)
        confidence, rows, weights, right = confidence[chosen], rows[chosen], weights[chosen], right[chosen]
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    tally.add_all(("bin_weights", "bin_right"), rows, bins, np.array([weights, right]))
    tally.add_exact(("bin_confidence",), rows, bins, (weights / WEIGHT_ONE * confidence)[None], LOSS)


def _count_histogram(
    tally: Tally, rows: Rows, label: NDArray[np.int64], scores: Scores, weights: NDArray[np.int64]
) -> None:
    columns = scores.values.shape[1]
    codes = np.arange(FIRST, FIRST + columns)[:, None]
    bins = np.searchsorted(SCORE_EDGES, scores.values.T, side="right")
    cells = (codes * 2 + (label == codes)) * SCORE_BINS + bins
    tally.add_all(("score_weights",), rows, cells, np.broadcast_to(weights, cells.shape))


def _count_texts(
    tally: Tally, rows: Rows, pairs: Pairs, strata: NDArray[np.int64], weights: NDArray[np.int64]
) -> None:
    texts = pairs.texts
    assert texts is not None
    compared = texts.words != TOO_LONG
    words = np.where(compared, texts.words, 0)
    edits = texts.substitutions + texts.insertions + texts.deletions
    amounts = {
        "wrong": texts.wrong,
        "words": words,
        "substitutions": texts.substitutions,
        "insertions": texts.insertions,
        "deletions": texts.deletions,
        "edits_squares": edits * edits,
        "edits_words": edits * words,
        "words_squares": words * words,
    }
    tally.add_all(tuple(amounts), rows, strata, weights * np.array(list(amounts.values())))
