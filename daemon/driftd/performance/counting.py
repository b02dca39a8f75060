"""Pairs into rows of counts. Rule: a pair adds the same integers wherever it stands, so that it can be taken back."""

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, OTHER, UNLIKE
from driftd.performance.exact import ERROR, LOSS
from driftd.performance.layout import CALIBRATION_BINS, SCORE_BINS, SCORE_EDGES, WEIGHT_ONE, Kind, Stratum
from driftd.performance.pairs import Pairs, Scores, log_losses
from driftd.performance.tally import Tally
from driftd.performance.text import TOO_LONG

Rows = NDArray[np.int64]


def count(tally: Tally, rows: Rows, pairs: Pairs, sign: int = 1) -> None:
    """Add `pairs` (n) to the `rows` (n,) of `tally`; `sign` -1 takes them back. The tally is widened where needed."""
    if not len(pairs):
        return
    seen = int(max(pairs.predicted.max(), pairs.label.max())) - FIRST + 1
    tally.widen(max(seen, 0 if pairs.scores is None else pairs.scores.values.shape[1]))
    layout = tally.layout
    weights = sign * pairs.weights
    strata = strata_of(pairs, layout.stratum)
    cells = pairs.predicted * layout.codes + pairs.label
    tally.add("pairs", rows, cells, sign)
    tally.add("weights", rows, cells, weights)
    tally.add("weight_squares", rows, strata, sign * weight_squares(pairs.weights))
    if pairs.scores is not None and layout.kind is Kind.CLASSES:
        _count_scores(tally, rows, pairs, pairs.scores, strata, sign)
    if pairs.errors is not None and layout.kind is Kind.NUMBERS:
        share = weights / WEIGHT_ONE
        tally.add_exact("bias", rows, strata, share * pairs.errors, ERROR)
        tally.add_exact("errors", rows, strata, share * np.abs(pairs.errors), ERROR)
        tally.add_exact("squares", rows, strata, share * (pairs.errors * pairs.errors), ERROR)
    if pairs.texts is not None and layout.kind is Kind.TEXTS:
        _count_texts(tally, rows, pairs, strata, weights)


def weight_squares(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Squares of weights (n,), both in quanta, rounded down to a quantum."""
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
    weights = sign * pairs.weights[chosen]
    share = weights / WEIGHT_ONE
    happened, label, where, stratum = happened[chosen], pairs.label[chosen], rows[chosen], strata[chosen]
    usable = scores.take(chosen)
    losses = log_losses(happened)
    brier = np.zeros(len(chosen))
    for column in range(usable.values.shape[1]):
        difference = usable.values[:, column] - (label == column + FIRST)
        brier += difference * difference
    tally.add("scored", where, stratum, weights)
    tally.add_exact("log_loss", where, stratum, share * losses, LOSS)
    tally.add_exact("log_loss_squares", where, stratum, share * (losses * losses), LOSS)
    tally.add_exact("brier", where, stratum, share * brier, LOSS)
    tally.add_exact("brier_squares", where, stratum, share * (brier * brier), LOSS)
    _count_calibration(tally, where, pairs.predicted[chosen], label, usable, weights)
    if tally.layout.scores:
        _count_histogram(tally, where, label, usable, weights)


def _count_calibration(
    tally: Tally,
    rows: Rows,
    predicted: NDArray[np.int64],
    label: NDArray[np.int64],
    scores: Scores,
    weights: NDArray[np.int64],
) -> None:
    confidence, known = scores.of(predicted)
    chosen = np.flatnonzero(known)
    confidence, where, weight = confidence[chosen], rows[chosen], weights[chosen]
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    tally.add("bin_weights", where, bins, weight)
    tally.add("bin_right", where, bins, np.where(predicted[chosen] == label[chosen], weight, 0))
    tally.add_exact("bin_confidence", where, bins, weight / WEIGHT_ONE * confidence, LOSS)


def _count_histogram(
    tally: Tally, rows: Rows, label: NDArray[np.int64], scores: Scores, weights: NDArray[np.int64]
) -> None:
    for column in range(scores.values.shape[1]):
        code = column + FIRST
        bins = np.searchsorted(SCORE_EDGES, scores.values[:, column], side="right")
        tally.add("score_weights", rows, (code * 2 + (label == code)) * SCORE_BINS + bins, weights)


def _count_texts(
    tally: Tally, rows: Rows, pairs: Pairs, strata: NDArray[np.int64], weights: NDArray[np.int64]
) -> None:
    texts = pairs.texts
    assert texts is not None
    tally.add("wrong", rows, strata, np.where(texts.wrong, weights, 0))
    compared = texts.words != TOO_LONG
    words = np.where(compared, texts.words, 0)
    edits = texts.substitutions + texts.insertions + texts.deletions
    for name, amounts in (
        ("words", words),
        ("substitutions", texts.substitutions),
        ("insertions", texts.insertions),
        ("deletions", texts.deletions),
        ("edits_squares", edits * edits),
        ("edits_words", edits * words),
        ("words_squares", words * words),
    ):
        tally.add(name, rows, strata, weights * amounts)
