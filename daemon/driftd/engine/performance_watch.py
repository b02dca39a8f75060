"""How a model does, by the time of its predictions. Rule: a label counts in the period of its prediction, once.

Counted is from the period on that follows the first label, so that each period knows all its predictions, and a model
without labels costs nothing. What counts is the first label of a prediction: what a correction replaces is not known
well enough to be taken back. Between two predictions that begin a period, predictions and labels may be counted in any
order; there, and only there, a batch is cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.config import Labels as Settings
from driftd.engine.label_watch import is_sentence, text_rule
from driftd.engine.learning import Task
from driftd.engine.outcomes import class_name, number_or_invalid
from driftd.engine.pairs import PairKind, Pairs
from driftd.performance.codes import MISSING, OTHER, Codes
from driftd.performance.layout import Kind
from driftd.performance.maturity import Maturity, PeriodReport
from driftd.performance.pairs import Pairs as Counted
from driftd.performance.pairs import class_pairs, number_pairs, text_pairs
from driftd.performance.periods import Periods, PeriodSettings
from driftd.performance.text import compare

PERIODS_MAX: Final = 32
"""Periods held; with a day each they cover the longest time that a prediction waits for its label, and a month."""
NAMES_MAX: Final = 64
REPORT_EVENTS: Final = 4_096
"""A report takes some 20 ms, and is asked for at each commit: it is made anew after so many events, or a new period."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PeriodStatus:
    """One period: from `start_ms` to before `end_ms`, by the times of predictions.

    `figures` are (value, low, high), corrected for who is labelled early, by name; none where `immature` says why the
    period is not judged.
    """

    start_ms: int
    end_ms: int
    predictions: int
    labels: int
    immature: str | None
    figures: Mapping[str, tuple[float, float, float]]


