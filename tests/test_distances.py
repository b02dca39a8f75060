"""Distances against numbers worked out by hand, and what is and is not a finding."""

import json
import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from driftd.decode.batch import INVALID
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.detectors.base import Chance, Effect, Finding, OptionValue
from driftd.detectors.distance_measures import chi_square_limit, distances
from driftd.detectors.distances import OPTIONS, DistanceDetector
from driftd.reference.build import Builder
from driftd.reference.cut import start
from driftd.reference.layout import COARSE
from driftd.reference.panes import Columns, Pane, PaneCounter, Place, PlaceList
from driftd.reference.profile import Profile

PANE_EVENTS = 20
NUMBER, LEVEL = "features.a", "features.b"
SCHEMA = Schema((Signal(NUMBER, SignalType.NUMBER), Signal(LEVEL, SignalType.CATEGORY)))
Values = Sequence[float | None]
Names = Sequence[object]


def columns(numbers: Values, names: Names) -> Columns:
    return Columns(np.array([[np.nan if n is None else n for n in numbers]], np.float64), [list(names)])


def places(count: int, first: int = 0) -> PlaceList:
    return PlaceList([Place(1000 * i, "predictions", 0, i) for i in range(first, first + count)])


def profile_of(numbers: Values, names: Names | None = None) -> Profile:
    """The profile of these events; without names all have the level x."""
    events = columns(numbers, names or ["x"] * len(numbers))
    builder = Builder(start(SCHEMA, events), 50, PANE_EVENTS)
    builder.add(events, places(len(numbers)))
    return builder.build("m", "1")


def panes_of(profile: Profile, numbers: Values, names: Names | None = None, first: int = 0) -> list[Pane]:
    """The complete panes of these events, binned by `profile`."""
    events = columns(numbers, names or ["x"] * len(numbers))
    codes = profile.coarse_code_of_level[1]
    assert codes is not None
    known: dict[object, int] = {None: COARSE.missing, INVALID: COARSE.invalid}
    known.update(codes)
    numbers_bins, numbers_quanta = profile.binning.count(events.numbers)
    bins = np.array(
        [numbers_bins[0], [known.get(n, COARSE.below) for n in events.categories[0]]],
        np.uint8,
    )
    counter = PaneCounter(2, COARSE.width, PANE_EVENTS)
    quanta = np.vstack([numbers_quanta, np.zeros((1, len(numbers)), np.int64)])
    return [pane for _, pane in counter.add(bins, quanta, places(len(numbers), first))]


def detector(
    profile: Profile, signals: Sequence[int] = (0, 1), options: Mapping[str, OptionValue] | None = None
) -> DistanceDetector:
    return DistanceDetector(profile, signals, options or {}, Chance(looks=1000.0, false_alarms=1.0))


def found(
    profile: Profile, numbers: Values, names: Names | None = None, **options: OptionValue
) -> list[Finding]:
    return detector(profile, options=options).compare(panes_of(profile, numbers, names))


def effects(findings: Sequence[Finding]) -> list[tuple[str, Effect]]:
    return [(finding.signal, finding.effect) for finding in findings]


def measured(profile: Profile, numbers: Values, names: Names | None = None) -> tuple[float, ...]:
    """PSI, JS and KS of both signals: six numbers."""
    counts = np.sum([pane.counts for pane in panes_of(profile, numbers, names)], axis=0)
    three = distances(counts, profile, detector(profile).cumulative)
    return tuple(float(value) for both in zip(*three, strict=True) for value in both)


def spread(seed: int, count: int, mean: float = 0.0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(mean, 1) for _ in range(count)]


def test_psi_and_js_of_two_levels_are_those_worked_out_by_hand() -> None:
    # the reference has 60 x and 40 y, each bin and that of unseen levels half an event more:
    #   (60.5, 40.5, 0.5) / 101.5 = (0.59606, 0.39901, 0.00493)
    # the window has 20 x and 80 y, and half an event where there is none:
    #   (20, 80, 0.5) / 100.5 = (0.19900, 0.79602, 0.00498)
    profile = profile_of([0.0] * 100, ["x"] * 60 + ["y"] * 40)
    _, _, _, psi, js, _ = measured(profile, [0.0] * 100, ["x"] * 20 + ["y"] * 80)
    # -0.39706 ln 0.33386 + 0.39701 ln 1.99498 + 0.00005 ln 1.00995
    assert psi == pytest.approx(0.7098, abs=2e-4)
    # (0.19900 log2 0.50060 + 0.79602 log2 1.33223 + 0.59606 log2 1.49940 + 0.39901 log2 0.66779) / 2 = 0.12333
    assert js == pytest.approx(0.12333**0.5, abs=2e-4)


