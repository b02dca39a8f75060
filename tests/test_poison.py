"""Poison: one value that is none, then a change. No detector is blinded, delayed or even touched by it."""

import json
import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.detectors.base import Family
from driftd.detectors.registry import DETECTORS
from driftd.engine.engine import Engine
from streams import FIRST_MS, label, prediction

POISONED_AT, CHANGE, EVENTS = 550, 700, 1000
REFERENCE_EVENTS = 400

SETTINGS = """
[defaults.reference]
learn_events = 50
reference_events = 400
independent_events_min = 0
grow_days = 0
[defaults.panes]
events = 20
window_events = 40
[defaults.incidents]
keep_open_panes = 8
"""

POISON = {
    "the literal NaN": (b"NaN", "malformed_json"),
    "the literal Infinity": (b"Infinity", "malformed_json"),
    "a number beyond all floats": (b"1e999", "out_of_range"),
    "a list": (b"[1]", "wrong_type"),
    "null": (b"null", None),
    "a text": (b'"12"', "invalid"),
    "a value of another type": (b"@", "invalid"),
    "a number near the end of floats": (b"1e308", None),
}
"""What is written where the value should be: a reason of rejection, an effect that is found at once, or nothing."""


def signal_of(name: str) -> str:
    """A binary detector watches whether a flag is set, any other a number."""
    return "c" if DETECTORS[name].binary else "a"


def poison_for(signal: str, kind: str) -> bytes:
    other_type = {"a": b"true", "c": b"1"}[signal]
    return other_type if kind == "a value of another type" else POISON[kind][0]


def only(name: str) -> Config:
    detectors = f'[[defaults.detectors]]\nname = "{name}"\nsignals = ["features.{signal_of(name)}"]\n'
    return load_config(SETTINGS + detectors, "poison.toml")


def with_distance() -> Config:
    return load_config(SETTINGS + '[[defaults.detectors]]\nname = "distance"\n', "poison.toml")


def event(index: int, changes: bool, **written: bytes) -> bytes:
    """Event `index`, with five standard deviations more, and far more flags, from CHANGE on."""
    rng = random.Random(index)
    changed = changes and index >= CHANGE
    features = {
        "a": b"%.6f" % (rng.gauss(10, 1) + 5 * changed),
        "b": b'"%s"' % rng.choice("xy").encode(),
        "c": b"true" if rng.random() < (0.9 if changed else 0.05) else b"false",
        **written,
    }
    named = b",".join(b'"%s":%s' % (name.encode(), text) for name, text in features.items())
    return b'{"prediction_id":"%d","model":"m","at_ms":%d,"features":{%s}}' % (index, FIRST_MS + index, named)


def stream(poison: Mapping[str, bytes] | None = None, changes: bool = True) -> list[Record]:
    """The events, with one more at POISONED_AT that has `poison` in it; the others keep their offsets."""
    events = [(2 * index, event(index, changes)) for index in range(EVENTS)]
    if poison:
        poisoned = event(POISONED_AT, changes, **poison).replace(b'_id":"', b'_id":"poison-')
        events.insert(POISONED_AT, (2 * POISONED_AT - 1, poisoned))
    return [Record("predictions", 0, offset, FIRST_MS + offset, None, value) for offset, value in events]


def detector_of(engine: Engine) -> Any:
    watchers = engine.monitors["m"].inputs.watchers
    assert watchers is not None
    (watch,) = watchers._values.values()
    return watch.detector


def found_at(name: str, records: list[Record]) -> tuple[list[int], Any]:
    """The offsets at which value detector `name` found something, and the detector as it is then."""
    engine = Engine(only(name))
    engine.apply(records[:REFERENCE_EVENTS])
    found, before = [], 0
    for record in records[REFERENCE_EVENTS:]:
        engine.apply([record])
        detections = detector_of(engine).detections
        if detections > before:
            found.append(record.offset)
        before = detections
    return found, detector_of(engine)


def told(records: list[Record], config: Config) -> list[dict[str, Any]]:
    documents = [json.loads(event.value) for event in Engine(config).apply(records).events]
    return [{**document["data"], "type": document["type"].split(".", 2)[2]} for document in documents]


VALUE_DETECTORS = sorted(name for name, spec in DETECTORS.items() if spec.family is Family.VALUES)
CLEAN: dict[str, tuple[list[int], Any]] = {}


def clean(name: str) -> tuple[list[int], Any]:
    if name not in CLEAN:
        CLEAN[name] = found_at(name, stream())
    return CLEAN[name]


def test_rivers_eight_the_distance_and_evidence_are_all_there_is() -> None:
    assert len(VALUE_DETECTORS) == 8
    assert set(DETECTORS) == {*VALUE_DETECTORS, "distance", "evidence"}