class PerformanceWatch:
    """The periods of one version of a model; `periods` is None until the first label came."""

    def __init__(self, settings: Settings) -> None:
        self.period_ms = settings.period_ms
        self.rule = text_rule(settings)
        self.codes = Codes(NAMES_MAX)
        self.first_period = 0
        self.periods: Periods | None = None
        self._reported: tuple[PeriodStatus, ...] | None = None
        self._unreported = 0

    def begin(self, kind: Kind, scores: bool) -> Periods:
        """Count predictions and labels of `kind` from here on."""
        options = PeriodSettings(kind, self.period_ms, PERIODS_MAX, scores=scores)
        self.periods = Periods(options)
        return self.periods

    def add(
        self,
        predictions: Sequence[tuple[int, int, object]],
        pairs: Pairs,
        joined_at: Sequence[int],
        task: Task | None,
    ) -> None:
        """Take predictions, as (position of the record, time in ms, answer), and pairs made at `joined_at`.

        `task` is what the model does; nothing is counted before it is known.
        """
        if task is None:
            return
        first = 0
        if self.periods is None:
            begins = (i for i, kind in enumerate(pairs.kinds) if kind is PairKind.FIRST)
            first = next(begins, -1) + 1
            if not first:
                return
            self._begin(pairs, first - 1, task)
            predictions = [one for one in predictions if one[0] > joined_at[first - 1]]
        begin_ms = self.first_period * self.period_ms
        predictions = [one for one in predictions if one[1] >= begin_ms]
        chosen = [
            i
            for i, (kind, at_ms) in enumerate(zip(pairs.kinds, pairs.at_ms.tolist(), strict=True))
            if i >= first and kind is PairKind.FIRST and at_ms >= begin_ms
        ]
        self._count(predictions, pairs, chosen, np.array(joined_at, np.int64)[chosen])

    def _begin(self, pairs: Pairs, index: int, task: Task) -> None:
        kind = Kind.CLASSES
        if task is Task.REGRESSION:
            kind = Kind.NUMBERS
        elif is_sentence(pairs.labels[index]) or is_sentence(pairs.predictions[index]):
            kind = Kind.TEXTS
        latest_ms = max(int(pairs.at_ms[index]), int(pairs.labelled_at_ms[index]))
        self.first_period = latest_ms // self.period_ms + 1
        self.codes.of(pairs.classes)
        self.begin(kind, bool(pairs.classes))

    def _count(
        self,
        predictions: Sequence[tuple[int, int, object]],
        pairs: Pairs,
        chosen: Sequence[int],
        joined_at: Ints,
    ) -> None:
        """Count all predictions, and the pairs `chosen`, which the records at `joined_at` made."""
        periods = self.periods
        assert periods is not None
        at_ms = np.array([one[1] for one in predictions], np.int64)
        answers = [one[2] for one in predictions]
        positions = [one[0] for one in predictions]
        if periods.settings.kind is Kind.CLASSES:
            self._name(positions, answers, pairs, chosen, joined_at)
        codes = self._codes(answers)
        self._unreported += len(predictions) + len(chosen)
        cuts, known = [0], set(periods.held.rows)
        for index, number in enumerate((at_ms // self.period_ms).tolist()):
            if number not in known:
                known.add(number)
                self._reported = None
                cuts.append(index)
        ends = [int(np.searchsorted(joined_at, positions[cut], side="left")) for cut in cuts[1:]]
        begin = 0
        for cut, stop, end in zip(cuts, [*cuts[1:], len(at_ms)], [*ends, len(chosen)], strict=True):
            if stop > cut:
                periods.predict(at_ms[cut:stop], codes[cut:stop])
            if end > begin:
                part = np.array(chosen[begin:end], np.int64)
                counted = self._pairs(pairs, part)
                periods.label(pairs.at_ms[part], pairs.labelled_at_ms[part], counted)
            begin = end

    def _name(
        self,
        positions: Sequence[int],
        answers: Sequence[Any],
        pairs: Pairs,
        chosen: Sequence[int],
        joined_at: Ints,
    ) -> None:
        """Give codes to names that are new, in the order of the records."""
        known = self.codes.codes
        if len(known) >= NAMES_MAX:
            return
        said = chain(answers, (value for i in chosen for value in (pairs.predictions[i], pairs.labels[i])))
        new = set(map(name_or_none, said)) - known.keys() - {None}
        if not new:
            return
        coming = [(at, 0, name_or_none(answer)) for at, answer in zip(positions, answers, strict=True)]
        for i, at in zip(chosen, joined_at.tolist(), strict=True):
            coming += [(at, 1, name_or_none(pairs.predictions[i])), (at, 1, name_or_none(pairs.labels[i]))]
        for _, _, name in sorted(coming, key=lambda one: one[:2]):
            if name in new and len(known) < NAMES_MAX:
                self.codes.of([name])

    def _codes(self, values: Sequence[Any]) -> Ints:
        """The codes of classes, (n,); of numbers and texts OTHER, MISSING for what is of another kind."""
        assert self.periods is not None
        kind = self.periods.settings.kind
        if kind is Kind.CLASSES:
            get = self.codes.codes.get
            names = map(name_or_none, values)
            return np.array([MISSING if name is None else get(name, OTHER) for name in names], np.int64)
        is_text = kind is Kind.TEXTS
        right = [value is not None and isinstance(value, str) == is_text for value in values]
        return np.where(np.array(right, np.bool_), OTHER, MISSING)

    def _pairs(self, pairs: Pairs, part: Ints) -> Counted:
        assert self.periods is not None
        kind, refused = self.periods.settings.kind, self.periods.refused
        chosen = part.tolist()
        answers: list[Any] = [pairs.predictions[i] for i in chosen]
        labels: list[Any] = [pairs.labels[i] for i in chosen]
        weights = pairs.weights[part]
        if kind is Kind.NUMBERS:
            numbers = [np.nan if one is None else number_or_invalid(one) for one in answers]
            truth = np.array([number_or_invalid(one) for one in labels])
            return number_pairs(np.array(numbers), truth, refused, weights=weights)
        if kind is Kind.TEXTS:
            # what is no text is compared as the text that it is written as: it is never the same words
            texts = ["" if one is None else str(one) for one in answers]
            return text_pairs(
                compare([str(one) for one in labels], texts, self.rule), refused, weights=weights
            )
        both = zip(answers, labels, strict=True)
        same = np.array([name_or_none(answer) == class_name(label) for answer, label in both], np.bool_)
        return class_pairs(
            self._codes(answers), self._codes(labels), refused,
            weights=weights, scores=self._scores(pairs, part), same=same,
        )  # fmt: skip

    def _scores(self, pairs: Pairs, part: Ints) -> NDArray[np.float64] | None:
        """Scores in the order of codes, (n, classes); 0 for a class that has none."""
        if not pairs.classes:
            return None
        order = [*self.codes.names, *(name for name in pairs.classes if name not in self.codes.codes)]
        scores = np.zeros((len(part), len(order)))
        for column, name in enumerate(pairs.classes):
            scores[:, order.index(name)] = pairs.scores[part, column]
        # a row without any score has none, whatever stands for classes that never have one
        scores[np.isnan(pairs.scores[part]).all(axis=1)] = np.nan
        return scores

    def report(self, now_ms: int) -> tuple[PeriodStatus, ...]:
        """The periods held, in order of time, as they are known at `now_ms`, or were at most REPORT_EVENTS ago."""
        if self.periods is None or not self.periods.held.rows:
            return ()
        if self._reported is None or self._unreported >= REPORT_EVENTS:
            self._reported = tuple(_status(report) for report in Maturity(self.periods, now_ms).report())
            self._unreported = 0
        return self._reported


def _status(report: PeriodReport) -> PeriodStatus:
    figures = {
        name: (figure.value, figure.low, figure.high)
        for name, figure in report.corrected.items()
        if report.mature and not isnan(figure.value)
    }
    immature = None if report.immature is None else report.immature.value
    return PeriodStatus(report.start_ms, report.end_ms, report.predictions, report.labels, immature, figures)


def name_or_none(value: Any) -> str | None:
    """The name of a class, None where there is no value."""
    return None if value is None else class_name(value)
