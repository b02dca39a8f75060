"""A model that errs less than in its reference: no alarm, but a new reference, whatever the batches and restarts."""

import json
import random
from collections.abc import Sequence

import pytest

from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from streams import FIRST_MS, label, pieces, prediction, store

CONFIG = load_config(
    """
[defaults.budget]
per_events = 100_000
[defaults.reference]
learn_events = 20
reference_events = 200
grow_days = 0
independent_events_min = 100
[defaults.panes]
events = 10
window_events = 100
[defaults.labels]
reference_events = 405
""",
    "improvement.toml",
)


def records(*spans: tuple[int, float]) -> list[Record]:
    """Predictions with a label each: so many events with such a share of errors, and then the next span's."""
    rng = random.Random(11)
    shares = [share for events, share in spans for _ in range(events)]
    told: list[Record] = []
    for i, share in enumerate(shares):
        at_ms = FIRST_MS + i * 1_000
        right, wrong = rng.sample("abcde", 2)
        told.append(prediction(i, at_ms, features={"a": rng.gauss(0, 1)}, prediction=right))
        told.append(label(i, at_ms + 100, f"p{i}", wrong if rng.random() < share else right))
    return told


def opened(engine: Engine, told: Sequence[Record]) -> list[str]:
    """The kinds of the incidents that `told` opens, in order."""
    events = engine.apply(told).events
    alerts = [json.loads(event.value)["data"] for event in events if ".alert.opened." in event.event_type]
    return [alert["kind"] for alert in alerts]


def error_rate(engine: Engine) -> float:
    """The share of errors in the reference that the outcomes are compared with."""
    profile = engine.monitors["m"].outcomes.profile
    assert profile is not None
    names = [signal.name for signal in profile.schema.signals]
    return profile.scale(names.index("error")).mean


def test_fewer_errors_are_no_alarm_but_a_new_reference() -> None:
    engine = Engine(CONFIG)
    assert opened(engine, records((600, 0.4), (1_500, 0.05))) == []
    assert error_rate(engine) == pytest.approx(0.05, abs=0.03)
    assert engine.status().models[0].counters["improvements"] == 1


def test_errors_that_come_back_to_what_they_were_are_a_change_of_concept() -> None:
    engine = Engine(CONFIG)
    assert opened(engine, records((600, 0.4), (1_500, 0.05), (400, 0.4))) == ["concept_drift"]


def test_what_is_still_getting_better_is_no_reference() -> None:
    falling = [(100, 0.5 - 0.045 * step) for step in range(11)]
    engine = Engine(CONFIG)
    assert opened(engine, records((600, 0.5), *falling, (1_600, 0.05))) == []
    assert error_rate(engine) == pytest.approx(0.05, abs=0.03)


def test_a_reference_that_is_found_moving_is_counted_anew_from_its_first_number_of_events() -> None:
    engine = Engine(CONFIG)
    told = records((600, 0.95), (260, 0.5), (1_200, 0.02))
    engine.apply(told[:1_400])
    outcomes = engine.monitors["m"].outcomes
    assert outcomes.renewing
    # so many are wanted of one that could not judge anything when it had its first ones
    outcomes.reference_events = 2 * outcomes.first_events
    engine.apply(told[1_400:3_200])
    assert outcomes.renewing
    assert outcomes.reference_events == outcomes.first_events
    engine.apply(told[3_200:])
    assert not outcomes.renewing
    assert error_rate(engine) == pytest.approx(0.02, abs=0.02)


def test_errors_that_rise_before_the_new_reference_is_complete_leave_the_old_one() -> None:
    engine = Engine(CONFIG)
    told = records((600, 0.3), (200, 0.02), (400, 0.9))
    assert opened(engine, told) == ["concept_drift"]
    assert error_rate(engine) == pytest.approx(0.3, abs=0.06)
    assert not engine.monitors["m"].outcomes.renewing


STORY = records((600, 0.4), (1_300, 0.05), (300, 0.4))


@pytest.mark.parametrize(
    ("cut", "renewing"),
    [(1_205, False), (1_402, False), (1_702, True), (2_399, True), (2_600, False), (3_900, False)],
)
def test_a_restart_is_invisible_while_a_reference_is_renewed(cut: int, renewing: bool) -> None:
    whole, first = Engine(CONFIG), Engine(CONFIG)
    expected = whole.apply(STORY).events
    told = first.apply(STORY[:cut]).events
    assert first.monitors["m"].outcomes.renewing is renewing
    second = Engine(CONFIG, first.snapshot())
    assert (*told, *second.apply(STORY[cut:]).events) == expected
    assert dict(second.snapshot().entries) == dict(whole.snapshot().entries)


@pytest.mark.parametrize(
    "cuts", [[1], [10, 1_633, 1_634, 1_901], list(range(0, 4_400, 37)), list(range(2_380, 2_480))]
)
def test_how_the_records_are_cut_is_not_seen_in_a_renewed_reference(cuts: list[int]) -> None:
    whole, cut = Engine(CONFIG), Engine(CONFIG)
    expected = whole.apply(STORY).events
    told = [event for piece in pieces(STORY, cuts) for event in cut.apply(piece).events]
    assert tuple(told) == expected
    assert dict(cut.snapshot().entries) == dict(whole.snapshot().entries)


def test_the_entries_that_change_make_the_same_state_as_a_snapshot() -> None:
    engine, entries = Engine(CONFIG), dict[str, bytes]()
    for piece in pieces(STORY, list(range(0, 4_400, 211))):
        engine.apply(piece)
        store(entries, engine.changes())
    assert entries == dict(engine.snapshot().entries)