def test_ks_of_four_values_is_the_one_worked_out_by_hand() -> None:
    # 1, 2, 3, 4 have a bin each; with the bins between and around them eleven, each half an event more:
    # up to 2 lie (25 + 25 + 5 * 0.5) / 105.5 = 0.49763 of the reference, and the whole window
    profile = profile_of([1.0, 2.0, 3.0, 4.0] * 25)
    _, _, ks, _, _, _ = measured(profile, [1.0, 2.0] * 10)
    assert ks == pytest.approx(1 - 0.49763, abs=1e-4)


def test_a_reference_is_at_no_distance_from_itself() -> None:
    numbers, names = spread(1, 1000), ["x", "y"] * 500
    psi, js, ks, *levels = measured(profile_of(numbers, names), numbers, names)
    assert max(psi, js, ks, *levels) < 0.05


@pytest.mark.parametrize(
    ("freedom", "p_value", "table"),
    [(1, 0.01, 6.635), (2, 0.05, 5.991), (10, 0.05, 18.307), (15, 0.001, 37.697)],
)
def test_limits_of_chi_square_are_those_of_the_table(freedom: int, p_value: float, table: float) -> None:
    assert chi_square_limit(freedom, p_value) == pytest.approx(table, rel=0.02)


def test_nothing_is_found_while_nothing_changes() -> None:
    profile = profile_of(spread(2, 2000), [random.Random(i).choice("xyz") for i in range(2000)])
    watch = detector(profile)
    names = [random.Random(i).choice("xyz") for i in range(10_000)]
    panes = panes_of(profile, spread(3, 10_000), names)
    assert [effects(watch.compare(panes[end - 8 : end])) for end in range(8, len(panes))] == [[]] * (
        len(panes) - 8
    )


def test_a_shift_is_found_with_the_pane_in_which_it_began_as_its_onset() -> None:
    profile = profile_of(spread(4, 1000))
    panes = panes_of(profile, spread(5, 5 * PANE_EVENTS) + spread(6, 3 * PANE_EVENTS, 2.0), first=5000)
    (finding,) = detector(profile).compare(panes)
    assert (finding.signal, finding.effect, finding.detector) == (NUMBER, Effect.SHIFT, "distance")
    assert finding.onset == panes[5].first
    assert finding.onset.offset == 5100
    assert finding.strength >= 1


def test_an_onset_stays_while_the_finding_lasts_also_over_a_restart() -> None:
    profile = profile_of(spread(4, 1000))
    panes = panes_of(profile, spread(5, 5 * PANE_EVENTS) + spread(6, 30 * PANE_EVENTS, 2.0))
    watch = detector(profile)
    for end in range(8, len(panes)):
        (finding,) = watch.compare(panes[end - 8 : end])
        assert finding.onset == panes[5].first
        state = json.loads(json.dumps(watch.state()))
        watch = DistanceDetector(profile, (0, 1), {}, Chance(1000.0, 1.0), state)


def test_an_onset_is_forgotten_when_the_finding_is_over() -> None:
    profile = profile_of(spread(4, 1000))
    watch = detector(profile)
    assert watch.compare(panes_of(profile, spread(6, 160, 2.0)))
    assert watch.compare(panes_of(profile, spread(7, 160))) == []
    assert watch.state() == {"onsets": []}


def test_one_pane_is_not_enough_to_say_anything() -> None:
    profile = profile_of(spread(4, 1000))
    assert found(profile, spread(6, PANE_EVENTS, 50.0)) == []
    assert detector(profile).compare([]) == []


def test_signals_that_are_not_watched_are_silent() -> None:
    profile = profile_of(spread(4, 1000))
    panes = panes_of(profile, spread(6, 160, 2.0))
    assert detector(profile, (1,)).compare(panes) == []
    assert effects(detector(profile, (0,)).compare(panes)) == [(NUMBER, Effect.SHIFT)]


@pytest.mark.parametrize("constant", [0.0, 5.0, -1e-9, 1e140])
def test_a_constant_signal_is_silent_until_it_moves(constant: float) -> None:
    profile = profile_of([constant] * 400)
    assert found(profile, [constant] * 160) == []
    moved = constant + max(abs(constant), 1.0) * 0.5
    assert effects(found(profile, [moved] * 160)) == [(NUMBER, Effect.SHIFT)]
    assert effects(found(profile, [constant + max(abs(constant), 1.0) * 3] * 160)) == [
        (NUMBER, Effect.OUTSIDE)
    ]


def test_a_signal_that_becomes_constant_is_a_shift() -> None:
    assert effects(found(profile_of(spread(8, 1000)), [0.5] * 160)) == [(NUMBER, Effect.SHIFT)]


