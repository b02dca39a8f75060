"""Predictions and pairs of many batches, counted at once. Rule: what is counted does not depend on when.

Between two predictions that begin a period the order makes no difference, but for names, which get their codes in the
order of the records.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftd.engine.pairs import PairKind, Pairs
from driftd.engine.performance_columns import Columns
from driftd.engine.taking import Arrivals, segment_texts
from driftd.performance.codes import OTHER
from driftd.performance.estimate import Estimates
from driftd.performance.pairs import Counts
from driftd.performance.periods import Periods

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Made(NamedTuple):
    """n predictions: `positions` of their records; `scores` (n, classes) as the model gives them."""

    positions: Sequence[int]
    at_ms: Sequence[int]
    answers: Sequence[Any]
    scores: Floats | None
    segments: Sequence[str | None]

    def slice(self, begin: int, end: int) -> "Made":
        """The predictions from `begin` to before `end`."""
        scores = None if self.scores is None else self.scores[begin:end]
        columns = (self.positions, self.at_ms, self.answers)
        positions, at_ms, answers = (column[begin:end] for column in columns)
        return Made(positions, at_ms, answers, scores, self.segments[begin:end])

    def take(self, index: Sequence[int]) -> "Made":
        """The predictions at `index`."""
        scores = None if self.scores is None else self.scores[list(index)]
        columns = (self.positions, self.at_ms, self.answers)
        positions, at_ms, answers = ([column[i] for i in index] for column in columns)
        return Made(positions, at_ms, answers, scores, [self.segments[i] for i in index])


class Came(NamedTuple):
    """n pairs, and the positions of the records that made them."""

    pairs: Pairs
    joined_at: Sequence[int]

    def slice(self, begin: int, end: int) -> "Came":
        """The pairs from `begin` to before `end`."""
        return Came(self.pairs.slice(begin, end), self.joined_at[begin:end])


def made_of(arrivals: Arrivals, kept: Sequence[int]) -> Made:
    """The predictions `kept` of those that arrived."""
    made = Made(arrivals.positions, arrivals.at_ms, arrivals.predictions, arrivals.scores, arrivals.segments)
    return made if len(kept) == len(arrivals.positions) else made.take(kept)


def all_made(parts: Sequence[Made]) -> Made:
    """The predictions of `parts`, one after the other."""
    if len(parts) == 1:
        return parts[0]
    width = max((part.scores.shape[1] for part in parts if part.scores is not None), default=0)
    scores = [
        np.full((len(part.positions), width), np.nan) if part.scores is None else part.scores
        for part in parts
    ]
    return Made(
        [one for part in parts for one in part.positions],
        [one for part in parts for one in part.at_ms],
        [one for part in parts for one in part.answers],
        np.concatenate(scores) if width else None,
        [one for part in parts for one in part.segments],
    )


def count_all(
    periods: Periods, estimates: Estimates | None, columns: Columns, made: Made, came: Came
) -> None:
    """Count predictions and pairs: first labels, and corrections instead of what they correct."""
    pairs, texts = came.pairs, segment_texts(came.pairs.segments)
    if columns.has_new(made.answers) or columns.has_new(pairs.predictions) or columns.has_new(pairs.labels):
        coming = [*zip(made.positions, repeat(0), made.answers, strict=False)]
        coming += zip(came.joined_at, repeat(1), pairs.predictions, strict=False)
        columns.name([*coming, *zip(came.joined_at, repeat(2), pairs.labels, strict=False)])
    if not columns.knows_segments({*made.segments, *texts}):
        columns.name_segments(
            [*zip(made.positions, made.segments, strict=True), *zip(came.joined_at, texts, strict=True)]
        )
    if len(made.positions):
        _count_made(periods, estimates, columns, made)
    if not len(pairs):
        return
    corrected = [i for i, kind in enumerate(pairs.kinds) if kind is PairKind.CORRECTION]
    counted = [i for i, kind in enumerate(pairs.kinds) if kind is not PairKind.AGREEMENT]
    segments = columns.segment_codes(texts)
    for index, labels, weights, sign in (
        (corrected, pairs.replaced, pairs.replaced_weights, -1),
        (counted, pairs.labels, pairs.weights, 1),
    ):
        if index:
            own = None if segments is None else segments[index]
            _count_labels(periods, estimates, columns, _Part(pairs, index, labels, weights, own), sign)


class _Part(NamedTuple):
    """The pairs at `rows`, with their `labels` and `weights` among those of all pairs, and their own `segments`."""

    pairs: Pairs
    rows: list[int]
    labels: Sequence[Any]
    weights: Floats
    segments: Ints | None


def _count_made(periods: Periods, estimates: Estimates | None, columns: Columns, made: Made) -> None:
    at_ms = np.array(made.at_ms, np.int64)
    predicted = columns.predicted(made.answers)
    segments = columns.segment_codes(made.segments)
    if segments is not None:
        columns.other_segments += int(np.count_nonzero(segments == OTHER))
    periods.predict(at_ms, predicted, segments)
    if estimates is not None:
        scores = columns.scores(made.scores, len(at_ms))
        estimates.predict(at_ms, columns.estimated(made.answers, predicted), scores)


def _count_labels(
    periods: Periods, estimates: Estimates | None, columns: Columns, part: _Part, sign: int
) -> None:
    pairs, index = part.pairs, part.rows
    at_ms, labelled_at_ms = pairs.at_ms[index], pairs.first_labelled_at_ms[index]
    answers, labels = [pairs.predictions[i] for i in index], [part.labels[i] for i in index]
    # what is taken back was refused, or not, when it came
    refused = periods.refused if sign > 0 else Counts()
    counted, estimated = columns.pairs(answers, labels, part.weights[index], pairs.scores[index], refused)
    if sign > 0:
        periods.label(at_ms, labelled_at_ms, counted, part.segments)
    else:
        periods.take_back(at_ms, labelled_at_ms, counted, part.segments)
    if estimates is not None:
        (estimates.label if sign > 0 else estimates.take_back)(at_ms, estimated)
