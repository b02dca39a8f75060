"""Predictions that wait, their labels in force, and the pairs they make. Rule: first in, first out, in whole segments.

Events come one after the other, and what was said of them is noted; rows are put in, and pairs are made, for many at
once, which takes a tenth of the time: at the end of a batch, and before predictions are let go.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import compress

import numpy as np

from driftd.config import Labels as Settings
from driftd.contract.record import Source
from driftd.engine.gather import Said, Waits, gathered, is_said_first, nothing_said, said_first
from driftd.engine.held import KINDS, NOTHING, SEGMENT_PREDICTIONS, Coming, Held, Pending
from driftd.engine.join_counts import JoinCounts
from driftd.engine.label_log import LabelLog, begun_anew
from driftd.engine.pairs import LabelValue, PairKind, Pairs, PredictionValue, joined_pairs
from driftd.engine.texts import NO_TEXT, Texts

FIRST, CORRECTION, AGREEMENT = PairKind.FIRST, PairKind.CORRECTION, PairKind.AGREEMENT


class Waiting:
    """Predictions up to before `next_number`; `oldest_open` is the oldest that has no label.

    `ready` are the numbers of first pairs that wait for their turn, a heap, and `said_of` what was said of those;
    `overdue` are pairs that wait no longer, because their predictions were let go. `deciders` and `decided_at_ms` are
    of each pair that had its turn the position and the time of the event that made it so.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = JoinCounts()
        self.sources: list[Source] = []
        self.classes: tuple[str, ...] = ()
        self.next_number = self.oldest_open = 0
        self.last_released = -1
        self.held = Held(Texts())
        self.log = LabelLog()
        self.ready: list[int] = []
        self.said_of: dict[int, Waits] = {}
        self.overdue: list[Pairs] = []
        self.stored_number = 0
        self.dropped: set[int] = set()
        self.is_releasing = True
        self.deciders: list[int] = []
        self.decided_at_ms: list[int] = []
        self._pending: list[Pending] = []
        self._coming: Coming | None = None
        self.said = nothing_said()
        self._due_said: list[Waits] = []
        self._pairs: list[tuple[Pairs, list[int]]] = []
        self._due: list[Pairs] = []

    def begin(self, coming: Coming, is_releasing: bool) -> None:
        """A batch begins, with the predictions `coming`; pairs have their turns in it, or all of them wait."""
        self._coming = coming
        self.is_releasing = is_releasing

    def hold(self, row: int, at_ms: int, prediction: PredictionValue, segment: str | None) -> int:
        """Hold the prediction `row` of those that come, in a segment that has begun; its number."""
        texts, number = self.held.texts, self.next_number
        value = texts.hold(prediction) if type(prediction) is str else float(prediction or 0)
        code = NO_TEXT if segment is None else texts.hold(segment)
        self._pending.append(Pending(row, at_ms, KINDS[type(prediction)], value, code))
        self.next_number = number + 1
        return number

    def hold_all(
        self, begin: int, end: int, predictions: Sequence[PredictionValue], segments: Sequence[str | None]
    ) -> None:
        """Hold the predictions from row `begin` to before `end` of those that come, all of one segment."""
        assert self._coming is not None
        self.flush()
        kinds, values = self.held.hold_all(predictions)
        codes = self.held.texts.hold_all(segments)
        self.held.append(self._coming, slice(begin, end), kinds, values, codes)
        self.next_number += end - begin

    def attach(
        self,
        number: int,
        label: LabelValue,
        at_ms: int,
        annotator: str | None,
        weight: float,
        position: int,
    ) -> None:
        """A label of the prediction `number`, which is held, by the record at `position`."""
        held, counts = self.held, self.counts
        row, views, texts = number & held.mask, held.views, held.texts
        predicted_ms = views.at_ms[row] if number < held.end else self._pending[number - held.end].at_ms
        if at_ms > predicted_ms + self.settings.join_window_ms:
            counts.labels_too_late += 1
            return
        kind, replaced, by, first_ms, before = FIRST, None, None, at_ms, 0.0
        before_bytes = texts.held_bytes
        if views.label_kinds[row] == NOTHING:
            counts.labels_joined += 1
        else:
            replaced, by = held.label(row)
            first_ms = views.label_ms[row]
            if type(replaced) is not type(label) or replaced != label:
                kind, before = CORRECTION, views.weights[row]
                counts.labels_corrected += 1
            elif by != annotator:
                kind, replaced = AGREEMENT, None
                counts.labels_agreed += 1
            else:
                counts.labels_repeated += 1
                return
            self.log.replaced(views.chunks[row])
            held.take_label(row)
        views.label_values[row] = texts.hold(label) if type(label) is str else label
        views.label_kinds[row] = KINDS[type(label)]
        views.annotators[row] = NO_TEXT if annotator is None else texts.hold(annotator)
        views.weights[row] = views.weights[row] if kind is AGREEMENT else weight
        views.label_ms[row] = first_ms
        views.chunks[row] = self.log.append(number, label, annotator, first_ms, views.weights[row])
        if not weight:
            counts.labels_without_weight += 1
        said = (number, label, at_ms, annotator, weight)
        self.said.add(position, said, kind, replaced, by)
        self.said.first_ms.append(first_ms)
        self.said.replaced_weights.append(before)
        if kind is FIRST:
            heappush(self.ready, number)
            self.said_of[number] = said
            if number == self.oldest_open:
                self.advance()
        elif kind is CORRECTION and number in self.said_of:
            self.said_of[number] = said
        if self.log.is_full:
            self.log.tidy(held)
        if texts.held_bytes > before_bytes:
            self._evict_large()

    def release(self, position: int, at_ms: int) -> None:
        """Let the first pairs go whose turn it is, in prediction order as far as labels allow.

        `position` and `at_ms` are those of the event that was taken last.
        """
        if self.overdue:
            self.gather()
            self._due += self.overdue
            due = sum(map(len, self.overdue))
            self.deciders += [position] * due
            self.decided_at_ms += [at_ms] * due
            self.overdue = []
        ready, reorder_max = self.ready, self.settings.reorder_max
        passing: list[Waits] = []
        while ready and (ready[0] < self.oldest_open or len(ready) > reorder_max):
            passing.append(self.said_of.pop(heappop(ready)))
        if passing:
            self.let_pass(passing, [position] * len(passing), [at_ms] * len(passing))

    def let_pass(self, passing: Sequence[Waits], deciders: Sequence[int], at_ms: Sequence[int]) -> None:
        """First pairs have their turns, one after the other, by the events at `deciders`, of the times `at_ms`."""
        self._count_turns(passing)
        weighed = [said[4] > 0 for said in passing]
        if not all(weighed):  # a label without weight counts for nothing
            passing = list(compress(passing, weighed))
            deciders, at_ms = list(compress(deciders, weighed)), list(compress(at_ms, weighed))
        self._due_said += passing
        self.deciders += deciders
        self.decided_at_ms += at_ms

    def end(self) -> tuple[Pairs, list[int], Pairs]:
        """The pairs since `begin` in the order of their labels, the positions of these, and those released."""
        self.flush()
        self.gather()
        pairs, due = joined_pairs([part for part, _ in self._pairs]), joined_pairs(self._due)
        positions = [position for _, part in self._pairs for position in part]
        self._pairs, self._due = [], []
        return pairs, positions, due

    def begin_segment(self, clock_ms: int) -> None:
        """A segment begins with the next prediction: let those go that are too many, too large or too old."""
        self.flush()
        number, settings = self.next_number, self.settings
        segments_max = max(settings.waiting_predictions_max // SEGMENT_PREDICTIONS, 1)
        while self.held.first < number:
            if number // SEGMENT_PREDICTIONS - self.held.first // SEGMENT_PREDICTIONS > segments_max:
                self._evict("count")
            elif self.waiting_bytes > settings.waiting_predictions_bytes_max:
                self._evict("bytes")
            elif self.held.latest_ms(self._first_end) < clock_ms - settings.join_window_ms:
                self._evict("window")
            else:
                break
        self.held.make_room((number // SEGMENT_PREDICTIONS + 1) * SEGMENT_PREDICTIONS)

    def restart(self) -> None:
        """Let all predictions go, and what became of them."""
        unlabelled = len(self) - self.log.in_force_total
        self.counts.predictions_unlabelled_evicted_by_version += unlabelled
        self._note_dropped(self.next_number)
        self.log = begun_anew(self.log)
        self.held = Held(Texts(), self.next_number)
        self.ready, self.said_of, self.overdue = [], {}, []
        self.classes = ()
        self.oldest_open = self.next_number

    def score(self, classes: Sequence[str]) -> None:
        """The scores of these classes come with predictions from now on; to be told between batches."""
        self.classes = tuple(classes)
        self.held.score(len(self.classes))

    def __len__(self) -> int:
        return self.next_number - self.held.first

    @property
    def waiting_bytes(self) -> int:
        """The memory that the predictions are counted with, in bytes."""
        return len(self) * self.held.row_bytes + self.held.texts.held_bytes

    def gather(self) -> None:
        """Make pairs of what was said since."""
        said, due = self.said, self._due_said
        if said.numbers:
            self._pairs.append((self._gathered(said), said.positions))
        if due and is_said_first(said, due):
            self._due.append(self._pairs[-1][0])
        elif due:
            self._due.append(self._gathered(said_first(due)))
        self.said, self._due_said = nothing_said(), []

    def _gathered(self, said: Said) -> Pairs:
        return gathered(said, self.held, self.sources, self.classes)

    def _evict_large(self) -> None:
        """Let segments go, but not the latest, while texts of labels take too many bytes."""
        last, most = (
            (self.next_number - 1) // SEGMENT_PREDICTIONS,
            self.settings.waiting_predictions_bytes_max,
        )
        while self.waiting_bytes > most and self.held.first // SEGMENT_PREDICTIONS < last:
            self._evict("bytes")

    def _evict(self, reason: str) -> None:
        """Let the oldest segment go; pairs of it that wait are the next to be released."""
        self.flush()
        end, overdue = self._first_end, []
        if min(self.said.numbers, default=end) < end or any(one[0] < end for one in self._due_said):
            self.gather()
        while self.ready and self.ready[0] < end:
            overdue.append(self.said_of.pop(heappop(self.ready)))
        self._count_turns(overdue)
        if weighed := [said for said in overdue if said[4] > 0]:
            self.overdue.append(self._gathered(said_first(weighed)))
        predictions = end - self.held.first
        self._note_dropped(end)
        chunks = self.held.drop(end)
        self.log.replaced_all(chunks)
        self.counts.add(f"predictions_unlabelled_evicted_by_{reason}", predictions - len(chunks))
        if self.oldest_open < end:
            self.advance()

    def _count_turns(self, passing: Sequence[Waits]) -> None:
        latest = self.last_released
        for said in passing:
            number = said[0]
            if number < latest:
                self.counts.out_of_order += 1
            else:
                latest = number
        self.last_released = latest

    @property
    def _first_end(self) -> int:
        """The end of the oldest segment."""
        end = (self.held.first // SEGMENT_PREDICTIONS + 1) * SEGMENT_PREDICTIONS
        return min(end, self.next_number)

    def advance(self) -> int:
        """Move `oldest_open` to the oldest prediction that is still without a label."""
        kinds, mask = self.held.views.label_kinds, self.held.mask
        number, end = max(self.oldest_open, self.held.first), self.next_number
        while number < end and kinds[number & mask] != NOTHING:
            number += 1
        self.oldest_open = number
        return number

    def _note_dropped(self, end: int) -> None:
        """Predictions up to before number `end` go: their segments are to be deleted from the state."""
        first = self.held.first // SEGMENT_PREDICTIONS
        self.dropped |= set(range(first, -(-min(end, self.stored_number) // SEGMENT_PREDICTIONS)))

    def flush(self) -> None:
        """Put the predictions that were taken since into their rows."""
        if self._pending:
            assert self._coming is not None
            rows, _, kinds, values, segments = zip(*self._pending, strict=True)
            self.held.append(self._coming, np.array(rows, np.int64), kinds, values, segments)
            self._pending = []
