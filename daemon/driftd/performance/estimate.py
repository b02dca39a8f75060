"""What is counted to say how a model does before there are labels. Rule: learned only of periods that are complete.

By period, the predictions made by class and bin of their score (of numbers: by their bin), and the labels seen by the
same; and the sum of all labels that were learned from. What follows from it says `expected.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, MISSING, OTHER, UNLIKE
from driftd.performance.exact import ERROR
from driftd.performance.expected import Expected, expected_classes, expected_numbers
from driftd.performance.held import HeldPeriods
from driftd.performance.layout import CONFIDENCE_BINS, CONFIDENCE_EDGES, WEIGHT_ONE, Kind, Layout
from driftd.performance.pairs import Counts, Pairs, Refused, Scores, checked_scores, class_codes
from driftd.performance.periods import PeriodSettings
from driftd.performance.tally import Tally

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Estimates:
    """By period: predictions made, and labels seen; and all labels that were learned from."""

    def __init__(self, settings: PeriodSettings) -> None:
        """Of `settings`, those count that say what periods, kinds and classes there are. Texts have no estimate."""
        if settings.kind is Kind.TEXTS:
            raise ValueError(
                "there is no estimate of the performance on texts; the kinds are classes and numbers"
            )
        self.settings = settings
        self.held = HeldPeriods(settings.periods_max)
        layout = Layout(settings.kind, estimate=True)
        self.rows = Tally(layout)
        self.learned = Tally(layout)
        self.learned_periods: set[int] = set()
        self.learned_between: tuple[int, int] | None = None
        """The first and the last period that was learned from, held or not."""
        self.refused = Counts()

    def predict(self, at_ms: Ints, predicted: Ints, scores: Floats | None = None) -> None:
        """Count n predictions: `at_ms` and codes of the classes `predicted` (n,), `scores` (n, classes).

        Of numbers `predicted` are the bins of what was predicted, from FIRST on, and `scores` are not used.
        """
        valid = predicted >= 0
        if bad := int(np.count_nonzero(~valid)):
            self.refused[Refused.PREDICTION] += bad
        rows, gone = self.held.admit(at_ms[valid] // self.settings.period_ms)
        if rows.size:
            self.rows.reserve(int(rows.max()) + 1)
        index = np.flatnonzero(rows != MISSING)
        if index.size:
            chosen = np.flatnonzero(valid)[index]
            codes = class_codes(predicted[chosen], self.settings.classes_max)
            checked = checked_scores(None if scores is None else scores[chosen], len(chosen), self.refused)
            self._widen(int(codes.max()) - FIRST + 1)
            self.rows.add("made", rows[index], self._cells(codes, checked), 1)
        for number, row in gone:
            self.rows.counts[row] = 0
            self.learned_periods.discard(number)
        self.held.release(gone)

    def label(self, prediction_at_ms: Ints, pairs: Pairs) -> None:
        """Count labels of predictions made at `prediction_at_ms` (n,); `pairs`: those of the n that can be counted."""
        self._count(prediction_at_ms, pairs, 1)

    def take_back(self, prediction_at_ms: Ints, pairs: Pairs) -> None:
        """Undo a `label` of the same pairs, to the last bit."""
        self._count(prediction_at_ms, pairs, -1)

    def learn(self, number: int) -> None:
        """Take the labels of a period that is held, also those still to come, as what is to be expected.

        To be called when a period is `complete` and nothing is wrong with it: of a period that is not complete, more
        is known of what is labelled first.
        """
        if number in self.held.rows and number not in self.learned_periods:
            self.learned_periods.add(number)
            first, last = self.learned_between or (number, number)
            self.learned_between = min(first, number), max(last, number)
            self.learned.counts[0] += self.rows.counts[self.held.rows[number]]

    @property
    def learned_labels(self) -> float:
        """How many labels were learned from, by their weights."""
        return float(self.learned.field("seen")[0].sum() / WEIGHT_ONE)

    def expected(self, numbers: Sequence[int]) -> Expected:
        """What is to be expected of some periods that are held, together."""
        made = self.rows.field("made")[[self.held.rows[number] for number in numbers]].sum(axis=0)
        if self.settings.kind is Kind.NUMBERS:
            return expected_numbers(made.astype(np.float64), self.learned)
        return expected_classes(made.astype(np.float64), self.learned)

    def _widen(self, classes: int) -> None:
        self.rows.widen(classes)
        self.learned.widen(classes)

    def _cells(self, predicted: Ints, scores: Scores) -> Ints:
        if self.settings.kind is Kind.NUMBERS:
            return predicted
        confidence, known = scores.of(predicted)
        bins = 1 + np.searchsorted(CONFIDENCE_EDGES, confidence, side="right")
        return np.asarray(predicted * CONFIDENCE_BINS + np.where(known, bins, 0), np.int64)

    def _count(self, prediction_at_ms: Ints, pairs: Pairs, sign: int) -> None:
        numbers = prediction_at_ms[pairs.index] // self.settings.period_ms
        rows = self.held.rows_of(numbers)
        index = np.flatnonzero(rows != MISSING)
        if index.size < len(rows):
            self.refused[Refused.PERIOD] += len(rows) - index.size
            pairs, rows, numbers = pairs.take(index), rows[index], numbers[index]
        if not index.size:
            return
        self._widen(int(max(pairs.predicted.max(), pairs.label.max())) - FIRST + 1)
        self._add(self.rows, rows, pairs, sign)
        if self.learned_periods:
            wanted = np.flatnonzero(np.isin(numbers, sorted(self.learned_periods)))
            self._add(self.learned, np.zeros(len(wanted), np.int64), pairs.take(wanted), sign)

    def _add(self, tally: Tally, rows: Ints, pairs: Pairs, sign: int) -> None:
        weights = sign * pairs.weights
        if self.settings.kind is Kind.NUMBERS:
            if pairs.errors is None:
                raise ValueError("pairs of classes in an estimate of numbers; make them by number_pairs")
            errors, share = np.abs(pairs.errors), weights / WEIGHT_ONE
            tally.add("seen", rows, pairs.predicted, weights)
            values = np.array([share * errors, share * (errors * errors)])
            tally.add_exact(("errors", "squares"), rows, pairs.predicted, values, ERROR)
            return
        predicted = np.where(pairs.predicted == UNLIKE, OTHER, pairs.predicted)
        scores = pairs.scores or Scores(np.zeros((len(pairs), 0)), np.zeros(len(pairs), np.bool_))
        cells = self._cells(predicted, scores)
        right = pairs.predicted == pairs.label
        tally.add("seen", rows, cells, weights)
        tally.add("right", rows, cells, np.where(right, weights, 0))
        tally.add("wrong", rows, predicted * tally.layout.codes + pairs.label, np.where(right, 0, weights))

    def period_to_json(self, number: int) -> dict[str, Any]:
        """One period that is held."""
        return self.rows.selected([self.held.rows[number]]).to_json()

    def head_to_json(self) -> dict[str, Any]:
        """All that belongs to no single period."""
        return {
            "learned": self.learned.to_json(),
            "learned_periods": sorted(self.learned_periods),
            "learned_between": self.learned_between,
            "refused": dict(sorted((reason.value, n) for reason, n in self.refused.items())),
        }

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it; the same for the same events, whatever the batches."""
        periods = {str(number): self.period_to_json(number) for number in self.held.numbers}
        return {"head": self.head_to_json(), "periods": periods}

    @classmethod
    def from_json(cls, settings: PeriodSettings, document: Mapping[str, Any]) -> "Estimates":
        """Estimates as they were; `settings` are those they were written with."""
        estimates = cls(settings)
        head = document["head"]
        estimates.learned = Tally.from_json(head["learned"])
        estimates.learned_periods = set(head["learned_periods"])
        between = head["learned_between"]
        estimates.learned_between = None if between is None else (between[0], between[1])
        estimates.refused.update({Refused(reason): n for reason, n in head["refused"].items()})
        estimates.rows.widen(estimates.learned.layout.classes)
        for name, entry in sorted(document["periods"].items(), key=lambda item: int(item[0])):
            row = estimates.held.rows[int(name)] = len(estimates.held.rows)
            stored = Tally.from_json(entry)
            estimates._widen(stored.layout.classes)
            stored.widen(estimates.rows.layout.classes)
            estimates.rows.reserve(row + 1)
            estimates.rows.counts[row] = stored.counts[0]
        return estimates
