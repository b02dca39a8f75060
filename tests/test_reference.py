"""References: counts that merge exactly, edges that suit the values, figures that a person can read."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.contract.record import Record
from driftd.decode.columns import INVALID
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
from driftd.reference.bins import QUANTA_MAX, Binning, fine_edges
from driftd.reference.build import Builder
from driftd.reference.cut import start
from driftd.reference.document import decode_profile, encode_profile, profile_hash
from driftd.reference.figures import reference_summary
from driftd.reference.layout import COARSE, FINE
from driftd.reference.panes import Columns, PaneCounter, RecordPlaces
from driftd.reference.profile import Profile

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False, width=32), st.sampled_from([0.0, 1.0, -1.0, float("inf")])
)
ONE_NUMBER = Schema((Signal("features.a", SignalType.NUMBER),))
MIXED = Schema(
    (
        Signal("features.a", SignalType.NUMBER),
        Signal("features.b", SignalType.CATEGORY),
        Signal("features.c", SignalType.BOOLEAN),
    )
)


def places(count: int, first: int = 0) -> RecordPlaces:
    records = [Record("predictions", 0, first + i, first + i, None, None) for i in range(count)]
    return RecordPlaces(np.arange(first, first + count) * 1000, list(range(count)), records)


def profile_of(numbers: NDArray[np.float64], pane_events: int = 8) -> Profile:
    builder = Builder(start(ONE_NUMBER, Columns(numbers[None], [])), 10, pane_events)
    builder.add(Columns(numbers[None], []), places(numbers.size))
    return builder.build("m", "1")


def bins_of(numbers: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.uint8]:
    everywhere, one = np.array([np.inf]), np.ones(1)
    bins: NDArray[np.uint8] = Binning(edges[None], -everywhere, everywhere, one, one, FINE).count(
        numbers[None]
    )[0]
    return np.asarray(bins[0], np.uint8)


def mixed(count: int, seed: int = 1) -> Columns:
    rng = np.random.default_rng(seed)
    numbers = np.vstack([rng.normal(5, 2, count), rng.integers(0, 2, count).astype(float)])
    numbers[0, ::17], numbers[0, 1::31] = np.nan, np.inf
    levels: list[object] = rng.choice(["x", "y", "z"], count).tolist()
    levels[::13] = [None] * len(levels[::13])
    levels[5::40] = [INVALID] * len(levels[5::40])
    return Columns(numbers, [levels])


def builder_of(columns: Columns) -> Builder:
    return Builder(start(MIXED, columns), 10, 8)


@given(st.lists(NUMBERS, min_size=1, max_size=200))
def test_every_number_falls_into_one_bin_and_equal_numbers_into_the_same(values: list[float]) -> None:
    numbers = np.array(values)
    edges = fine_edges(numbers)
    assert edges.shape == (63,)
    assert (np.diff(edges[np.isfinite(edges)]) > 0).all()
    bins = bins_of(numbers, edges)
    for value, bin_ in zip(values, bins.tolist(), strict=True):
        if np.isnan(value):
            assert bin_ == FINE.missing
        elif np.isinf(value):
            assert bin_ == FINE.invalid
        else:
            assert bin_ == int((edges <= value).sum())


def test_few_values_get_a_bin_each() -> None:
    numbers = np.array([0.0, 1.0, 2.5, 1.0])
    edges = fine_edges(numbers)
    bins = bins_of(np.array([0.0, 0.5, 1.0, 2.0, 2.5]), edges)
    assert len(set(bins.tolist())) == 5


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.integers(-20, 20), st.sampled_from([2.0, 1e3, np.inf]))
def test_quanta_are_whole_and_bounded_and_nothing_where_there_is_no_number(
    values: list[float], exponent: int, reach: float
) -> None:
    numbers = np.array([values])
    quantum, center = np.array([2.0**exponent]), np.array([0.75])
    binning = Binning(
        np.array([[0.0, np.inf]]), np.array([-reach]), np.array([reach]), center, quantum, COARSE
    )
    finite = np.where(np.isfinite(numbers), numbers, center)
    expected = np.rint(np.clip((finite - center) / quantum, -QUANTA_MAX, QUANTA_MAX)).astype(np.int64)
    assert np.array_equal(binning.count(numbers)[1], expected)


def test_single_precision_counts_like_double_where_it_is_used_and_is_not_used_where_it_could_not() -> None:
    rng = np.random.default_rng(4)
    normal = rng.normal(size=5_000)
    for numbers in (normal, np.floor(1.7e12 + 1e6 * normal), 1e-40 * normal):
        edges = fine_edges(numbers)
        assert np.array_equal(bins_of(numbers, edges), (numbers[:, None] >= edges).sum(axis=1))


@given(st.integers(1, 400), st.lists(st.integers(0, 400), max_size=6))
def test_a_profile_does_not_show_how_its_events_were_cut(count: int, cuts: list[int]) -> None:
    columns = mixed(count)
    whole = builder_of(columns)
    whole.add(columns, places(count))
    parts = builder_of(columns)
    ends = [*sorted(min(cut, count) for cut in cuts), count]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        parts.add(columns.slice(begin, end), places(count).slice(begin, end))
    assert encode_profile(whole.build("m", None)) == encode_profile(parts.build("m", None))


@given(st.integers(1, 300), st.integers(1, 40), st.lists(st.integers(0, 300), max_size=6))
def test_panes_do_not_show_how_their_events_were_cut(count: int, pane: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(count)
    bins, whole = rng.integers(0, 20, (3, count)).astype(np.uint8), rng.integers(-9, 9, (3, count))
    at_once = PaneCounter(3, COARSE.width, pane).add(bins, whole, places(count))
    counter, found = PaneCounter(3, COARSE.width, pane), []
    ends = [*sorted(min(cut, count) for cut in cuts), count]
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        part = counter.add(bins[:, begin:end], whole[:, begin:end], places(count).slice(begin, end))
        found += [(begin + index, made) for index, made in part]
    assert [index for index, _ in at_once] == [index for index, _ in found]
    for (_, one), (_, other) in zip(at_once, found, strict=True):
        assert (one.first, one.last, one.events) == (other.first, other.last, other.events)
        assert np.array_equal(one.counts, other.counts)
        assert np.array_equal(one.sums, other.sums)


def test_two_halves_merge_to_the_counts_of_the_whole() -> None:
    columns = mixed(600)
    cut = start(MIXED, columns)
    halves = []
    for begin, end in ((0, 300), (300, 600)):
        builder = Builder(cut, 10, 8)
        for level in "xyz":  # the levels' order of appearance is part of the cut
            builder.levels[1].code(level)
        builder.add(columns.slice(begin, end), places(600).slice(begin, end))
        halves.append(builder.build("m", "1"))
    whole = Builder(cut, 10, 8)
    for level in "xyz":
        whole.levels[1].code(level)
    whole.add(columns, places(600))
    expected, merged = whole.build("m", "1"), halves[0].merge(halves[1])
    assert np.array_equal(merged.counts, expected.counts)
    assert np.array_equal(merged.sums, expected.sums)
    assert (merged.events, merged.first_ms, merged.last_ms) == (600, expected.first_ms, expected.last_ms)


def test_profiles_of_other_cuts_do_not_merge_and_say_why() -> None:
    one, other = profile_of(np.arange(100.0)), profile_of(np.arange(100.0) * 2)
    with pytest.raises(ValueError, match="different edges"):
        one.merge(other)


def test_a_profile_survives_its_file_and_keeps_its_hash() -> None:
    columns = mixed(500)
    builder = builder_of(columns)
    builder.add(columns, places(500))
    profile = builder.build("m", "1")
    again = decode_profile(encode_profile(profile))
    assert profile_hash(again) == profile_hash(profile)
    assert again.schema == profile.schema


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (b"", "no reference of driftd"),
        (b"[]", "a JSON object is expected"),
        (b"{}", "format None"),
        (b'{"format": "driftd-reference", "format_version": 2}', "is missing"),
        (b'{"format": "driftd-reference", "format_version": 7}', "version 7"),
        (b"\xff\xfe", "no reference of driftd"),
    ],
)
def test_a_file_that_is_no_reference_is_refused_with_words(value: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decode_profile(value)


def test_a_reference_of_wrong_shape_is_refused() -> None:
    document = json.loads(encode_profile(profile_of(np.arange(100.0))))
    document["counts"] = array_to_json(np.zeros((1, 5), np.int64))
    with pytest.raises(ValueError, match="shape"):
        decode_profile(json.dumps(document).encode())


def test_figures_are_those_of_the_values() -> None:
    rng = np.random.default_rng(3)
    numbers = rng.normal(100, 5, 4000)
    summary = reference_summary(profile_of(numbers), 0)
    assert summary.mean == pytest.approx(numbers.mean(), rel=1e-4)
    assert summary.p10 == pytest.approx(np.quantile(numbers, 0.1), abs=0.5)
    assert summary.p50 == pytest.approx(np.quantile(numbers, 0.5), abs=0.5)
    assert summary.p90 == pytest.approx(np.quantile(numbers, 0.9), abs=0.5)


@pytest.mark.parametrize(
    "numbers",
    [
        np.full(300, 7.0),
        np.full(300, np.nan),
        np.array([1.0, 2.0] * 150),
        np.array([1e308, -1e308] * 150),
        np.full(300, np.inf),
    ],
    ids=["constant", "all missing", "two values", "as large as can be", "all invalid"],
)
def test_odd_columns_make_profiles_like_any_other(numbers: NDArray[np.float64]) -> None:
    profile = profile_of(numbers)
    for array in (profile.probabilities, profile.inflation, profile.missing_inflation):
        assert np.isfinite(array).all()
    assert profile.coarse_counts.sum() == numbers.size
    assert profile_hash(decode_profile(encode_profile(profile))) == profile_hash(profile)


def test_autocorrelated_values_inflate_and_independent_ones_do_not() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=20_000)
    walk = np.zeros(20_000)
    for i in range(1, walk.size):
        walk[i] = 0.95 * walk[i - 1] + noise[i]
    assert profile_of(noise, 100).inflation[0] < 2
    assert profile_of(walk, 100).inflation[0] > 4


@given(st.lists(st.integers(-(2**62), 2**62), max_size=50))
def test_integers_survive_as_json(values: list[int]) -> None:
    array = np.array(values, np.int64)
    assert np.array_equal(integers_from_json(array_to_json(array)), array)


@given(st.lists(st.floats(), max_size=50))
def test_floats_survive_as_json_to_the_last_bit(values: list[float]) -> None:
    array = np.array(values, np.float64)
    assert floats_from_json(array_to_json(array)).tobytes() == array.tobytes()


def test_levels_that_share_a_bin_are_named_by_the_most_frequent_and_rare_ones_keep_to_themselves() -> None:
    schema = Schema((Signal("features.b", SignalType.CATEGORY),))
    levels: list[object] = [*["top"] * 500, *[f"rare-{i:02}" for i in range(28)] * 10, *["less"] * 5]
    columns = Columns(np.empty((0, len(levels))), [levels])
    builder = Builder(start(schema, columns), 50, 8)
    builder.add(columns, places(len(levels)))
    profile = builder.build("m", None)
    pooled, by_level = (reference_summary(profile, 0, pooled=pooled).top or {} for pooled in (True, False))
    assert list(by_level) == ["top", "rare-00", "rare-01"]
    assert list(pooled) == ["top", "rare-00 or 2 more", "rare-01 or 1 more"]
    # 28 levels of ten events in 14 bins: two to each
    assert sorted(profile.coarse_counts[0].tolist())[-15:] == [20] * 13 + [25, 500]