@pytest.mark.parametrize("kind", POISON)
@pytest.mark.parametrize("name", VALUE_DETECTORS)
def test_poison_neither_touches_a_value_detector_nor_delays_it(name: str, kind: str) -> None:
    signal = signal_of(name)
    found, detector = found_at(name, stream({signal: poison_for(signal, kind)}))
    expected, untouched = clean(name)
    assert found == expected
    assert detector.state()["fields"] == untouched.state()["fields"]
    first = next(offset for offset in found if offset >= 2 * CHANGE)
    assert first < 2 * (CHANGE + 150)


@pytest.mark.parametrize("name", [name for name in VALUE_DETECTORS if not DETECTORS[name].binary])
def test_one_value_in_another_unit_neither_blinds_a_detector_nor_is_a_change(name: str) -> None:
    found, _ = found_at(name, stream({"a": b"10000"}))
    expected, _ = clean(name)
    assert [offset for offset in found if offset < 2 * CHANGE] == [o for o in expected if o < 2 * CHANGE]
    first, should = (next(o for o in offsets if o >= 2 * CHANGE) for offsets in (found, expected))
    assert abs(first - should) <= 2 * 64


@pytest.mark.parametrize("name", [name for name in VALUE_DETECTORS if not DETECTORS[name].binary])
def test_a_change_of_unit_for_good_is_found_by_a_detector_on_its_own(name: str) -> None:
    records = stream(changes=False)
    for index in range(CHANGE, EVENTS):
        records[index] = msgspec.structs.replace(
            records[index], value=event(index, False, a=b"%d" % (9000 + index))
        )
    found, _ = found_at(name, records)
    assert 2 * CHANGE <= next(offset for offset in found if offset >= 2 * CHANGE) < 2 * (CHANGE + 64)


@pytest.mark.parametrize("kind", POISON)
@pytest.mark.parametrize("name", DETECTORS)
def test_the_change_after_the_poison_is_told(name: str, kind: str) -> None:
    signal = signal_of(name)
    alerts = told(stream({signal: poison_for(signal, kind)}), only(name))
    drift = [a for a in alerts if a["type"] == "alert.opened.v1" and a["kind"] == "data_drift"]
    assert any(
        alert["detected"]["offset"] >= 2 * CHANGE
        and (alert["contributors"][0]["signal"], alert["contributors"][0]["detector"])
        == (f"features.{signal}", name)
        for alert in drift
    )


@pytest.mark.parametrize("signal", ["a", "c"])
@pytest.mark.parametrize("kind", POISON)
def test_poison_is_told_as_what_it_is_and_never_as_drift(kind: str, signal: str) -> None:
    outcome = POISON[kind][1]
    if (kind, signal) == ("a number near the end of floats", "c"):
        outcome = "invalid"
    said = told(stream({signal: poison_for(signal, kind)}, changes=False), with_distance())
    if outcome is None:
        assert said == []
    elif outcome == "invalid":
        assert {
            (a["kind"], a["contributors"][0]["signal"], a["contributors"][0]["effect"]) for a in said
        } == {("data_quality", f"features.{signal}", "invalid")}
        assert [a["type"] for a in said] == ["alert.opened.v1", "alert.resolved.v1"]
    else:
        assert [(a["type"], a["reason"], a["offset"]) for a in said] == [
            ("event.rejected.v1", outcome, 2 * POISONED_AT - 1)
        ]


def test_one_unseen_level_is_no_alarm_and_a_few_of_them_are() -> None:
    assert told(stream({"b": b'"zebra"'}, changes=False), with_distance()) == []
    records = stream(changes=False)
    for index in range(POISONED_AT, POISONED_AT + 6):
        records[index] = msgspec.structs.replace(records[index], value=event(index, False, b=b'"zebra"'))
    opened = [a for a in told(records, with_distance()) if a["type"] == "alert.opened.v1"]
    assert [(a["kind"], a["contributors"][0]["effect"]) for a in opened] == [("data_quality", "unseen")]


EXTREMES = {
    "near the ends of floats": [1.7e308, -1.7e308, 1.0],
    "huge": [1.7e308, 1.6e308],
    "the least there is": [5e-324, 1e-323, 0.0],
    "far apart": [1e300, 1e-300, 0.0],
    "integers of 300 digits": [10**300, 10**299],
}


@pytest.mark.parametrize("values", EXTREMES.values(), ids=list(EXTREMES))
def test_a_reference_of_extreme_numbers_still_tells_a_change_in_numbers(values: list[float]) -> None:
    rng, records = random.Random(1), []
    for i in range(700):
        at_ms = FIRST_MS + i * 1000
        number = rng.choice(values) if i < 500 else rng.gauss(0, 1)
        records.append(prediction(i, at_ms, features={"a": number}, prediction=number, latency_ms=number))
        records.append(label(i, at_ms, f"p{i}", rng.choice(values)))
    engine = Engine(load_config(SETTINGS, "poison.toml"))
    events = engine.apply(records).events
    assert any(event.event_type.endswith("alert.opened.v1") for event in events)
    for event in events:
        data = json.loads(event.value, parse_constant=lambda name: pytest.fail(f"{name} in an alert"))["data"]
        assert len(data["summary"]) < 500
    assert Engine(engine.config, engine.snapshot()).snapshot() == engine.snapshot()
