"""Labels that say otherwise than what was expected without them are told as a change of concept, and only those."""

import json
from dataclasses import replace
from typing import Any

import pytest

from concepts import PER_PERIOD, PERIOD_MS, START_MS, UNCHANGED, Change, config, scored
from driftd.cli.periods import performance_document
from driftd.contract.record import Record
from driftd.engine.divergence import SIGNAL
from driftd.engine.engine import Engine
from driftd.engine.status import model_performance

TURNED = Change(20 * PER_PERIOD, turned=0.3)
PIECE = 1_000


def lived(records: list[Record], engine: Engine | None = None) -> tuple[Engine, list[dict[str, Any]]]:
    engine = engine or Engine(config())
    told: list[dict[str, Any]] = []
    for begin in range(0, len(records), PIECE):
        events = engine.apply(records[begin : begin + PIECE]).events
        alerts = [event for event in events if event.event_type.startswith("dev.driftd.alert")]
        told += [{"type": e.event_type.split(".")[3], **json.loads(e.value)["data"]} for e in alerts]
    return engine, told


def divergences(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for alert in told for one in alert["contributors"] if one["signal"] == SIGNAL]


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_concept_with_unchanged_inputs_is_told_as_what_it_is(seed: int) -> None:
    _, told = lived(scored(seed, 40 * PER_PERIOD, TURNED))
    alerts = [alert for alert in told if divergences([alert])]
    assert {alert["kind"] for alert in alerts} == {"concept_drift"}
    first = alerts[0]
    (found,) = divergences([first])
    assert found["effect"] == "diverges"
    assert "are right, where " in found["change"]
    assert "the concept has changed" in found["change"]
    assert found["claim"]["after"] < found["claim"]["before"] - 0.04
    assert "accuracy" not in found["change"], "an estimate was called accuracy"
    assert first["harm"]["drift"] == "real"
    assert first["decided"]["at_ms"] >= START_MS + TURNED.at * 1000
    assert first["decided"]["at_ms"] <= START_MS + TURNED.at * 1000 + 8 * PERIOD_MS
    assert abs(first["onset"]["at_ms"] - START_MS - TURNED.at * 1000) <= 2 * PERIOD_MS


@pytest.mark.parametrize(("shop", "segment"), [(2, "shop=2"), (None, None)])
def test_a_loss_that_is_one_segments_names_it_in_the_alert_and_in_the_request(
    shop: int | None, segment: str | None
) -> None:
    turned = replace(TURNED, turned=0.9, shop=shop)
    engine = Engine(config())
    events = engine.apply(scored(1, 40 * PER_PERIOD, turned, segments=4)).events
    told = [json.loads(e.value)["data"] for e in events if "alert" in e.event_type]
    claims = [one["claim"] for one in divergences(told)]
    assert claims[-1]["segment"] == segment
    sentences = [one["change"] for one in divergences(told)]
    assert sentences[-1].endswith(f"the concept has changed, most of all where {segment}") is (
        segment is not None
    )
    requests = [json.loads(e.value)["data"] for e in events if e.event_type.endswith("requested.v1")]
    assert {request["segment"] for request in requests} <= {segment, None}


def test_it_is_over_some_periods_after_the_concept_is_back() -> None:
    records = scored(1, 60 * PER_PERIOD, TURNED)
    calm = scored(1, 60 * PER_PERIOD)
    back = START_MS + 30 * PERIOD_MS
    stream = [one for one in records if one.timestamp_ms < back] + [
        one for one in calm if one.timestamp_ms >= back
    ]
    engine, told = lived(stream)
    assert divergences(told)
    assert told[-1]["type"] == "resolved"
    assert not engine.monitors["m"].performance.divergence.is_raised


def test_nothing_is_found_in_300_000_events_in_which_nothing_changes() -> None:
    for seed in range(5):
        engine, told = lived(scored(100 + seed, 60_000))
        assert divergences(told) == []
        assert engine.monitors["m"].performance.divergence.periods > 80, "as good as nothing was compared"
        assert engine.monitors["m"].performance.divergence.evidence < 0.1


def test_inputs_that_move_are_no_change_of_concept() -> None:
    _, told = lived(scored(2, 40 * PER_PERIOD, Change(20 * PER_PERIOD, shift=3.0)))
    assert {alert["kind"] for alert in told} == {"data_drift"}


def test_a_period_has_its_estimate_before_its_labels_are_there_and_beside_what_they_say() -> None:
    engine, _ = lived(scored(3, 20 * PER_PERIOD + 300))
    document = performance_document(model_performance(engine.monitors["m"]))
    *over, now = document["periods"]
    assert now["cannot_judge"] == "open"
    assert now["figures"]["accuracy"]["corrected"] is None
    for period in (now, *over[-5:]):
        estimate = period["figures"]["accuracy"]["estimated"]
        assert estimate["low"] < 0.776 < estimate["high"]
        assert period["estimated_by"]["labels"] >= 2_000
        assert period["estimated_by"]["end_ms"] > period["estimated_by"]["start_ms"]
    for period in over[-5:]:
        corrected = period["figures"]["accuracy"]["corrected"]
        assert corrected["low"] < corrected["value"] < corrected["high"]


CASES = {
    "virtual": (
        Change(20 * PER_PERIOD, shift=3.0),
        "data_drift",
        "virtual",
        "The drift is virtual: the inputs moved",
    ),
    "real": (TURNED, "concept_drift", "real", "The drift is real: the error moved"),
    "both": (
        Change(20 * PER_PERIOD, shift=3.0, turned=0.5),
        "data_drift",
        "both",
        "Both moved, the inputs and the error",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_alert_says_whether_the_inputs_moved_or_the_error_or_both(case: str) -> None:
    change, kind, drift, words = CASES[case]
    engine = Engine(config("[defaults.incidents]\nupdate_panes = 4\n"))
    _, told = lived(scored(4, 30 * PER_PERIOD, change), engine)
    alerts = [alert for alert in told if alert["kind"] == kind and alert["type"] != "resolved"]
    assert alerts[-1]["harm"]["drift"] == drift
    assert words in alerts[-1]["summary"]


def test_without_labels_it_is_not_known_what_moved() -> None:
    records = [one for one in scored(5, 30 * PER_PERIOD, CASES["virtual"][0]) if one.topic == "predictions"]
    _, told = lived(records)
    assert {alert["harm"]["drift"] for alert in told} == {"unknown"}
    assert all("drift is" not in alert["summary"] for alert in told)


def test_of_a_model_without_scores_the_classes_are_what_is_expected_by() -> None:
    records = []
    for one in scored(6, 40 * PER_PERIOD, TURNED):
        event = json.loads(one.value or b"{}")
        event.pop("scores", None)
        records.append(Record(one.topic, 0, one.offset, one.timestamp_ms, None, json.dumps(event).encode()))
    _, told = lived(records)
    assert divergences(told)


def test_a_stream_in_which_nothing_changes_is_one_of_these_streams() -> None:
    assert scored(7, 100) == scored(7, 100, UNCHANGED)
    assert scored(7, 100) != scored(7, 100, Change(50, shift=1.0))
