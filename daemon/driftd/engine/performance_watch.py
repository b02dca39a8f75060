"""How a model does, by the time of its predictions. Rule: a label counts in the period of its prediction, once.

Counted is from the period on that follows the first label, so that each period knows all its predictions, and a model
without labels costs nothing. A correction takes back the label that it corrects, and counts with the time of the first.

What comes is only kept at first: between two predictions that begin a period, predictions and labels may be counted in
any order, so they are counted many at once, when somebody asks or PENDING_MAX have come. Where a period begins, all
before it is counted, and periods whose labels are complete are settled: they teach what is to be expected of others,
or are compared with it (`divergence`), at the record of that prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.config import ModelSettings
from driftd.contract.record import Record
from driftd.engine.divergence import GROWTH, Compared, DivergenceWatch
from driftd.engine.edges import coarse_edges_of
from driftd.engine.learning import Task
from driftd.engine.pairs import PairKind, Pairs, joined_pairs
from driftd.engine.performance_columns import SEGMENTS_MAX, Columns
from driftd.engine.period_counting import Came, Made, all_made, count_all
from driftd.engine.period_status import Counted, PeriodStatus, period_statuses
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.engine.text_rules import is_sentence, text_rule
from driftd.engine.worst_segment import with_segment
from driftd.performance.codes import MISSING
from driftd.performance.estimate import Estimates
from driftd.performance.expected import divergence
from driftd.performance.layout import Kind
from driftd.performance.maturity import LABELS_MIN, Maturity
from driftd.performance.pairs import CLASSES_MAX, Counts
from driftd.performance.periods import Periods, PeriodSettings
from driftd.reference.panes import Place

PERIODS_MAX: Final = 32
"""Periods held; with a day each they cover the longest time that a prediction waits for its label, and a month."""
REPORT_EVENTS: Final = 4_096
"""A report takes some 20 ms, and is asked for at each commit: it is made anew after so many events, or a new period."""
PENDING_MAX: Final = 4_096

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What must be known of a model before anything is counted: its `inputs` know the bins of predicted numbers."""

    task: Task
    inputs: Stream


def learned_of(task: Task | None, inputs: Stream) -> Learned | None:
    """What is known of a model, None while it is not known what it does."""
    return None if task is None else Learned(task, inputs)


