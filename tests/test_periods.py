"""Performance by prediction time: what is held of which period, by segment, corrected, too late, in any batches."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.performance.codes import MISSING
from driftd.performance.held import HeldPeriods
from driftd.performance.maturity import Maturity
from driftd.performance.pairs import Counts, Refused, class_pairs
from driftd.performance.periods import Periods, PeriodSettings
from late_labels import FRAUD, HOUR_MS, USUAL, Stream, fraud_stream

Ints = NDArray[np.int64]


def test_what_has_no_code_waits_for_labels_as_what_was_predicted() -> None:
    periods = Periods(PeriodSettings(classes_max=1))
    at_ms, both = np.zeros(4, np.int64), np.array([8, 8, 9, 2])
    periods.predict(at_ms, both)
    periods.label(at_ms, at_ms, class_pairs(both, both[::-1].copy(), Counts(), classes_max=1))
    assert periods.whole.field("made")[0].sum(axis=0).tolist() == [3, 0, 1]
    assert periods.whole.field("delays_predicted")[0].sum(axis=1).tolist() == [3, 0, 1]


SMALL = PeriodSettings(period_ms=10, periods_max=4, classes_max=3, segments_max=2, slices=2)


@dataclass
class Events:
    """Predictions and labels in one order: (what, at, class, label, delay, segment)."""

    rows: list[tuple[bool, int, int, int, int, int]]

    def apply(self, periods: Periods, begin: int, end: int) -> None:
        """Those from `begin` to before `end`, runs of the same kind as one call."""
        start = begin
        while start < end:
            stop = start
            while stop < end and self.rows[stop][0] == self.rows[start][0]:
                stop += 1
            self._call(periods, start, stop)
            start = stop

    def _call(self, periods: Periods, begin: int, end: int) -> None:
        columns = np.array([row[1:] for row in self.rows[begin:end]], np.int64)
        at_ms, predicted, label, delay, segment = (column.copy() for column in columns.T)
        segments = np.stack([segment, np.full(len(segment), 5)], axis=1)
        if self.rows[begin][0]:
            periods.predict(at_ms, predicted, segments)
            return
        scores = np.tile([0.5, 0.3, 0.2], (len(at_ms), 1))
        pairs = class_pairs(predicted, label, periods.refused, classes_max=3, scores=scores)
        periods.label(at_ms, at_ms + delay, pairs, segments)


events = st.builds(
    Events,
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(-5, 120),
            st.integers(-1, 6),
            st.integers(-1, 6),
            st.integers(-3, 3000),
            st.integers(-1, 6),
        ),
        max_size=40,
    ),
)


@given(events, st.lists(st.integers(0, 40), max_size=5))
@settings(max_examples=200)
def test_batches_and_restarts_leave_no_trace(sequence: Events, cuts: list[int]) -> None:
    whole, cut = Periods(SMALL), Periods(SMALL)
    n = len(sequence.rows)
    sequence.apply(whole, 0, n)
    bounds = sorted({0, n, *(min(at_row, n) for at_row in cuts)})
    for begin, end in pairwise(bounds):
        sequence.apply(cut, begin, end)
        cut = Periods.from_json(SMALL, json.loads(json.dumps(cut.to_json())))
    assert cut.to_json() == whole.to_json()
    assert len(whole.held.rows) <= SMALL.periods_max
    assert len(whole.whole.counts) <= 2 * n + 2
    one = Periods(SMALL)
    for row in range(n):
        sequence.apply(one, row, row + 1)
    assert one.to_json() == whole.to_json()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 4))
def test_the_newest_periods_are_held_event_by_event(numbers: list[int], most: int) -> None:
    held, together = HeldPeriods(most), HeldPeriods(most)
    expected: set[int] = set()
    accepted = []
    for number in numbers:
        if number not in expected and (len(expected) < most or number > min(expected)):
            expected = set(sorted({*expected, number})[-most:])
        accepted.append(number in expected)
        row, gone = held.admit(np.array([number], np.int64))
        assert (row[0] != MISSING) == accepted[-1]
        held.release(gone)
    rows, _ = together.admit(np.array(numbers, np.int64))
    assert set(held.rows) == set(together.rows) == expected
    assert (rows != MISSING).tolist() == accepted


def test_a_label_of_a_period_that_is_gone_is_counted_as_such() -> None:
    periods = Periods(SMALL)
    periods.predict(np.array([5, 15, 25, 35, 45], np.int64), np.full(5, 2))
    periods.label(
        np.array([5, 15], np.int64),
        np.array([50, 50], np.int64),
        class_pairs(np.array([2, 2]), np.array([2, 2]), Counts(), classes_max=3),
    )
    assert periods.periods_evicted == 1
    assert periods.refused == {Refused.PERIOD: 1}
    assert periods.whole.field("pairs").sum() == 1
    periods.predict(np.array([5], np.int64), np.array([2]))
    assert periods.refused == {Refused.PERIOD: 2}
    assert periods.held.numbers == [1, 2, 3, 4]


def test_one_prediction_from_the_far_future_takes_one_place() -> None:
    periods = Periods(SMALL)
    periods.predict(np.array([10**15, 5, 15, 25, 35], np.int64), np.full(5, 2))
    assert periods.held.numbers == [1, 2, 3, 10**14]


def test_a_corrected_label_leaves_no_trace_of_the_one_before() -> None:
    stream = fraud_stream(0, hours=10, per_hour=50)
    chosen = np.ones(len(stream.at_ms), np.bool_)
    known_ms = stream.at_ms + stream.delay_ms
    clean, corrected = Periods(PeriodSettings()), Periods(PeriodSettings())
    segments = stream.at_ms % 3
    for periods in (clean, corrected):
        periods.predict(stream.at_ms, stream.predicted, segments)
    wrong = class_pairs(stream.predicted, USUAL + FRAUD - stream.label, Counts(), classes_max=8)
    corrected.label(stream.at_ms, known_ms, wrong, segments)
    corrected.take_back(stream.at_ms, known_ms, wrong, segments)
    for periods in (clean, corrected):
        periods.label(stream.at_ms, known_ms, stream.pairs(chosen), segments)
    assert corrected.to_json() == clean.to_json()


def test_segments_are_judged_by_the_same_measure_and_are_bounded() -> None:
    stream = fraud_stream(5)
    here = stream.labelled(168 * HOUR_MS)
    random = np.random.default_rng(0)
    segment = random.integers(2, 4, len(here))
    worse = (segment == 3) & (random.random(len(here)) < 0.1)
    stream.predicted = np.where(worse, USUAL + FRAUD - stream.predicted, stream.predicted)
    periods = Periods(PeriodSettings(segments_max=4))
    periods.predict(stream.at_ms, stream.predicted, segment)
    periods.label(
        stream.at_ms[here], (stream.at_ms + stream.delay_ms)[here], stream.pairs(here), segment[here]
    )
    found = Maturity(periods, 168 * HOUR_MS).segments(150 * HOUR_MS, 165 * HOUR_MS)
    assert set(found) == {2, 3}
    good, bad = found[2], found[3]
    assert good.predictions + bad.predictions == np.count_nonzero(
        (stream.at_ms >= 150 * HOUR_MS) & (stream.at_ms < 165 * HOUR_MS)
    )
    assert Stream.ACCURACY in good.corrected["accuracy"]
    assert Stream.ACCURACY * 0.9 + (1 - Stream.ACCURACY) * 0.1 in bad.corrected["accuracy"]
    assert good.mature
    periods.predict(stream.at_ms[-100:], stream.predicted[-100:], np.arange(100) + 2)
    assert {segment for _, segment in periods.segment_rows} <= {0, 2, 3, 4, 5}