def test_two_values_whose_shares_change_are_a_shift() -> None:
    profile = profile_of([0.0, 1.0] * 500)
    assert found(profile, [1.0, 0.0] * 80) == []
    assert effects(found(profile, [1.0, 1.0, 1.0, 1.0, 0.0] * 32)) == [(NUMBER, Effect.SHIFT)]


def test_a_signal_that_was_always_missing_is_silent_until_it_is_there() -> None:
    profile = profile_of([None] * 400, [None] * 400)
    assert found(profile, [None] * 160, [None] * 160) == []
    there = found(profile, spread(9, 160), ["x"] * 160)
    assert (NUMBER, Effect.MISSING) in effects(there)
    assert (LEVEL, Effect.MISSING) in effects(there)


def test_a_signal_that_goes_missing_altogether_is_missing_and_no_shift() -> None:
    profile = profile_of(spread(10, 1000))
    (finding,) = found(profile, [None] * 160)
    assert (finding.effect, finding.share) == (Effect.MISSING, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0, 0, False), (0, 1, False), (0, 40, True), (20, 20, False), (20, 80, True), (50, 0, True)],
)
def test_the_share_of_missing_values_may_stay_but_not_change(before: int, after: int, expected: bool) -> None:
    def numbers(seed: int, count: int, missing: int) -> list[float | None]:
        return [None if i * 37 % 100 < missing else value for i, value in enumerate(spread(seed, count))]

    findings = found(profile_of(numbers(11, 2000, before)), numbers(12, 200, after))
    assert ((NUMBER, Effect.MISSING) in effects(findings)) == expected


@pytest.mark.parametrize(("unseen", "expected"), [(0, False), (4, False), (5, True), (80, True)])
def test_levels_never_seen_are_found_from_five_events_on(unseen: int, expected: bool) -> None:
    profile = profile_of([0.0] * 400, ["x", "y"] * 200)
    names = ["zebra"] * unseen + ["x", "y"] * 80
    findings = found(profile, [0.0] * 160, names[:160])
    assert ((LEVEL, Effect.UNSEEN) in effects(findings)) == expected
    if expected:
        share = next(finding.share for finding in findings if finding.effect is Effect.UNSEEN)
        assert share == pytest.approx(unseen / 160)


def test_where_levels_are_unbounded_an_unseen_one_says_nothing() -> None:
    profile = profile_of([0.0] * 400, [f"id-{i}" for i in range(400)])
    assert [levels.unbounded for levels in profile.levels if levels is not None] == [True]
    counts = np.zeros((2, COARSE.width), np.int64)
    counts[0, : COARSE.values] = profile.coarse_counts[0, : COARSE.values] // 10
    counts[1, COARSE.below] = PANE_EVENTS
    place = Place(0, "predictions", 0, 0)
    panes = [Pane(place, place, PANE_EVENTS, counts, np.zeros(2, np.int64))] * 2
    assert (LEVEL, Effect.UNSEEN) not in effects(detector(profile).compare(panes))


def test_numbers_far_out_of_the_range_are_outside_and_no_shift_as_well() -> None:
    profile = profile_of(spread(13, 1000))
    (finding,) = found(profile, [value * 1000 for value in spread(14, 160)])
    assert finding.effect is Effect.OUTSIDE
    assert finding.share > 0.95


def test_one_value_of_the_wrong_type_is_a_finding() -> None:
    profile = profile_of(spread(15, 1000))
    (finding,) = found(profile, [np.inf, *spread(16, 159)])
    assert (finding.effect, finding.strength) == (Effect.INVALID, 1.0)
    assert finding.share == pytest.approx(1 / 160)


def test_the_strongest_finding_comes_first() -> None:
    profile = profile_of(spread(17, 1000), ["x", "y"] * 500)
    findings = found(profile, spread(18, 160, 1.0), ["y"] * 160)
    assert len(findings) == 2
    assert findings[0].strength > findings[1].strength


def test_a_limit_that_is_not_reached_is_no_finding() -> None:
    profile = profile_of(spread(17, 1000))
    window = spread(18, 160, 1.0)
    assert found(profile, window)
    assert found(profile, window, psi_min=100.0, js_min=1.0, ks_min=1.0) == []


def test_a_smaller_budget_of_false_alarms_asks_for_more_evidence() -> None:
    profile = profile_of(spread(17, 1000))
    panes = panes_of(profile, spread(18, 160, 0.5))
    strengths = []
    for false_alarms in (100.0, 1.0, 0.01):
        watch = DistanceDetector(profile, (0,), {}, Chance(1000.0, false_alarms))
        strengths.append(max((finding.strength for finding in watch.compare(panes)), default=0.0))
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] > strengths[-1]


def test_each_option_has_a_default_within_its_bounds() -> None:
    for option in OPTIONS.values():
        assert option.low is not None
        assert option.high is not None
        assert option.low <= float(option.default) <= option.high