class PerformanceWatch:
    """The periods of one version of a model; `periods` is None until the first label came.

    Predictions have numbers in the order in which they are kept: those from `first_number` on count.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.period_ms = settings.labels.period_ms
        self.first_number = self.first_period = 0
        self.periods: Periods | None = None
        self.estimates: Estimates | None = None
        self.columns = Columns(Kind.CLASSES, text_rule(settings.labels), CLASSES_MAX)
        self.divergence = DivergenceWatch(settings.budget)
        self.settled: set[int] = set()
        self.began: dict[int, Place] = {}
        self._made: list[Made] = []
        self._came: list[Came] = []
        self._pending = self._position = 0
        self._reported: tuple[PeriodStatus, ...] | None = None
        self._unreported = 0

    def begin(self, kind: Kind, classes: Sequence[str], edges: Floats) -> None:
        """Count predictions and labels of `kind` from here on; `classes` have scores."""
        columns = self.columns
        columns.kind, columns.classes, columns.edges = kind, tuple(classes), edges
        columns.codes.of(classes)
        priced = cost_names(self.settings.labels.cost)
        columns.codes.of(name for name in priced if name not in columns.codes.codes)
        if priced:
            named = [index for index, name in enumerate(columns.codes.names) if name in priced]
            columns.classes_max = max(CLASSES_MAX, named[-1] + 1)
        self.make(columns)

    def make(self, columns: Columns) -> None:
        """Have periods, which have counted nothing yet, for `columns`."""
        self.columns = columns
        options = PeriodSettings(
            columns.kind, self.period_ms, PERIODS_MAX, columns.classes_max, SEGMENTS_MAX, scores=bool(columns.classes)
        )  # fmt: skip
        self.periods = Periods(options)
        if columns.kind is Kind.NUMBERS:
            options = replace(options, classes_max=columns.edges.size + 1)
        if columns.kind is not Kind.TEXTS:
            self.estimates = Estimates(options)

    def add(
        self, made: Made, next_number: int, came: Came, records: Sequence[Record], learned: Learned | None
    ) -> list[tuple[int, Evaluation]]:
        """Take the predictions and the pairs of a batch; what is found, with the positions of the deciding records.

        The last of `made` has the number before `next_number`. Nothing is counted before it is `learned` what the
        model does.
        """
        if learned is None:
            return []
        if self.periods is None:
            begins = (i for i, kind in enumerate(came.pairs.kinds) if kind is PairKind.FIRST)
            first = next(begins, -1)
            if first < 0:
                return []
            self._begin(came.pairs, first, learned)
            after = int(np.searchsorted(made.positions, came.joined_at[first], side="right"))
            made = made.slice(after, len(made.positions))
            self.first_number = next_number - len(made.positions)
            came = came.slice(first + 1, len(came.pairs))
        if not len(made.positions) and not len(came.pairs):
            return []
        told = self._take(made, came, records)
        self._position += len(records)
        return told

    def _begin(self, pairs: Pairs, index: int, learned: Learned) -> None:
        kind = Kind.CLASSES
        if learned.task is Task.REGRESSION:
            kind = Kind.NUMBERS
        elif is_sentence(pairs.labels[index]) or is_sentence(pairs.predictions[index]):
            kind = Kind.TEXTS
        latest_ms = max(int(pairs.at_ms[index]), int(pairs.labelled_at_ms[index]))
        self.first_period = latest_ms // self.period_ms + 1
        edges = coarse_edges_of(learned.inputs, "prediction") if kind is Kind.NUMBERS else np.zeros(0)
        self.begin(kind, pairs.classes if kind is Kind.CLASSES else (), edges)

    def _take(self, made: Made, came: Came, records: Sequence[Record]) -> list[tuple[int, Evaluation]]:
        """Keep what came; where a period begins, count all before it, and settle what can be settled."""
        told: list[tuple[int, Evaluation]] = []
        begin = begin_pair = 0
        cuts = self._cuts(made)
        for index in cuts:
            position, at_ms = made.positions[index], made.at_ms[index]
            end_pair = int(np.searchsorted(came.joined_at, position, side="left"))
            self._keep(made.slice(begin, index), came.slice(begin_pair, end_pair))
            self.flush()
            record = records[position]
            place = Place(at_ms, record.topic, record.partition, record.offset)
            evaluation = self._period_begins(at_ms // self.period_ms, place)
            if evaluation is not None:
                told.append((position, evaluation))
            begin, begin_pair = index, end_pair
        if cuts:
            made, came = made.slice(begin, len(made.positions)), came.slice(begin_pair, len(came.pairs))
        self._keep(made, came)
        if cuts or self._pending >= PENDING_MAX:
            self.flush()
        return told

    def _cuts(self, made: Made) -> list[int]:
        """Which predictions begin a period: all others are of those that are held, or too old for any."""
        assert self.periods is not None
        if not len(made.at_ms):
            return []
        held, known = self.periods.held, dict.fromkeys(self.periods.held.rows)
        first, last = min(made.at_ms) // self.period_ms, max(made.at_ms) // self.period_ms
        if first == last and (first in known or first < self.first_period):
            return []
        cuts: list[int] = []
        numbers = np.asarray(made.at_ms, np.int64) // self.period_ms
        is_new = ~np.isin(numbers, list(known)) & (numbers >= self.first_period)
        for index in np.flatnonzero(is_new).tolist():
            number = int(numbers[index])
            full = len(known) >= held.periods_max
            if number in known or (full and number < min(known)):
                continue
            if self.columns.predicted([made.answers[index]])[0] == MISSING:
                continue
            if full:
                del known[min(known)]
            known[number] = None
            cuts.append(index)
        return cuts

    def _keep(self, made: Made, came: Came) -> None:
        """Keep what came in this batch until it is counted."""
        shift = self._position
        self._made.append(made._replace(positions=[shift + at for at in made.positions]))
        self._came.append(came._replace(joined_at=[shift + at for at in came.joined_at]))
        events = len(made.positions) + len(came.joined_at)
        self._pending += events
        self._unreported += events

    def flush(self) -> None:
        """Count what was kept: those that were predicted in a period that counts, after the watch began."""
        if not self._pending or self.periods is None:
            return
        made, came = all_made(self._made), joined_pairs([one.pairs for one in self._came])
        joined_at = [at for one in self._came for at in one.joined_at]
        self._made, self._came, self._pending = [], [], 0
        begin_ms = self.first_period * self.period_ms
        if made.at_ms and min(made.at_ms) < begin_ms:
            made = made.take([i for i, at_ms in enumerate(made.at_ms) if at_ms >= begin_ms])
        counts = (came.numbers >= self.first_number) & (came.at_ms >= begin_ms)
        if not counts.all():
            index = np.flatnonzero(counts).tolist()
            came, joined_at = came.take(index), [joined_at[i] for i in index]
        count_all(self.periods, self.estimates, self.columns, made, Came(came, joined_at))

    def _period_begins(self, number: int, place: Place) -> Evaluation | None:
        """The period `number` begins with the record at `place`; what is found in those before."""
        assert self.periods is not None
        self._reported = None
        held = self.periods.held.rows
        newest = max(held, default=number)
        self.began = {one: begin for one, begin in self.began.items() if one in held} | {number: place}
        # after a clock that leapt nothing would be judged rightly; after a pause that long, in the next period
        if not newest < number <= newest + PERIODS_MAX or self.estimates is None:
            return None
        was_raised = self.divergence.is_raised
        if not self._settle(self.periods, self.estimates, place.at_ms):
            return None
        finding = self.divergence.finding(self._began, self.estimates.learned_labels)
        if finding is None:
            return Evaluation(StreamName.PERIODS, 0, place, (), True, (), {}) if was_raised else None
        found = with_segment(finding, Maturity(self.periods, place.at_ms), self.columns, self.settled)
        return Evaluation(StreamName.PERIODS, 0, place, (found,), True, (), {})

    def _settle(self, periods: Periods, estimates: Estimates, now_ms: int) -> bool:
        """Let periods whose labels are complete teach, or be compared; whether any was compared."""
        self.settled &= periods.held.rows.keys()
        # what has too few labels for a verdict is not even looked at, however long it stays
        pairs = periods.whole.field("pairs")
        labels = pairs.reshape(len(pairs), -1).sum(axis=1)
        rows = periods.held.rows
        waiting = [n for n in periods.held.numbers if n not in self.settled and labels[rows[n]] >= LABELS_MIN]
        maturity = Maturity(periods, now_ms) if waiting else None
        reference, compared = self.settings.labels.reference_events, False
        for number in waiting:
            report = maturity.of([number]) if maturity is not None else None
            if report is None or not report.complete:
                continue
            self.settled.add(number)
            known = estimates.learned_labels
            found = divergence(report, estimates.expected([number])) if known >= reference else None
            teaches: int | None = number
            if found is not None:
                one = Compared(number, report.start_ms, self.period_ms, report.labels, found)
                teaches, compared = self.divergence.compare(one), True
            if teaches is not None and known < GROWTH * reference:
                estimates.learn(teaches)
        return compared

    def _began(self, number: int, start_ms: int) -> Place:
        """The record with which the period `number` began, or the first one known after it, at `start_ms`."""
        later = min((one for one in self.began if one >= number), default=max(self.began))
        return replace(self.began[later], at_ms=start_ms)

    def report(self, now_ms: int) -> tuple[PeriodStatus, ...]:
        """The periods held, in order of time, as they are known at `now_ms`, or were at most REPORT_EVENTS ago."""
        if self.periods is None:
            return ()
        if self._reported is None or self._unreported >= REPORT_EVENTS:
            self._reported = self.full_report(now_ms, by_segment=False)
            self._unreported = 0
        return self._reported

    def full_report(self, now_ms: int, *, by_segment: bool = True) -> tuple[PeriodStatus, ...]:
        """The periods held, in order of time, as they are known at `now_ms`, each by segment too."""
        self.flush()
        if self.periods is None:
            return ()
        counted = Counted(self.periods, self.estimates, self.columns)
        return period_statuses(counted, self.settings.labels.cost, now_ms, by_segment=by_segment)

    @property
    def refused(self) -> dict[str, int]:
        """How many predictions, labels and scores were not counted, by reason."""
        self.flush()
        refused = Counts() if self.periods is None else Counts(self.periods.refused)
        # scores of predictions are looked at where they are estimated by, those of labels where losses are counted
        for reason, count in (Counts() if self.estimates is None else self.estimates.refused).items():
            refused[reason] = max(refused[reason], count)
        return {reason.value: count for reason, count in sorted(refused.items()) if count}


def cost_names(cost: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The classes that a table of costs names, in its order."""
    return list(dict.fromkeys(name for predicted, row in cost.items() for name in (predicted, *row)))
