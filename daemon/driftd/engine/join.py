"""The join of labels with predictions, by prediction id. Rule: bounded by count, bytes and time; each loss is counted.

Each label that says something new of a prediction that is held makes a pair: a first one, a correction or an
agreement; in the order of the labels. First pairs are handed out once more in prediction order: such a pair waits
while an earlier prediction has no label yet, but no more than `reorder_max` pairs wait, so that missing labels
cannot hold up the others for ever. A correction of a pair that still waits takes its place; one that comes later
changes nothing there, so that a prediction counts once.

A label joins whether it came before or after its prediction, unless it is of a time more than `join_window_ms`
after it. Predictions are let go in segments, as a segment begins or a text makes too many bytes, so always on the
same events.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftd.config import Labels as Settings
from driftd.contract.record import Source
from driftd.engine.early import EarlyLabel, EarlyLabels
from driftd.engine.gather import Labels
from driftd.engine.held import NOTHING, SEGMENT_PREDICTIONS, Coming, kinds_of
from driftd.engine.join_counts import JoinCounts
from driftd.engine.pairs import PredictionValue
from driftd.engine.plain import (
    CORRECTIONS,
    EARLY,
    FIRST_LABELS,
    REPEATED,
    attach_corrections,
    attach_first,
    has_room_for,
    plainness,
)
from driftd.engine.waiting import Waiting

PredictionRow = tuple[int, int, int, PredictionValue, str | None, int]
"""Key, number that it was held under before the batch, time, prediction, segment, position of its record."""
RUN_MIN = 16
"""So many predictions without a label in between are worth being held at once."""


class Join:
    """Predictions that wait for labels, labels that wait for predictions, and pairs that wait for their turn."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.waiting = Waiting(settings)
        self.early = EarlyLabels()
        self.clock_ms = 0
        self.prediction_clock_ms = 0
        self.label_kind = NOTHING
        self._index_of_source: dict[tuple[str, int], int] = {}
        self._fresh: dict[int, int] = {}

    def begin(self, coming: Coming, is_releasing: bool) -> None:
        """A batch begins, with the predictions `coming`; pairs have their turns in it, or all of them wait."""
        self.waiting.begin(coming, is_releasing)
        self._fresh.clear()

    def predict(self, index: int, row: PredictionRow) -> bool:
        """Hold the prediction `index` of those that come; False, and nothing held, where its id is held already."""
        key, known, at_ms, prediction, segment, position = row
        waiting = self.waiting
        first, number = waiting.held.first, waiting.next_number
        if known >= first or self._fresh.get(key, -1) >= first:
            waiting.counts.predictions_repeated += 1
            return False
        self._see(at_ms)
        begins = number % SEGMENT_PREDICTIONS == 0 or number == first
        if begins:
            self._begin_segment()
        self._fresh[key] = waiting.hold(index, at_ms, prediction, segment)
        early = self.early.take(key)
        for label in early:
            waiting.attach(number, *label[1:], position)
        if (early or begins) and waiting.is_releasing:
            waiting.release(position, at_ms)
        return True

    def predict_all(self, begin: int, rows: Sequence[PredictionRow]) -> None:
        """Hold `rows`, of the index `begin` and following, as `predict` does one by one.

        None of them is held already or comes twice, no label waits for one, and no segment begins: see `Stretches`.
        """
        if len(rows) < RUN_MIN:
            for index, row in enumerate(rows, begin):
                self.predict(index, row)
            return
        number = self.waiting.next_number
        keys, _, at_ms, predictions, segments, _ = zip(*rows, strict=True)
        self._see(max(at_ms))
        self.waiting.hold_all(begin, begin + len(rows), predictions, segments)
        self._fresh.update(zip(keys, range(number, number + len(rows)), strict=True))

    @property
    def room(self) -> int:
        """How many predictions can be held before one begins a segment."""
        number = self.waiting.next_number
        within = number % SEGMENT_PREDICTIONS
        return SEGMENT_PREDICTIONS - within if within and number != self.waiting.held.first else 0

    def label_all(self, said: Labels, begin: int, end: int) -> None:
        """Join the labels from `begin` to before `end` with their predictions, in their order, or hold them."""
        part = said.slice(begin, end)
        if end - begin < RUN_MIN or not has_room_for(self.waiting, [*part.labels, *part.annotators]):
            self._label_each(part)
        else:
            self._label_run(part)

    def _label_run(self, said: Labels) -> None:
        """Join labels, runs of plain ones at once; in a run no prediction is let go."""
        waiting = self.waiting
        waiting.flush()
        known, first = said.known, waiting.held.first
        if min(known) < first:
            known = [
                number if number >= first else self._fresh.get(key, -1)
                for key, number in zip(said.keys, known, strict=True)
            ]
        numbers = np.array(known, np.int64)
        plain = plainness(waiting, numbers, said)
        plain[numbers < first] = EARLY
        ends = [*(np.flatnonzero(plain[1:] != plain[:-1]) + 1).tolist(), len(known)]
        kinds, begin = plain.tolist(), 0
        while begin < len(known):
            end, kind = ends[0], kinds[begin]
            if kind in (FIRST_LABELS, CORRECTIONS):
                end = min(end, begin + waiting.log.room)
            if end == ends[0]:
                del ends[0]
            part = said.slice(begin, end)
            if end - begin < RUN_MIN or not self._take_run(kind, numbers[begin:end], part):
                self._label_each(part)
            begin = end

    def _take_run(self, kind: int, numbers: NDArray[np.int64], said: Labels) -> bool:
        """Join labels that are all of one kind, see `plainness`; False, and nothing done, where they are not plain."""
        waiting = self.waiting
        if kind == FIRST_LABELS:
            attach_first(waiting, numbers, said)
        elif kind == CORRECTIONS and not self._may_release:
            attach_corrections(waiting, numbers, said)
        elif kind == REPEATED and not self._may_release:
            waiting.counts.labels_repeated += len(numbers)
        elif kind == EARLY:
            self._hold_run(said)
        else:
            return False
        return True

    def _hold_run(self, said: Labels) -> None:
        """Hold labels that all came before their predictions; the oldest go in the same order as one by one."""
        coming = list(zip(said.keys, said.labels, said.at_ms, said.annotators, said.weights, strict=True))
        if not self.early.add_run(coming, self.settings.waiting_labels_bytes_max):
            # whether count or bytes let one go depends on when each is looked at
            for early in coming:
                self._hold_early(early)
            return
        dropped = self.early.drop_beyond(self.settings.waiting_labels_max)
        self.waiting.counts.early_labels_evicted_by_count += dropped

    def _label_each(self, said: Labels) -> None:
        waiting, fresh = self.waiting, self._fresh
        for position, key, known, label, at_ms, annotator, weight in zip(*said, strict=True):
            number = known if known >= waiting.held.first else fresh.get(key, -1)
            if number < waiting.held.first:
                self._hold_early((key, label, at_ms, annotator, weight))
                continue
            waiting.attach(number, label, at_ms, annotator, weight, position)
            if self._may_release:
                waiting.release(position, at_ms)

    @property
    def _may_release(self) -> bool:
        """Whether the next event lets a pair go."""
        waiting = self.waiting
        ready = waiting.ready
        if not waiting.is_releasing or not (ready or waiting.overdue):
            return False
        most = self.settings.reorder_max
        return bool(waiting.overdue) or ready[0] < waiting.oldest_open or len(ready) > most

    def restart(self) -> None:
        """A new version: predictions of the old one and what became of them are let go, early labels are kept."""
        self.waiting.restart()
        self.label_kind = NOTHING

    def take_counts(self) -> JoinCounts:
        """What was counted since this was last asked."""
        counts, self.waiting.counts = self.waiting.counts, JoinCounts()
        return counts

    def find(self, keys: NDArray[np.uint64]) -> list[int]:
        """The numbers that `keys` are held under, -1 where one is not."""
        return self.waiting.held.find(keys)

    def source_index(self, source: tuple[str, int]) -> int:
        """The number by which the join knows the partition `source`."""
        index = self._index_of_source.get(source)
        if index is None:
            index = self._index_of_source[source] = len(self.waiting.sources)
            self.waiting.sources.append(Source(*source))
        return index

    def _see(self, at_ms: int) -> None:
        self.prediction_clock_ms = max(self.prediction_clock_ms, at_ms)
        self.clock_ms = max(self.clock_ms, at_ms)

    def _begin_segment(self) -> None:
        self.waiting.begin_segment(self.prediction_clock_ms)
        oldest_ms = self.prediction_clock_ms - self.settings.join_window_ms
        self.waiting.counts.early_labels_evicted_by_window += self.early.drop_before(oldest_ms)

    def note_kinds(self, said: Labels) -> None:
        """Count the labels of another type than the first one's, and let the clock go on."""
        if not said.labels:
            return
        kinds = kinds_of(said.labels)
        self.label_kind = self.label_kind or kinds[0]
        self.waiting.counts.labels_of_other_type += len(kinds) - kinds.count(self.label_kind)
        self.clock_ms = max(self.clock_ms, *said.at_ms)

    def _hold_early(self, label: EarlyLabel) -> None:
        early, counts, settings = self.early, self.waiting.counts, self.settings
        early.add(label)
        if len(early) > settings.waiting_labels_max:
            counts.early_labels_evicted_by_count += early.drop_beyond(settings.waiting_labels_max)
        if early.held_bytes > settings.waiting_labels_bytes_max:
            counts.early_labels_evicted_by_bytes += early.drop_beyond_bytes(settings.waiting_labels_bytes_max)
