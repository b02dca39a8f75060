"""What an engine says of itself is what it told: incidents with severity and silence, the request with its deadline."""

import json
import random
from typing import Any

from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputTopic
from driftd.shells.metrics import model_metrics
from streams import FIRST_MS, control, label, prediction, small_config

MODEL = "m"


def stream(begin: int, end: int, errors: float, mean: float) -> list[Record]:
    """Predictions a second apart, each with its label; so many of them wrong, and a feature of that mean."""
    rng = random.Random(begin)
    records = []
    for i in range(begin, end):
        at_ms = FIRST_MS + i * 1000
        records.append(prediction(i, at_ms, features={"a": rng.gauss(mean, 1)}))
        records.append(label(i, at_ms, f"p{i}", "no" if rng.random() < errors else "yes"))
    return records


def samples(engine: Engine) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Labels and values of the metrics of models that are not 0."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in model_metrics(engine.status().models):
        for one in family.samples:
            if one.value:
                found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def troubled() -> tuple[Engine, list[dict[str, Any]], dict[str, Any]]:
    """An engine after a change for the worse; the latest alert of each open incident, and the request."""
    engine = Engine(small_config())
    told = list(engine.apply(stream(0, 600, 0.05, 10.0)).events)
    told += engine.apply(stream(600, 720, 0.7, 14.0)).events
    data = [(one.topic, json.loads(one.value)["data"]) for one in told]
    latest = {one["incident_id"]: one for topic, one in data if topic is OutputTopic.ALERTS}
    (request,) = [one for topic, one in data if topic is OutputTopic.RETRAINING]
    return engine, [one for one in latest.values() if one["phase"] == "open"], request


def test_open_incidents_are_shown_with_their_severity_and_whether_they_are_silenced() -> None:
    engine, opened, _ = troubled()
    expected = sorted((one["kind"], one["severity"]) for one in opened)
    assert expected
    (model,) = engine.status().models
    assert sorted((one.kind, one.severity) for one in model.incidents) == expected
    assert tuple(one.kind for one in model.incidents) == model.open_incidents
    shown = samples(engine)["driftd_model_open_incidents"]
    assert sorted((labels["kind"], labels["severity"]) for labels, _ in shown) == expected
    assert {labels["silenced"] for labels, _ in shown} == {"false"}

    at_ms = FIRST_MS + 720_000
    command = {"type": "command", "action": "silence", "who": "me", "why": "known", "model": MODEL}
    engine.apply([control(0, at_ms, **command, until_ms=at_ms + 3_600_000)])
    hushed = samples(engine)["driftd_model_open_incidents"]
    assert {labels["silenced"] for labels, _ in hushed} == {"true"}
    assert sum(count for _, count in hushed) == len(opened)


def test_the_request_in_flight_is_shown_with_its_phase_and_its_deadline() -> None:
    engine, _, request = troubled()
    shown = samples(engine)
    assert shown["driftd_model_retraining_phase"] == [({"model": MODEL, "phase": "requested"}, 1.0)]
    assert shown["driftd_model_retraining_deadline_timestamp_seconds"] == [
        ({"model": MODEL}, request["deadline_ms"] / 1000)
    ]
    reply = {"type": "retraining_reply", "request_id": request["request_id"], "status": "failed"}
    engine.apply([control(0, FIRST_MS + 720_000, **reply)])
    after = samples(engine)
    assert "driftd_model_retraining_phase" not in after
    assert "driftd_model_retraining_deadline_timestamp_seconds" not in after
    assert after["driftd_model_retraining_failed_total"] == [({"model": MODEL}, 1.0)]
