"""The promises of the engine for what is told of performance: estimates, corrections, segments, findings, bad input."""

import json
import random
from functools import lru_cache

from hypothesis import given, settings
from hypothesis import strategies as st

from concepts import PER_PERIOD, Change, config, scored
from driftd.contract.record import Record
from driftd.engine.divergence import SIGNAL
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent
from driftd.engine.state import State
from driftd.engine.status import model_performance
from streams import pieces, store

CONFIG = config(reference=200)
PERIODS = 9
CHANGE = Change(5 * PER_PERIOD, turned=0.9)
SEEDS = st.integers(0, 3)
CUTS = st.lists(st.integers(0, 2 * PERIODS * PER_PERIOD), max_size=8)


@lru_cache(maxsize=4)
def stream(seed: int) -> tuple[Record, ...]:
    """A concept that changes; labels that are corrected, of other types, late; scores that are none; many segments."""
    rng = random.Random(seed)
    told: list[Record] = []
    offsets = {"predictions": 0, "labels": 0}

    def add(topic: str, at_ms: int, event: dict[str, object]) -> None:
        told.append(Record(topic, 0, offsets[topic], at_ms, None, json.dumps(event).encode()))
        offsets[topic] += 1

    for one in scored(seed, PERIODS * PER_PERIOD, CHANGE, segments=30):
        event = json.loads(one.value or b"{}")
        chance = rng.random()
        if one.topic == "predictions" and chance < 0.03:
            event["scores"] = rng.choice(
                [{"yes": 2.0, "no": -1.0}, {"yes": 0.1, "no": 0.1}, {"yes": 0.5}, {}]
            )
        if one.topic == "predictions" and 0.03 < chance < 0.05:
            event |= {"prediction": rng.choice([None, "", "maybe", 1, True])}
        if one.topic == "predictions" and chance > 0.99:
            event["at_ms"] -= rng.choice([100_000, 3_000_000, 10**9])
        add(one.topic, one.timestamp_ms, event)
        if one.topic == "labels" and chance < 0.2:
            again = event | {
                "label": rng.choice(["yes", "no", "", 1.0, True]),
                "weight": rng.choice([0.0, 0.5, 1e9]),
            }
            add("labels", one.timestamp_ms, again)
    return tuple(told)


@lru_cache(maxsize=4)
def applied(seed: int) -> tuple[tuple[OutputEvent, ...], State]:
    engine = Engine(CONFIG)
    told = engine.apply(stream(seed)).events
    return told, engine.snapshot()


def differing(one: State, other: State) -> list[str]:
    keys = {*one.entries, *other.entries}
    return sorted(key for key in keys if one.entries.get(key) != other.entries.get(key))


def test_the_streams_of_these_tests_have_everything_in_them() -> None:
    for seed in range(4):
        told, state = applied(seed)
        assert any(SIGNAL in event.value.decode() for event in told)
        engine = Engine(CONFIG, state)
        known = model_performance(engine.monitors["m"])
        assert set(known.refused) >= {"scores_sum", "scores_outside", "prediction", "weight"}
        assert known.other_segments
        assert engine.monitors["m"].counters["labels_corrected"] > 100
        assert any(period.estimated for period in known.periods)
        assert any(period.segments["other"].predictions for period in known.periods)


@given(SEEDS, CUTS)
@settings(max_examples=10)
def test_batches_do_not_show(seed: int, cuts: list[int]) -> None:
    told, state = applied(seed)
    engine = Engine(CONFIG)
    assert [event for piece in pieces(stream(seed), cuts) for event in engine.apply(piece).events] == list(
        told
    )
    assert differing(engine.snapshot(), state) == []


@given(SEEDS, CUTS)
@settings(max_examples=10)
def test_a_restart_does_not_show(seed: int, cuts: list[int]) -> None:
    told, state = applied(seed)
    engine, again = Engine(CONFIG), list[OutputEvent]()
    for piece in pieces(stream(seed), cuts):
        again += engine.apply(piece).events
        engine = Engine(CONFIG, engine.snapshot())
    assert again == list(told)
    assert differing(engine.snapshot(), state) == []


@given(SEEDS, CUTS)
@settings(max_examples=10)
def test_the_changes_between_commits_add_up_to_the_state(seed: int, cuts: list[int]) -> None:
    engine, stored = Engine(CONFIG), dict[str, bytes]()
    for piece in pieces(stream(seed), cuts):
        engine.apply(piece)
        store(stored, engine.changes())
        assert differing(State(stored), engine.snapshot()) == []


def test_batches_of_a_few_do_not_show() -> None:
    told, state = applied(1)
    engine = Engine(CONFIG)
    records = stream(1)
    again = [
        event
        for begin in range(0, len(records), 25)
        for event in engine.apply(records[begin : begin + 25]).events
    ]
    assert again == list(told)
    assert differing(engine.snapshot(), state) == []


def test_what_is_held_is_bounded() -> None:
    _, state = applied(2)
    sizes = {key: len(value) for key, value in state.entries.items() if "/performance" in key}
    assert max(sizes.values()) < 8_000, sizes
