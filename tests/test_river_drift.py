"""River behind its guard: poison never blinds, batching and restarts are invisible, damage is named."""

import doctest
import inspect
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.detectors import river_drift
from driftd.detectors.base import Detection, DetectorState, OptionValue, Scale, ValueDetector
from driftd.detectors.river_drift import BINARY, DEVIATIONS_MAX, RIVER_OPTIONS, RiverDetector, build_river
from driftd.detectors.river_state import FIELDS, RiverStateError, number_from_json, number_to_json

SCALE = Scale(mean=50.0, deviation=4.0)
CHANGE = 400
NAMES = sorted(RIVER_OPTIONS)

FIRST_DETECTION = {
    "adwin": 415,
    "ddm": 403,
    "eddm": 423,
    "fhddm": 439,
    "hddm_a": 406,
    "hddm_w": 423,
    "kswin": 410,
    "page_hinkley": 406,
}
"""Index at which each finds the change at 400 in `changing_stream`."""

POISON = {
    "nan": float("nan"),
    "plus infinity": float("inf"),
    "minus infinity": float("-inf"),
    "wrong unit": 50.0e6,
}

OTHER_OPTIONS: dict[str, dict[str, OptionValue]] = {
    "adwin": {"clock": 1},
    "fhddm": {"short_window_size": 25},
    "hddm_a": {"two_sided_test": True},
    "hddm_w": {"two_sided_test": True},
    "page_hinkley": {"mode": "up"},
}


def changing_stream(name: str, seed: int = 3, events: int = 2 * CHANGE) -> NDArray[np.float64]:
    """Five deviations up at CHANGE; for a binary detector, from 5 to 50 percent of errors."""
    rng = np.random.default_rng(seed)
    if name in BINARY:
        rates = np.where(np.arange(events) < CHANGE, 0.05, 0.5)
        return (rng.random(events) < rates).astype(np.float64)
    stream = rng.normal(SCALE.mean, SCALE.deviation, events)
    stream[CHANGE:] += 5 * SCALE.deviation
    return stream


def through_json(state: DetectorState) -> DetectorState:
    """The state as it comes back from a store that keeps strict JSON."""
    restored: DetectorState = json.loads(json.dumps(state, allow_nan=False))
    return restored


def fed(detector: RiverDetector, values: NDArray[np.float64], cuts: list[int]) -> list[Detection]:
    """The detections of `values` fed in the chunks between `cuts`, with indices of the whole."""
    edges = [0, *sorted(cuts), len(values)]
    return [
        Detection(start + found.index, found.length)
        for start, end in itertools.pairwise(edges)
        for found in detector.update(values[start:end])
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_change_is_found_at_the_same_index_for_ever(name: str) -> None:
    found = build_river(name, {}, SCALE, None).update(changing_stream(name))
    assert next(detection.index for detection in found if detection.index >= CHANGE) == FIRST_DETECTION[name]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 2 * CHANGE), max_size=8))
def test_batching_is_invisible(name: str, cuts: list[int]) -> None:
    stream = changing_stream(name)
    whole, parts = build_river(name, {}, SCALE, None), build_river(name, {}, SCALE, None)
    assert fed(parts, stream, cuts) == whole.update(stream)
    assert parts.state() == whole.state()


@pytest.mark.parametrize("options", ["default", "other"])
@pytest.mark.parametrize("name", NAMES)
def test_a_restart_at_any_point_is_invisible(name: str, options: str) -> None:
    chosen = OTHER_OPTIONS.get(name, {}) if options == "other" else {}
    stream = changing_stream(name)
    whole = build_river(name, chosen, SCALE, None)
    expected = whole.update(stream)
    changes = {detection.index + 1 for detection in expected}  # the state in which River resets next
    restarted: ValueDetector | None = None
    found: list[Detection] = []
    edges = [0, *sorted({1, 2, 31, 99, 100, 101, CHANGE, 577} | changes), len(stream)]
    for start, end in itertools.pairwise(edges):
        stored = None if restarted is None else through_json(restarted.state())
        restarted = build_river(name, chosen, SCALE, stored)
        found += [Detection(start + d.index, d.length) for d in restarted.update(stream[start:end])]
    assert restarted is not None
    assert found == expected
    assert restarted.state() == whole.state()
    assert expected, "without a detection this test would not see a lost one"


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("name", NAMES)
def test_one_poisonous_value_neither_blinds_nor_delays(name: str, poison: str) -> None:
    stream = changing_stream(name)
    clean, poisoned = build_river(name, {}, SCALE, None), build_river(name, {}, SCALE, None)
    expected = clean.update(stream)
    found = poisoned.update(stream[:200]) + [
        Detection(200 + d.index - 1, d.length)
        for d in poisoned.update(np.concatenate([[POISON[poison]], stream[200:]]))
    ]
    assert [d.index for d in found if d.index >= CHANGE] == [d.index for d in expected if d.index >= CHANGE]
    assert found == expected
    assert (poisoned.refused, poisoned.detections) == (1, len(expected))


