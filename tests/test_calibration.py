"""The budget holds for River's detectors and distances too, once they are calibrated on the reference."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from driftd.cli.story import doubts
from driftd.config_models import ModelSettings
from driftd.contract.record import Record
from driftd.decode.schema import SignalType
from driftd.detectors.base import Chance, Family
from driftd.detectors.calibration import Axis, Calibration, Rate, Sensitivity, aim, calibrated
from driftd.detectors.distance_limit import limit_factor, windows
from driftd.detectors.registry import DETECTORS
from driftd.detectors.river_drift import BINARY, RIVER_OPTIONS, SENSITIVITIES, build_river
from driftd.engine.engine import Engine
from driftd.engine.stream import Stream, StreamName
from driftd.engine.watchers import Watchers, chance, watchers_for
from driftd.reference.history import History
from driftd.reference.panes import Columns, Place, PlaceList
from driftd.reference.profile import Profile
from driftd.shells.metrics import model_metrics
from processes import PANE_EVENTS, autoregressive, errors, independent, profile_of
from streams import Story, small_config

BUDGET_EVENTS = 20_000
FRESH_EVENTS = 100_000


PROCESSES: dict[str, Callable[[int, int], NDArray[np.float64]]] = {
    "independent": independent,
    "AR(0.9)": autoregressive,
}


def settings_of(*detectors: dict[str, Any], per_events: int = BUDGET_EVENTS) -> ModelSettings:
    return ModelSettings.model_validate({"budget": {"per_events": per_events}, "detectors": list(detectors)})


def watched(profile: Profile, settings: ModelSettings, states: Any = None) -> Watchers:
    return watchers_for(profile, settings, PANE_EVENTS, 0.5, states)


def test_a_rate_is_continued_to_the_safe_side() -> None:
    falling = [Rate(float(x), round(1000 * np.exp(-x))) for x in range(7)]
    for detections_max in (0.1, 1e-3):
        exact = np.log(1000 / detections_max)
        assert exact < aim(falling, detections_max) < 1.5 * exact


def test_a_rate_that_does_not_fall_is_not_continued() -> None:
    assert aim([Rate(float(x), 50) for x in range(5)], 1.0) == float("inf")


def test_a_step_that_is_seen_to_be_rare_enough_is_taken_as_it_is() -> None:
    assert aim([Rate(1.0, 50), Rate(2.0, 4), Rate(3.0, 0)], 20.0) == 2.0


class Every:
    """Detects at each so many values."""

    refused = 0

    def __init__(self, every: float) -> None:
        self.every = every

    def update(self, values: NDArray[np.float64]) -> list[Any]:
        """That many detections."""
        return [None] * int(values.size / self.every)

    def state(self) -> dict[str, object]:
        """None is needed."""
        return {}


@pytest.mark.parametrize(("rate_max", "expected"), [(2e-3, True), (1e-6, False)])
def test_where_even_the_least_sensitive_step_is_too_much_it_is_taken_and_said(
    rate_max: float, expected: bool
) -> None:
    steps = Sensitivity("threshold", Axis.UP, (10.0, 20.0, 40.0, 80.0, 2_000.0), 1)
    chosen = calibrated(lambda value: Every(float(value)), steps, np.zeros(10_000), rate_max, 1.0)
    assert chosen == Calibration(2_000.0, expected)


@pytest.mark.parametrize("name", ["adwin", "page_hinkley"])
@pytest.mark.parametrize("process", PROCESSES)
def test_calibrated_a_detector_keeps_the_budget_and_still_finds_a_shift(name: str, process: str) -> None:
    stream = PROCESSES[process]
    profile = profile_of(stream(20, 50_000))
    watchers = watched(profile, settings_of({"name": name, "calibrate": True}))
    assert watchers.over_budget == ()
    fresh = stream(21, FRESH_EVENTS)
    if process == "AR(0.9)":
        assert len(build_river(name, {}, profile.scale(0), None).update(fresh)) > 100
    assert len(watchers.values(fresh[None])) <= FRESH_EVENTS // BUDGET_EVENTS
    # Page-Hinkley's statistic of what came before may stand anywhere below its threshold
    shifted = stream(22, 10_000) + 3 * profile.scale(0).deviation
    assert len(watchers.values(shifted[None])) >= 1


@pytest.mark.parametrize("name", sorted(RIVER_OPTIONS))
def test_each_detector_of_values_can_be_calibrated(name: str) -> None:
    binary = name in BINARY
    values, kind = (
        (errors(30, 3_000), SignalType.BOOLEAN) if binary else (independent(30, 3_000), SignalType.NUMBER)
    )
    watchers = watched(profile_of(values, kind), settings_of({"name": name, "calibrate": True}))
    (state,) = watchers.state().values()
    chosen = state["chosen"]["value"]  # type: ignore[index]
    option = DETECTORS[name].options[SENSITIVITIES[name].option]
    assert option.low is not None
    assert option.high is not None
    assert option.low <= chosen <= option.high
    assert state["detector"]["options"][SENSITIVITIES[name].option] == chosen  # type: ignore[index]
    changed = errors(31, 2_000) if binary else independent(31, 2_000) + 10
    changed[:] = np.maximum(changed, np.random.default_rng(32).random(2_000) < 0.6) if binary else changed
    watchers.values(values[None])
    assert watchers.values(changed[None]), f"{name} found nothing with {chosen}"


def test_every_detector_but_evidence_can_be_calibrated() -> None:
    assert {name for name, spec in DETECTORS.items() if "calibrate" in spec.options} == {*DETECTORS} - {
        "evidence"
    }
    for name, sensitivity in SENSITIVITIES.items():
        option = DETECTORS[name].options[sensitivity.option]
        assert option.low is not None
        assert option.high is not None
        coordinates = [sensitivity.axis.coordinate(step) for step in sensitivity.steps]
        assert coordinates == sorted(set(coordinates))
        assert all(option.low <= step <= option.high for step in sensitivity.steps)


@pytest.mark.parametrize("values", [np.full(3_000, 5.0), np.full(3_000, np.nan), independent(33, 80)])
@pytest.mark.parametrize("name", ["adwin", "page_hinkley", "distance"])
def test_a_reference_that_tells_next_to_nothing_is_no_error(name: str, values: NDArray[np.float64]) -> None:
    watchers = watched(profile_of(values), settings_of({"name": name, "calibrate": True}))
    json.dumps(watchers.state(), allow_nan=False)


def test_what_is_over_the_budget_is_told_to_people_and_to_prometheus() -> None:
    daily = independent(40, 50_000) + 40.0 * np.sin(np.arange(50_000) / 5_000)
    watchers = watched(profile_of(daily), settings_of({"name": "adwin", "calibrate": True}))
    assert watchers.over_budget == ("adwin on features.a",)
    engine = Engine(small_config())
    engine.apply(Story(1).tell())
    model = replace(engine.status().models[0], over_budget=watchers.over_budget)
    assert any("adwin on features.a" in sentence for sentence in doubts(model))
    gauges = {metric.name: metric.samples[0].value for metric in model_metrics([model]) if metric.samples}
    assert gauges["driftd_model_detectors_over_budget"] == 1


def test_detectors_under_the_budget_share_it() -> None:
    profile = profile_of(independent(50, 2_000))
    one, two = {"name": "evidence"}, {"name": "adwin", "calibrate": True}
    alone = chance(profile, settings_of(one, {"name": "adwin"}), PANE_EVENTS, 0.5)
    both = chance(profile, settings_of(one, two), PANE_EVENTS, 0.5)
    assert alone.false_alarms == 1
    assert both.false_alarms == 0.5
    assert both.rate == alone.rate / 2 == 0.5 / (2 * BUDGET_EVENTS)


def test_the_rate_by_time_is_the_rate_by_events() -> None:
    by_time = Chance(1.0, 1.0, span=6e4, by_time=True, pane_events=10, pane_ms=100.0)
    assert by_time.rate == pytest.approx(1 / 6_000)


def history_of(block_events: int, blocks: int, seed: int) -> History:
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(block_events, [1 / 20] * 20, size=(blocks, 1))
    return History(counts.astype(np.uint16), np.arange(blocks))


def test_a_window_is_a_run_of_blocks_or_a_part_of_a_longer_one() -> None:
    assert {int(counts.sum()) for counts in windows(history_of(64, 100, 1), 256)} == {256}
    assert len(list(windows(history_of(64, 100, 1), 256))) == 97
    assert {int(counts.sum()) for counts in windows(history_of(4_096, 50, 1), 256)} == {256}


def test_a_limit_is_raised_until_the_reference_hardly_rises_over_it_and_never_lowered() -> None:
    history = history_of(64, 1_000, 2)

    def strength(counts: NDArray[np.int64]) -> float:
        return float(counts[0, :5].sum()) / 64

    often, seldom = (limit_factor(history, 256, strength, rate, 1e-4) for rate in (1e-3, 1e-6))
    assert 1.0 < often.value < seldom.value < 3.0
    assert often.reached
    assert seldom.reached
    assert limit_factor(history, 256, lambda counts: strength(counts) / 100, 1e-6, 1e-4) == Calibration(
        1.0, True
    )
    assert limit_factor(history_of(64, 3, 2), 256, strength, 1e-3, 1e-4) == Calibration(1.0, False)


def openings(profile: Profile, settings: ModelSettings, values: NDArray[np.float64]) -> int:
    """How often something is found where nothing was before."""
    stream = Stream(StreamName.INPUTS, "m", None, settings, 50)
    stream.watch(profile)
    places = PlaceList([Place(i * 1000, "predictions", 0, i) for i in range(values.size)])
    speaking = [bool(told.findings) for told in stream.add(Columns(values[None], []), places)]
    return sum(after and not before for before, after in zip([False, *speaking], speaking, strict=False))


def test_a_calibrated_distance_is_quiet_where_it_was_not_and_finds_a_shift() -> None:
    def restless(seed: int, events: int) -> NDArray[np.float64]:
        return independent(seed, events) + autoregressive(seed + 1, events, 0.999) / 2

    profile = profile_of(restless(60, 50_000))
    plain, careful = (
        settings_of({"name": "distance", "calibrate": on}, per_events=50_000) for on in (False, True)
    )
    assert watched(profile, careful).over_budget == ()
    fresh = restless(62, FRESH_EVENTS)
    assert openings(profile, careful, fresh) <= 2
    assert openings(profile, plain, fresh) > 2
    assert openings(profile, careful, restless(64, 3_000) + 6.0) >= 1


def calibrated_config() -> Any:
    config = small_config()
    detectors = [
        {"name": "distance", "calibrate": True},
        {"name": "adwin", "signals": ["error", "loss", "features.a"], "calibrate": True},
        {"name": "ddm", "signals": ["error"], "calibrate": True},
    ]
    settings = config.defaults.model_dump() | {"detectors": detectors, "budget": {"per_events": 2_000}}
    return config.model_copy(update={"defaults": ModelSettings.model_validate(settings)})


def applied(records: list[Record], cuts: list[int], restart: bool) -> tuple[list[Any], Engine]:
    engine = Engine(calibrated_config())
    told: list[Any] = []
    edges = [0, *cuts, len(records)]
    for begin, end in pairwise(edges):
        told += engine.apply(records[begin:end]).events
        if restart:
            engine = Engine(calibrated_config(), engine.snapshot())
    return told, engine


@pytest.mark.parametrize("restart", [False, True])
def test_neither_batches_nor_restarts_show_with_calibrated_detectors(restart: bool) -> None:
    records = Story(5).tell()
    told, engine = applied(records, [], False)
    again, other = applied(records, [100, 101, 333, 700], restart)
    assert told
    assert again == told
    assert other.snapshot().entries == engine.snapshot().entries


def chosen_in(engine: Engine) -> set[str]:
    """Which detectors of `engine` are calibrated."""
    streams = [stream for m in engine.monitors.values() for stream in (m.inputs, m.outcomes)]
    states = [stream.watchers.state() for stream in streams if stream.watchers is not None]
    return {key for state in states for key, own in state.items() if {"chosen", "factor"} & own.keys()}


def test_a_restart_does_not_calibrate_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, engine = applied(Story(5).tell()[:700], [], False)
    assert chosen_in(engine) >= {"0:distance", "1:adwin:features.a", "1:adwin:error", "2:ddm:error"}

    def refuse(*_: object) -> None:
        raise AssertionError("calibrated again")

    monkeypatch.setattr("driftd.engine.value_watch.calibrated", refuse)
    monkeypatch.setattr("driftd.detectors.distances.limit_factor", refuse)
    assert Engine(calibrated_config(), engine.snapshot()).snapshot().entries == engine.snapshot().entries


@pytest.mark.parametrize("change", ["budget", "reference", "options"])
def test_what_was_chosen_for_something_else_is_chosen_anew(change: str) -> None:
    profile, detector = profile_of(autoregressive(70, 5_000)), {"name": "adwin", "calibrate": True}
    before = watched(profile, settings_of(detector))
    settings = settings_of(detector, per_events=BUDGET_EVENTS * (100 if change == "budget" else 1))
    if change == "options":
        settings = settings_of({**detector, "clock": 8})
    if change == "reference":
        profile = profile_of(independent(71, 6_000))
    after = watched(profile, settings, before.state())
    assert after.begun_anew == 1
    assert after.state() == watched(profile, settings).state()
    assert after.state() != before.state()
    assert watched(profile, settings, after.state()).begun_anew == 0


def test_only_detectors_of_values_have_a_sensitivity() -> None:
    for spec in DETECTORS.values():
        assert (spec.sensitivity is not None) == (spec.family is Family.VALUES)
