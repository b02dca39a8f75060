"""Labels that stop, thin out, come late or are corrected more are found; other traffic is no reason to miss labels."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.label_arrivals import HOUR_MS, START_MS, Event, Feed, fed, found_hours, minutes
from driftd.labelling.clock import AHEAD_EVENTS, BEHIND_EVENTS, EventClock
from driftd.labelling.finding import LabelFinding, What
from driftd.labelling.maturity import (
    AGES,
    SPANS_MAX,
    Predictions,
    age_of,
    expected_labels,
    learned_shares,
)
from driftd.labelling.stream import Comes, LabelStreamWatch

BUDGET = 1e6
PLAIN = Feed(hours=30.0)


def findings(feed: Feed, seed: int = 1) -> list[tuple[float, LabelFinding]]:
    events = feed.events(np.random.default_rng(seed))
    return list(found_hours(LabelStreamWatch(BUDGET), events, feed.change_h))


QUIET = {
    "nothing changes": replace(PLAIN, hours=60),
    "traffic has a day": replace(PLAIN, hours=72, daily=0.9),
    "a tenth of the traffic": replace(PLAIN, traffic=0.1),
    "five times the traffic": replace(PLAIN, traffic=5.0, hours=30),
    "no traffic at all": replace(PLAIN, traffic=0.0),
    "delays of a second": replace(PLAIN, delays=minutes(1 / 60)),
    "delays of five hours": replace(PLAIN, delays=minutes(300), hours=60),
    "only one in ten is labelled": replace(PLAIN, labelled=0.1, hours=60),
}


@pytest.mark.parametrize("feed", QUIET)
def test_what_is_no_change_of_the_labels_raises_nothing(feed: str) -> None:
    assert findings(QUIET[feed]) == []


LOUD = {
    "they stop": (replace(PLAIN, kept=0.0), What.LABELS_STOPPED, 1.0),
    "half of them are missing": (replace(PLAIN, kept=0.5), What.LABELS_THIN, 1.0),
    "a fifth of them is missing": (replace(PLAIN, kept=0.8), What.LABELS_THIN, 4.0),
    "they take twice as long": (replace(PLAIN, slower=2.0), What.DELAY_GROWS, 3.0),
    "five times the corrections": (replace(PLAIN, corrected_then=0.1), What.CORRECTIONS_RISE, 3.0),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("change", LOUD)
def test_a_change_is_found_in_time_and_dated(change: str, seed: int) -> None:
    feed, what, within_h = LOUD[change]
    found = [(hours, one) for hours, one in findings(feed, seed) if one.what is what]
    assert len(found) == 1
    hours, finding = found[0]
    assert 0 < hours <= within_h
    assert abs((finding.onset_at_ms - START_MS) / HOUR_MS - feed.change_h) <= 1.5
    assert finding.strength >= 1


def test_labels_that_stop_are_noticed_by_ticks_alone_once_predictions_stop_too() -> None:
    """The predictions of the last hours still wait for their labels."""
    feed = replace(PLAIN, delays=minutes(120, 0.5), traffic=0.0, kept=0.0, hours=30)
    found = findings(feed)
    assert [one.what for _, one in found][-1] is What.LABELS_STOPPED
    assert findings(replace(feed, kept=1.0)) == []


def test_labels_that_stop_are_not_told_as_thin_wherever_in_a_window_that_is() -> None:
    feed = replace(PLAIN, kept=0.0, change_h=8.0, hours=9.0)
    for delays in (PLAIN.delays, minutes(40, 0.5)):
        for seed in range(10):
            found = findings(replace(feed, delays=delays), seed)
            assert [one.what for _, one in found] == [What.LABELS_STOPPED], seed


def test_labels_that_are_thin_and_stop_then_are_no_longer_thin() -> None:
    events = replace(PLAIN, kept=0.4).events(np.random.default_rng(3))
    watch = LabelStreamWatch(BUDGET)
    stop_ms = START_MS + 25 * HOUR_MS
    assert [one.what for one in fed(watch, [e for e in events if e[0] < stop_ms])] == [What.LABELS_THIN]
    fed(watch, [e for e in events if e[0] >= stop_ms and e[1] is not Comes.LABEL])
    (finding,) = watch.findings
    assert finding.what is What.LABELS_STOPPED
    assert finding.labels == 0
    assert abs(finding.onset_at_ms - stop_ms) < HOUR_MS / 10


def test_one_tick_after_a_silence_tells_that_labels_are_missing() -> None:
    events = [event for event in PLAIN.events(np.random.default_rng(2)) if event[0] < START_MS + 20 * HOUR_MS]
    watch = LabelStreamWatch(BUDGET)
    assert fed(watch, events) == []
    found = fed(watch, [(START_MS + 400 * HOUR_MS, Comes.TICK, None, False)])
    assert [one.what for one in found] == [What.LABELS_STOPPED]


def test_labels_that_come_again_end_the_finding() -> None:
    rng = np.random.default_rng(2)
    events = replace(PLAIN, hours=60).events(rng)
    gap = [e for e in events if not (e[1] is Comes.LABEL and 20 <= (e[0] - START_MS) / HOUR_MS < 22)]
    watch = LabelStreamWatch(BUDGET)
    assert [one.what for one in fed(watch, gap) if one.what is What.LABELS_STOPPED] == [What.LABELS_STOPPED]
    assert watch.findings == []


def test_the_sentences_tell_what_came_beside_what_was_expected() -> None:
    said = {one.what: one.sentence for change in LOUD.values() for _, one in findings(change[0])}
    assert said[What.LABELS_STOPPED].startswith("Labels have stopped: 0 came where ")
    assert " were to be expected by now (0 %), since label " in said[What.LABELS_STOPPED]
    assert said[What.LABELS_THIN].startswith("Fewer predictions get a label: ")
    assert said[What.DELAY_GROWS].startswith("Labels come later: 9.")
    assert said[What.CORRECTIONS_RISE].startswith("More labels are corrected: ")


def test_the_learned_share_is_that_of_all_labels_though_half_are_still_to_come() -> None:
    """1,000 predictions an hour, labels after one hour or three: after four hours many are still to come."""
    predictions = Predictions()
    labels = np.zeros(AGES, np.int64)
    for second in range(0, 4 * 3600, 4):
        predictions.add(second * 1000)
        for hours in (1, 3) if second // 4 % 2 else ():
            if second + hours * 3600 <= 4 * 3600:
                labels[age_of(hours * HOUR_MS)] += 1
    shares, known = learned_shares(predictions, labels, 4 * HOUR_MS)
    assert shares[age_of(HOUR_MS)] == pytest.approx(0.5, rel=0.2)
    assert shares[age_of(3 * HOUR_MS)] == pytest.approx(0.5, rel=0.4)
    assert known >= age_of(3 * HOUR_MS)


def test_expected_labels_of_all_windows_are_all_labels_and_none_without_predictions() -> None:
    predictions = Predictions()
    for i in range(1_000):
        predictions.add(i * 1_000)
    shares = np.zeros(AGES)
    shares[[32, 48]] = 0.5, 0.25
    windows = [
        expected_labels(predictions, shares, begin, begin + 5_000).sum()
        for begin in range(0, 2_600_000, 5_000)
    ]
    assert sum(windows) == pytest.approx(750, rel=0.01)
    assert expected_labels(Predictions(), shares, 0, 1e9).sum() == 0


def test_one_event_from_the_future_is_no_future_and_many_are() -> None:
    clock = EventClock(1_000)
    clock.take(5_000, believed=False)
    for _ in range(AHEAD_EVENTS - 1):
        clock.take(9_000_000, believed=False)
    clock.take(5_500, believed=False)
    assert clock.now_ms == 5_500
    for i in range(AHEAD_EVENTS):
        clock.take(9_000_000 + i, believed=False)
    assert clock.now_ms == 9_000_000
    back = [clock.take(6_000 + i, believed=False) for i in range(BEHIND_EVENTS)]
    assert (back[-1], clock.now_ms) == (True, 6_000 + BEHIND_EVENTS - 1)
    assert clock.take(10**12, believed=True) is False
    assert clock.now_ms == 10**12


def test_labels_from_the_future_and_ten_years_late_change_nothing() -> None:
    events = replace(PLAIN, hours=60).events(np.random.default_rng(3))
    poisoned: list[Event] = []
    for i, event in enumerate(events):
        poisoned.append(event)
        if i % 5_000 == 0:
            poisoned.append((4_000_000_000_000, Comes.LABEL, START_MS, False))
            poisoned.append((event[0], Comes.LABEL, START_MS - 87_600 * HOUR_MS, False))
            poisoned.append((0, Comes.PREDICTION, None, False))
    assert fed(LabelStreamWatch(BUDGET), poisoned) == []


def test_labels_that_match_nothing_are_counted_and_are_no_labels() -> None:
    watch = LabelStreamWatch(BUDGET)
    fed(watch, PLAIN.events(np.random.default_rng(3)))
    stray: list[Event] = [(START_MS + 30 * HOUR_MS + i, Comes.LABEL, None, False) for i in range(50_000)]
    assert fed(watch, stray) == []
    assert watch.unmatched == 50_000


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=5), seed=st.integers(0, 2))
def test_batches_and_restarts_are_invisible(cuts: list[int], seed: int) -> None:
    feed = replace(PLAIN, hours=14, change_h=9, kept=0.3, slower=2.0, corrected_then=0.3)
    events = feed.events(np.random.default_rng(seed))
    events[seed + 5_000] = (4_000_000_000_000, Comes.PREDICTION, None, False)
    whole = LabelStreamWatch(1e4, 1_500)
    expected = fed(whole, events)
    parts, found = LabelStreamWatch(1e4, 1_500), []
    for begin, end in itertools.pairwise([0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]):
        parts = LabelStreamWatch.from_json(json.loads(json.dumps(parts.to_json(), allow_nan=False)))
        found += fed(parts, events[begin:end])
    assert expected
    assert found == expected
    assert parts.to_json() == whole.to_json()


def test_predictions_are_held_in_few_spans_however_many_and_old() -> None:
    predictions = Predictions()
    for i in range(200_000):
        predictions.add(i * 10_000)
    assert len(predictions.counts) < SPANS_MAX
    assert sum(predictions.counts) + predictions.dropped == 200_000
    assert predictions.dropped == 0


@pytest.mark.parametrize("at_ms", [0, -1, 4_102_444_799_999])
def test_poison_raises_nothing(at_ms: int) -> None:
    watch = LabelStreamWatch(BUDGET, 50)
    poison: list[Event] = [
        (at_ms, Comes.LABEL, at_ms, False),
        (at_ms, Comes.LABEL, None, True),
        (at_ms, Comes.PREDICTION, None, False),
    ]
    fed(watch, poison * 200)
    fed(watch, replace(PLAIN, hours=2).events(np.random.default_rng(3)))
    fed(watch, poison * 200)
    assert fed(watch, []) == []
    json.dumps(watch.to_json(), allow_nan=False)