@pytest.mark.parametrize("name", NAMES)
def test_poison_leaves_no_trace_but_its_count(name: str) -> None:
    stream = changing_stream(name)
    clean, poisoned = build_river(name, {}, SCALE, None), build_river(name, {}, SCALE, None)
    clean.update(stream)
    for value in POISON.values():
        poisoned.update(np.array([value]))
    poisoned.update(stream)
    ours, theirs = poisoned.state(), clean.state()
    assert ours["refused"] == len(POISON)
    assert ours["fields"] == theirs["fields"]


@pytest.mark.parametrize("name", sorted(BINARY))
@pytest.mark.parametrize("value", [0.5, 2.0, -1.0])
def test_a_binary_detector_refuses_what_is_neither_0_nor_1(name: str, value: float) -> None:
    detector = build_river(name, {}, SCALE, None)
    detector.update(np.array([value, 1.0, 0.0]))
    assert detector.refused == 1


def test_the_guard_stands_at_its_limit() -> None:
    detector = build_river("adwin", {}, SCALE, None)
    inside = SCALE.mean + DEVIATIONS_MAX * SCALE.deviation
    detector.update(np.array([inside, np.nextafter(inside, np.inf) + 1.0]))
    assert detector.refused == 1


@pytest.mark.parametrize("name", NAMES)
def test_damaged_state_is_refused_by_name(name: str) -> None:
    detector = build_river(name, {}, SCALE, None)
    detector.update(changing_stream(name)[:150])
    fields = sorted(FIELDS[name])
    for path in fields:
        state = through_json(detector.state())
        stored = state["fields"]
        assert isinstance(stored, dict)
        stored[path] = "AAAA" if isinstance(stored[path], str) else 0.125
        with pytest.raises(RiverStateError, match="checksum"):
            build_river(name, {}, SCALE, state)


@pytest.mark.parametrize("state", [{}, {"sha256": "0"}, {"sha256": None, "fields": {}}])
def test_what_is_no_state_is_refused_by_name(state: DetectorState) -> None:
    with pytest.raises(RiverStateError):
        build_river("adwin", {}, SCALE, state)


def test_a_state_of_other_options_scale_or_detector_is_refused() -> None:
    state = build_river("adwin", {}, SCALE, None).state()
    with pytest.raises(RiverStateError, match="options"):
        build_river("adwin", {"delta": 0.1}, SCALE, state)
    with pytest.raises(RiverStateError, match="scale"):
        build_river("adwin", {}, Scale(mean=51.0, deviation=4.0), state)
    with pytest.raises(RiverStateError, match="detector"):
        build_river("kswin", {}, SCALE, state)


def test_a_state_of_another_river_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    state = build_river("adwin", {}, SCALE, None).state()
    monkeypatch.setattr(sys.modules["river.__version__"], "__version__", "99.0")
    with pytest.raises(RiverStateError, match=r"river '0\..*', this one '99.0'"):
        build_river("adwin", {}, SCALE, state)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 0.1, -1, 0, True, None])
def test_numbers_survive_strict_json(value: float | bool | None) -> None:
    restored = number_from_json(json.loads(json.dumps(number_to_json(value), allow_nan=False)))
    assert restored == value
    assert type(restored) is type(value)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_rivers_own(name: str) -> None:
    from river import drift  # noqa: PLC0415  only this test needs River by itself

    classes = {
        "adwin": drift.ADWIN, "page_hinkley": drift.PageHinkley, "kswin": drift.KSWIN,
        "ddm": drift.binary.DDM, "eddm": drift.binary.EDDM, "fhddm": drift.binary.FHDDM,
        "hddm_a": drift.binary.HDDMA, "hddm_w": drift.binary.HDDMW,
    }  # fmt: skip
    ours = {key: option.default for key, option in RIVER_OPTIONS[name].items()}
    rivers = {key: p.default for key, p in inspect.signature(classes[name]).parameters.items()}
    different = {"kswin": {"seed", "window"}, "fhddm": {"short_window_size"}}.get(name, set())
    assert {k: v for k, v in ours.items() if k not in different} == pytest.approx(
        {k: v for k, v in rivers.items() if k not in different}
    )
    assert set(rivers) - set(ours) <= {"window"}


@pytest.mark.parametrize("name", NAMES)
def test_every_corner_of_the_ranges_can_be_built_and_fed(name: str) -> None:
    ranges = {key: (o.low, o.high) for key, o in RIVER_OPTIONS[name].items() if o.low is not None}
    stream = changing_stream(name, events=150)
    for corner in itertools.product((0, 1), repeat=len(ranges)):
        options = {
            key: type(RIVER_OPTIONS[name][key].default)(bounds[side] or 0)
            for (key, bounds), side in zip(ranges.items(), corner, strict=True)
        }
        build_river(name, options, SCALE, None).update(stream)


def test_river_is_not_imported_before_the_first_detector_is_built() -> None:
    code = "import sys, driftd.detectors.river_drift; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_example_in_the_head_of_the_file_is_true() -> None:
    failed, attempted = doctest.testmod(river_drift)
    assert (failed, attempted > 0) == (0, True)
