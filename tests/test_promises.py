"""The seven promises of the engine, as properties. Each is checked on streams that have everything in them."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, Outputs, OutputTopic
from driftd.engine.state import VERSION, State, StateError
from streams import FIRST_MS, Story, label, pieces, prediction, small_config, store

CONFIG = small_config()
SEEDS = st.integers(0, 10_000)
CUTS = st.lists(st.integers(0, 1200), max_size=8)


def applied(records: list[Record]) -> tuple[Outputs, State]:
    engine = Engine(CONFIG)
    return engine.apply(records), engine.snapshot()


def differing(one: State, other: State) -> list[str]:
    keys = {*one.entries, *other.entries}
    return sorted(key for key in keys if one.entries.get(key) != other.entries.get(key))


def test_the_streams_of_these_tests_have_everything_in_them() -> None:
    types: set[str] = set()
    for seed in range(12):
        outputs, _ = applied(Story(seed).tell())
        types |= {event.event_type for event in outputs.events}
        types |= {json.loads(event.value)["data"].get("kind", "") for event in outputs.events if event.value}
    assert types >= {
        "dev.driftd.alert.opened.v1",
        "dev.driftd.alert.updated.v1",
        "dev.driftd.alert.resolved.v1",
        "dev.driftd.retraining.requested.v1",
        "dev.driftd.event.rejected.v1",
        "data_drift",
        "data_quality",
    }


@given(SEEDS)
@settings(max_examples=10)
def test_the_same_records_give_the_same_bytes(seed: int) -> None:
    records = Story(seed).tell()
    (outputs, state), (again, state_again) = applied(records), applied(records)
    assert outputs == again
    assert differing(state, state_again) == []


@given(SEEDS, CUTS)
@settings(max_examples=25)
def test_batches_do_not_show(seed: int, cuts: list[int]) -> None:
    records = Story(seed).tell()
    whole, state = applied(records)
    engine = Engine(CONFIG)
    told = [event for piece in pieces(records, cuts) for event in engine.apply(piece).events]
    assert told == list(whole.events)
    assert differing(engine.snapshot(), state) == []


def test_batches_of_one_do_not_show() -> None:
    records = Story(7).tell()
    whole, state = applied(records)
    engine = Engine(CONFIG)
    told = [event for record in records for event in engine.apply([record]).events]
    assert told == list(whole.events)
    assert differing(engine.snapshot(), state) == []


@given(SEEDS, CUTS)
@settings(max_examples=25)
def test_a_restart_does_not_show(seed: int, cuts: list[int]) -> None:
    records = Story(seed).tell()
    whole, state = applied(records)
    engine = Engine(CONFIG)
    told: list[OutputEvent] = []
    for piece in pieces(records, cuts):
        told += engine.apply(piece).events
        engine = Engine(CONFIG, engine.snapshot())
    assert told == list(whole.events)
    assert differing(engine.snapshot(), state) == []


@given(SEEDS, CUTS)
@settings(max_examples=25)
def test_the_changes_between_commits_add_up_to_the_state(seed: int, cuts: list[int]) -> None:
    engine = Engine(CONFIG)
    stored: dict[str, bytes] = {}
    for piece in pieces(Story(seed).tell(), cuts):
        engine.apply(piece)
        store(stored, engine.changes())
        assert differing(State(stored), engine.snapshot()) == []
        assert engine.changes() == {}
        engine = Engine(CONFIG, State(dict(stored)))


@given(SEEDS, st.lists(st.integers(0, 1200), min_size=1, max_size=4))
@settings(max_examples=15)
def test_redelivery_is_harmless(seed: int, starts: list[int]) -> None:
    records = Story(seed).tell()
    whole, state = applied(records)
    engine, done = Engine(CONFIG), 0
    told: list[OutputEvent] = []
    for piece in pieces(records, starts):
        told += engine.apply([*piece, *piece]).events
        done += len(piece)
        assert engine.apply(records[:done]).events == ()
    assert [event.event_id for event in told] == [event.event_id for event in whole.events]
    assert sorted(set(differing(engine.snapshot(), state)) - {"engine"}) == []


@given(SEEDS)
@settings(max_examples=10)
def test_no_two_events_have_one_id(seed: int) -> None:
    outputs, _ = applied(Story(seed).tell())
    ids = [event.event_id for event in outputs.events]
    assert len(ids) == len(set(ids))


@given(
    st.lists(
        st.tuples(st.sampled_from(["predictions", "labels", "driftd.control", "other"]), st.binary()),
        max_size=20,
    )
)
def test_bad_data_is_an_output_and_never_an_exception(values: list[tuple[str, bytes]]) -> None:
    records = [
        Record(topic, 0, offset, FIRST_MS, None, value) for offset, (topic, value) in enumerate(values)
    ]
    engine = Engine(CONFIG)
    told = engine.apply(records).events
    assert [event.topic for event in told] == [OutputTopic.REJECTED] * len(records)
    assert (
        engine.apply([Record("predictions", 1, 0, FIRST_MS, None, prediction(0, FIRST_MS).value)]).events
        == ()
    )
    assert engine.status().models[0].predictions == 1


def test_everything_is_bounded_and_what_leaves_is_counted() -> None:
    config = small_config("[limits]\nmodels_max = 2\nfeatures_max = 3\ncategories_max = 4\n")
    engine = Engine(config)
    records = [
        prediction(i, FIRST_MS + i, model=f"m{i % 3}", features={f"f{k}": f"level{i}" for k in range(5)})
        for i in range(600)
    ]
    told = engine.apply(records).events
    assert {
        json.loads(event.value)["data"]["reason"] for event in told if event.topic is OutputTopic.REJECTED
    } == {"models_max_reached"}
    assert len(engine.monitors) == 2
    monitor = engine.monitors["m0"]
    assert monitor.counters["features_ignored"] == 2
    assert monitor.inputs.profile is not None
    levels = monitor.inputs.profile.levels[0]
    assert levels is not None
    assert len(levels.names) == 4
    assert levels.unbounded


def test_predictions_that_never_get_a_label_leave_by_count_and_by_time() -> None:
    config = small_config()
    bounded = config.model_copy(
        update={"defaults": config.defaults.model_copy(update={
            "labels": config.defaults.labels.model_copy(update={"waiting_predictions_max": 512})})}
    )  # fmt: skip
    engine = Engine(bounded)
    engine.apply([prediction(i, FIRST_MS + i) for i in range(3000)])
    monitor = engine.monitors["m"]
    assert len(monitor.join.waiting) <= 512 + 256
    assert monitor.counters["predictions_unlabelled_evicted_by_count"] == 3000 - len(monitor.join.waiting)
    week_ms = 7 * 86_400_000
    engine.apply([prediction(3000 + i, FIRST_MS + week_ms * 2) for i in range(600)])
    assert len(monitor.join.waiting) <= 600 + 256


def test_labels_that_match_nothing_are_bounded_and_counted() -> None:
    engine = Engine(small_config())
    engine.apply([label(i, FIRST_MS, f"nobody{i}", "yes") for i in range(10_500)])
    assert len(engine.monitors["m"].join.early) == 10_000
    assert engine.monitors["m"].counters["early_labels_evicted_by_count"] == 500


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda _: b"\x80\x04foreign", "not of driftd"),
        (lambda value: value.replace(b"driftd-state %d " % VERSION, b"driftd-state 9 "), "version 9"),
        (lambda value: value[:-1] + b" ", "checksum"),
    ],
)
def test_a_foreign_or_damaged_state_is_refused_by_name(
    damage: Callable[[bytes], bytes], complaint: str
) -> None:
    _, state = applied(Story(3).tell())
    for key in state.entries:
        entries = {**state.entries, key: damage(state.entries[key])}
        with pytest.raises(StateError, match=complaint) as raised:
            Engine(CONFIG, State(entries))
        assert repr(key) in str(raised.value)


def test_a_state_with_a_part_missing_is_refused() -> None:
    _, state = applied(Story(3).tell())
    for key in state.entries:
        if key.startswith("model/") and "reference" not in key:
            entries = {name: value for name, value in state.entries.items() if name != key}
            with pytest.raises(StateError):
                Engine(CONFIG, State(entries))
