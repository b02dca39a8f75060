"""What became of the predictions of each period of time. Rule: a label counts in the period of its prediction.

Calls come in the order of the records; how the events of a call are cut makes no difference. A correction is the old
label taken back and the new one counted, both with the time of the first label: it says when a label came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, MISSING, OTHER, UNLIKE
from driftd.performance.counting import count, strata_of
from driftd.performance.delays import delay_bins, whole_bins
from driftd.performance.held import HeldPeriods
from driftd.performance.layout import DELAY_BINS, Kind, Layout, Stratum
from driftd.performance.pairs import CLASSES_MAX, Counts, Pairs, Refused, class_codes
from driftd.performance.tally import Tally

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PeriodSettings:
    """What periods are.

    `period_ms`: how long one is. `periods_max`: how many are held; with `period_ms` it should cover the longest delay
    of labels. `classes_max`, `segments_max`: how many have a code of their own. `slices`: parts of a period in which
    predictions are counted, to know their age. `delay_labels_max`: past labels that delays are learned from;
    beyond, half of what is known is forgotten.
    """

    kind: Kind = Kind.CLASSES
    period_ms: int = 3_600_000
    periods_max: int = 168
    classes_max: int = CLASSES_MAX
    segments_max: int = 16
    stratum: Stratum = Stratum.LABEL
    scores: bool = True
    slices: int = 8
    delay_labels_max: int = 1_000_000


class Periods:
    """The periods of one version of a model, all its predictions together and by segment."""

    def __init__(self, settings: PeriodSettings) -> None:
        self.settings = settings
        layout = Layout(settings.kind, 0, settings.stratum, settings.scores, settings.slices, True)
        self.held = HeldPeriods(settings.periods_max)
        self.whole = Tally(layout)
        self.past = Tally(Layout(settings.kind, 0, settings.stratum, False, 1, True))
        """Periods that are no longer held: what was predicted, and delays as far as they were over."""
        self.parts = Tally(Layout(settings.kind, 0, settings.stratum, False, 1))
        self.segment_rows: dict[tuple[int, int], int] = {}
        self.free_parts: list[int] = []
        self.refused = Counts()
        self.periods_evicted = 0
        self.changed: set[int] = set()
        """Periods that counted something since this was cleared: what a commit has to write again."""

    def predict(self, at_ms: Ints, predicted: Ints, segments: Ints | None = None) -> None:
        """Count n predictions made at `at_ms` (n,), of the classes (or strata) `predicted` (n,).

        Of numbers and texts `predicted` are the strata that their pairs will have. `segments` (n,) or (n, m): codes
        of segments, MISSING for none. What has no prediction is refused.
        """
        taken = np.flatnonzero(predicted >= 0)
        if bad := len(predicted) - len(taken):
            self.refused[Refused.PREDICTION] += bad
            at_ms, predicted = at_ms[taken], predicted[taken]
        numbers = at_ms // self.settings.period_ms
        rows, gone = self.held.admit(numbers)
        self._rows_reserve(rows)
        index = self._accepted(rows)
        if index.size < len(rows):
            taken, predicted = taken[index], predicted[index]
            rows, numbers, at_ms = rows[index], numbers[index], at_ms[index]
        codes = class_codes(predicted, self.settings.classes_max)
        if index.size:
            self._widen(int(codes.max()) - FIRST + 1)
            slices = (at_ms - numbers * self.settings.period_ms) * self.settings.slices
            cells = slices // self.settings.period_ms * self.whole.layout.codes + codes
            self.whole.add("made", rows, cells, 1)
            for part, chosen in self._segments(numbers, segments, taken):
                self.parts.add("made", part, codes[chosen], 1)
        self._evict(gone)

    def label(
        self, prediction_at_ms: Ints, labelled_at_ms: Ints, pairs: Pairs, segments: Ints | None = None
    ) -> None:
        """Count labels of predictions made at `prediction_at_ms` (n,), known since `labelled_at_ms` (n,).

        `pairs`: those of the n that can be counted (`pairs.index`).
        """
        self._count(prediction_at_ms, labelled_at_ms, pairs, segments, 1)

    def take_back(
        self, prediction_at_ms: Ints, labelled_at_ms: Ints, pairs: Pairs, segments: Ints | None = None
    ) -> None:
        """Undo a `label` of the same pairs and times, to the last bit."""
        self._count(prediction_at_ms, labelled_at_ms, pairs, segments, -1)

    def _count(
        self, prediction_at_ms: Ints, labelled_at_ms: Ints, pairs: Pairs, segments: Ints | None, sign: int
    ) -> None:
        at_ms = prediction_at_ms[pairs.index]
        numbers = at_ms // self.settings.period_ms
        rows = self.held.rows_of(numbers)
        index = self._accepted(rows)
        if not index.size:
            return
        if index.size < len(rows):
            pairs = pairs.take(index)
            rows, numbers, at_ms = rows[index], numbers[index], at_ms[index]
        count(self.whole, rows, pairs, sign)
        self._widen(self.whole.layout.classes)
        bins = delay_bins(labelled_at_ms[pairs.index] - at_ms)
        predicted = np.where(pairs.predicted == UNLIKE, OTHER, pairs.predicted)
        cells = np.array([strata_of(pairs, self.settings.stratum), predicted]) * DELAY_BINS + bins
        self.whole.add_all(("delays", "delays_predicted"), rows, cells, np.full(cells.shape, sign, np.int64))
        for part, chosen in self._segments(numbers, segments, pairs.index):
            count(self.parts, part, pairs.take(chosen), sign)
        self._widen(self.parts.layout.classes)

    def _accepted(self, rows: Ints) -> Ints:
        index = np.flatnonzero(rows != MISSING)
        if index.size < len(rows):
            self.refused[Refused.PERIOD] += len(rows) - index.size
        return index

    def _rows_reserve(self, rows: Ints) -> None:
        if rows.size:
            self.whole.reserve(int(rows.max()) + 1)

    def _widen(self, classes: int) -> None:
        for tally in (self.whole, self.past, self.parts):
            tally.widen(classes)

    def _segments(self, numbers: Ints, segments: Ints | None, index: Ints) -> list[tuple[Ints, Ints]]:
        """Per column of `segments`: rows of `parts` (k,), and which of the events with `numbers` (n,) they are for."""
        self.changed.update(set(numbers.tolist()))
        if segments is None:
            return []
        found: list[tuple[Ints, Ints]] = []
        width = FIRST + self.settings.segments_max
        for column in segments.reshape(len(segments), -1)[index].T:
            chosen = np.flatnonzero(column != MISSING)
            codes = np.where(column[chosen] >= width, OTHER, column[chosen])
            keys, inverse = np.unique(numbers[chosen] * width + codes, return_inverse=True)
            rows = np.array([self._part_row(divmod(key, width)) for key in keys.tolist()], np.int64)
            found.append((rows[inverse], chosen))
        return found

    def _part_row(self, key: tuple[int, int]) -> int:
        row = self.segment_rows.get(key)
        if row is None:
            row = self.free_parts.pop() if self.free_parts else len(self.segment_rows)
            self.segment_rows[key] = row
            self.parts.reserve(row + 1)
        return row

    def _evict(self, gone: list[tuple[int, int]]) -> None:
        # All periods held are newer, so one that goes is at least so old, whatever the clock says.
        age_ms = (self.settings.periods_max - 1) * self.settings.period_ms
        over = whole_bins(np.array([age_ms], np.int64))[0]
        for number, row in gone:
            for name in ("delays", "delays_predicted"):
                self.past.field(name)[0] += self.whole.field(name)[row] * over
            self.past.field("made")[0] += self.whole.field("made")[row].sum(axis=0)
            if self.past.field("delays").sum() > self.settings.delay_labels_max:
                self.past.counts >>= 1
            self.whole.counts[row] = 0
            self.periods_evicted += 1
            self.changed.discard(number)
            for key in [key for key in self.segment_rows if key[0] == number]:
                part = self.segment_rows.pop(key)
                self.parts.counts[part] = 0
                self.free_parts.append(part)
        self.held.release(gone)

    def period_to_json(self, number: int) -> dict[str, Any]:
        """One period that is held: an entry of its own, because most do not change any more."""
        keys = sorted(key for key in self.segment_rows if key[0] == number)
        return {
            "whole": self.whole.selected([self.held.rows[number]]).to_json(),
            "segments": [segment for _, segment in keys],
            "parts": self.parts.selected([self.segment_rows[key] for key in keys]).to_json(),
        }

    def head_to_json(self) -> dict[str, Any]:
        """All that belongs to no single period."""
        return {
            "past": self.past.to_json(),
            "refused": dict(sorted((reason.value, n) for reason, n in self.refused.items())),
            "periods_evicted": self.periods_evicted,
        }

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it; the same for the same events, whatever the batches."""
        periods = {str(number): self.period_to_json(number) for number in self.held.numbers}
        return {"head": self.head_to_json(), "periods": periods}

    @classmethod
    def from_json(cls, settings: PeriodSettings, document: Mapping[str, Any]) -> "Periods":
        """Periods as they were; `settings` are those they were written with."""
        periods = cls(settings)
        head = document["head"]
        periods.past = Tally.from_json(head["past"])
        periods.refused.update({Refused(reason): count for reason, count in head["refused"].items()})
        periods.periods_evicted = head["periods_evicted"]
        periods._widen(periods.past.layout.classes)
        for name, entry in sorted(document["periods"].items(), key=lambda item: int(item[0])):
            row = periods.held.rows[int(name)] = len(periods.held.rows)
            periods._restore(periods.whole, [row], entry["whole"])
            keys = [(int(name), segment) for segment in entry["segments"]]
            periods._restore(periods.parts, [periods._part_row(key) for key in keys], entry["parts"])
        return periods

    def _restore(self, tally: Tally, rows: list[int], document: Mapping[str, Any]) -> None:
        if not rows:
            return
        stored = Tally.from_json(document)
        self._widen(stored.layout.classes)
        stored.widen(tally.layout.classes)
        tally.reserve(max(rows) + 1)
        tally.counts[rows] = stored.counts
