"""What a model's life looks like from outside: events in, alerts and requests out."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.newcomers import NEWCOMERS_MAX
from driftd.engine.outputs import OutputTopic
from streams import FIRST_MS, SMALL, Story, control, label, prediction

LABELS_ONLY = SMALL.replace('"error", "loss", "features.a"', '"error", "loss"')
CLASSES = ("yes", "no")
Features = Callable[[int, random.Random], dict[str, object]]


def small_config() -> Config:
    """Distances on everything, and River on what labels tell."""
    return load_config(LABELS_ONLY, "small.toml")


def normal(_: int, rng: random.Random) -> dict[str, object]:
    return {"a": rng.gauss(10, 1), "b": rng.choice("xy")}


def predictions(
    count: int, features: Features, start: int = 0, seed: int = 1, **fields: object
) -> list[Record]:
    rng = random.Random(seed)
    return [
        prediction(start + i, FIRST_MS + (start + i) * 1000, features=features(start + i, rng), **fields)
        for i in range(count)
    ]


def told(
    engine: Engine, records: list[Record], topic: OutputTopic = OutputTopic.ALERTS
) -> list[dict[str, Any]]:
    events = [event for event in engine.apply(records).events if event.topic is topic]
    return [{"type": event.event_type, **json.loads(event.value)["data"]} for event in events]


def after_normal(change: Features, count: int = 80, config: Config | None = None) -> list[dict[str, Any]]:
    engine = Engine(config or small_config())
    assert told(engine, predictions(400, normal)) == []
    return told(engine, predictions(count, change, start=400, seed=2))


def test_a_shift_of_one_feature_is_told_with_its_onset_and_its_figures() -> None:
    first, *_ = after_normal(lambda _, rng: {"a": rng.gauss(14, 1), "b": rng.choice("xy")})
    assert (first["type"], first["kind"], first["severity"], first["stage"]) == (
        "dev.driftd.alert.opened.v1", "data_drift", "warning", "data",
    )  # fmt: skip
    (contributor,) = first["contributors"]
    assert contributor["signal"] == "features.a"
    assert contributor["before"]["mean"] == pytest.approx(10, abs=0.3)
    assert contributor["after"]["mean"] == pytest.approx(14, abs=0.7)
    assert first["onset"]["offset"] == pytest.approx(400, abs=10)
    assert first["detected"]["offset"] < 440  # within one window of 40 events
    assert "features.a shifted up: mean" in first["summary"]
    assert first["replay"].startswith(f"driftd record --until predictions:0:{first['detected']['offset']} ")


def test_a_changed_unit_is_damage_and_is_named() -> None:
    alerts = after_normal(lambda _, rng: {"a": rng.gauss(10_000, 1000), "b": rng.choice("xy")})
    assert [alert["kind"] for alert in alerts] == ["data_quality"]
    assert "about 1,000 times larger: mean" in alerts[0]["summary"]
    assert "another unit?" in alerts[0]["summary"]
    assert alerts[0]["severity"] == "critical" or alerts[0]["contributors"][0]["after"]["outside_share"] < 0.5


def test_missing_values_are_told_as_such() -> None:
    first, *_ = after_normal(lambda i, rng: {"a": None if i % 2 else rng.gauss(10, 1), "b": rng.choice("xy")})
    assert first["kind"] == "data_quality"
    assert first["contributors"][0]["effect"] == "missing"


def test_a_feature_that_disappears_is_missing() -> None:
    first, *_ = after_normal(lambda _, rng: {"b": rng.choice("xy")})
    assert [(c["signal"], c["effect"]) for c in first["contributors"]] == [("features.a", "missing")]


def test_features_that_appear_later_are_told_bounded_and_known_from_then_on() -> None:
    records = predictions(200, normal)
    for i in range(150):
        records += predictions(1, lambda n, rng: {**normal(n, rng), f"new{n - 200}": 1.0}, 200 + i)
    engine = Engine(small_config())
    engine.apply(records[:230])
    again = Engine(small_config(), engine.snapshot())
    again.apply(records[230:])
    (status,) = again.status().models
    assert status.newcomers == tuple(f"new{n}" for n in range(NEWCOMERS_MAX))
    assert status.absent == ()
    schema = again.monitors["m"].schema
    assert schema is not None
    assert schema.others == status.newcomers  # so decoders do not ask the contract about each of these events


def test_a_level_never_seen_is_told_by_name() -> None:
    first, *_ = after_normal(lambda _, rng: {"a": rng.gauss(10, 1), "b": rng.choice(["x", "zebra"])})
    assert first["kind"] == "data_quality"
    assert 'levels never seen before ("zebra")' in first["summary"]


def test_one_value_of_the_wrong_type_informs_and_nothing_else_happens() -> None:
    def change(index: int, rng: random.Random) -> dict[str, object]:
        return {"a": "ten" if index == 405 else rng.gauss(10, 1), "b": rng.choice("xy")}

    alerts = after_normal(change, 300)
    assert [(a["type"].split(".")[-2], a["kind"], a["contributors"][0]["effect"]) for a in alerts] == [
        ("opened", "data_quality", "invalid"),
        ("resolved", "data_quality", "invalid"),
    ]


def test_what_comes_back_by_itself_is_resolved() -> None:
    alerts = after_normal(
        lambda i, rng: {"a": rng.gauss(14 if i < 450 else 10, 1), "b": rng.choice("xy")}, count=400
    )
    assert [alert["type"].split(".")[-2] for alert in alerts] == ["opened", "resolved"]
    assert alerts[0]["incident_id"] == alerts[1]["incident_id"]
    assert alerts[1]["cause"] == "quiet"


def labelled(count: int, wrong: float, start: int = 0, delay: int = 5, seed: int = 3) -> list[Record]:
    """Predictions, each followed by its label `delay` predictions later."""
    rng, records = random.Random(seed), []
    for i in range(start, start + count):
        at_ms = FIRST_MS + i * 1000
        records.append(prediction(i, at_ms, features=normal(i, rng), prediction=CLASSES[i % 2]))
        if i >= start + delay:
            answer = CLASSES[(i - delay + (rng.random() < wrong)) % 2]
            records.append(label(i - delay, at_ms, f"p{i - delay}", answer))
    return records


def test_errors_that_rise_while_inputs_stay_are_concept_drift_and_ask_for_one_retraining() -> None:
    engine = Engine(small_config())
    assert told(engine, labelled(600, 0.05)) == []
    events = [json.loads(e.value) for e in engine.apply(labelled(400, 0.6, start=600)).events]
    kinds = [
        (event["type"].split(".", 2)[2], event["data"].get("kind", event["data"].get("cause")))
        for event in events
    ]
    assert kinds[:2] == [("alert.opened.v1", "concept_drift"), ("retraining.requested.v1", "concept_drift")]
    assert sum(1 for name, _ in kinds if name == "retraining.requested.v1") == 1
    assert events[0]["data"]["stage"] == "modeling"
    assert events[0]["data"]["severity"] == "critical"
    assert events[1]["data"]["incident_ids"] == [events[0]["data"]["incident_id"]]
    assert events[0]["data"]["onset"]["offset"] == pytest.approx(600, abs=20)


def test_errors_that_fall_are_no_trouble() -> None:
    engine = Engine(small_config())
    assert told(engine, labelled(600, 0.5)) == []
    assert told(engine, labelled(600, 0.02, start=600)) == []


def test_a_label_before_its_prediction_counts_like_one_after_it() -> None:
    engine = Engine(small_config())
    early = [label(i, FIRST_MS, f"p{i}", "yes") for i in range(10)]
    engine.apply([*early, *predictions(30, normal)])
    assert engine.status().models[0].labels_joined == 10


def test_a_label_that_arrives_twice_counts_once() -> None:
    engine = Engine(small_config())
    engine.apply([*predictions(30, normal), label(0, FIRST_MS, "p3", "yes"), label(1, FIRST_MS, "p3", "yes")])
    counters = engine.status().models[0].counters
    assert (counters["labels_joined"], counters["labels_repeated"]) == (1, 1)


def test_a_label_that_is_corrected_counts_once_and_the_correction_is_counted_too() -> None:
    engine = Engine(small_config())
    engine.apply([*predictions(30, normal), label(0, FIRST_MS, "p0", "yes"), label(1, FIRST_MS, "p0", "no")])
    counters = engine.status().models[0].counters
    assert (counters["labels_joined"], counters["labels_corrected"]) == (1, 1)
    assert len(engine.monitors["m"].pairs) == 1


def test_a_prediction_that_arrives_twice_counts_once_and_is_told() -> None:
    engine = Engine(small_config())
    first, second = predictions(2, normal)
    again = Record("predictions", 0, 2, first.timestamp_ms, None, first.value)
    (rejected,) = told(engine, [first, second, again], OutputTopic.REJECTED)
    assert (rejected["reason"], rejected["offset"]) == ("duplicate_prediction_id", 2)
    assert engine.status().models[0].predictions == 2


def test_a_deployment_closes_what_was_open_and_learns_anew() -> None:
    engine = Engine(small_config())
    told(engine, predictions(400, normal))
    assert told(engine, predictions(60, lambda _, rng: {"a": rng.gauss(14, 1), "b": "x"}, start=400))
    alerts = told(engine, [control(0, FIRST_MS + 460_000, type="deployment", model="m", model_version="2")])
    assert {(a["type"].split(".")[-2], a["cause"], a["phase"]) for a in alerts} == {
        ("resolved", "new_version", "resolved")
    }
    status = engine.status().models[0]
    assert (status.version, status.phase, status.open_incidents) == ("2", "learning", ())
    assert told(engine, predictions(400, lambda _, rng: {"a": rng.gauss(14, 1), "b": "x"}, start=460)) == []


def test_an_event_of_a_new_version_is_a_deployment_and_late_events_of_the_old_one_do_not_count() -> None:
    engine = Engine(small_config())
    engine.apply(predictions(300, normal, model_version="1"))
    engine.apply(predictions(30, normal, start=300, model_version="2"))
    engine.apply(predictions(10, normal, start=330, model_version="1"))
    status = engine.status().models[0]
    assert (status.version, status.phase) == ("2", "reference")
    assert status.counters["predictions_of_past_versions"] == 10


def test_a_reply_moves_the_request_and_a_wrong_one_is_given_back() -> None:
    engine = Engine(small_config())
    engine.apply(labelled(600, 0.05))
    (request,) = told(engine, labelled(100, 0.7, start=600), OutputTopic.RETRAINING)
    at_ms = FIRST_MS + 700_000
    reply = {"type": "retraining_reply", "request_id": request["request_id"]}
    assert told(engine, [control(0, at_ms, **reply, status="accepted")], OutputTopic.REJECTED) == []
    assert engine.status().models[0].request == "accepted"
    (rejected,) = told(engine, [control(1, at_ms, **reply, status="accepted")], OutputTopic.REJECTED)
    assert rejected["reason"] == "unknown_request"
    engine.apply(
        [control(2, at_ms, type="deployment", model="m", model_version="2", request_id=request["request_id"])]
    )
    assert engine.status().models[0].request == "watched"


def test_a_person_can_resolve_and_reset_a_model_that_is_known() -> None:
    engine = Engine(small_config())
    told(engine, predictions(400, normal))
    told(engine, predictions(60, lambda _, rng: {"a": rng.gauss(14, 1), "b": "x"}, start=400))
    command = {"type": "command", "who": "me", "model": "m"}
    resolved = told(engine, [control(0, FIRST_MS, **command, action="resolve")])
    assert {alert["cause"] for alert in resolved} == {"person"}
    nothing = told(engine, [control(1, FIRST_MS, **command, action="resolve")], OutputTopic.REJECTED)
    assert "no open incident" in nothing[0]["detail"]
    engine.apply([control(2, FIRST_MS, **command, action="reset")])
    assert engine.status().models[0].phase == "learning"
    (unknown,) = told(
        engine,
        [control(4, FIRST_MS, type="command", who="me", model="x", action="reset")],
        OutputTopic.REJECTED,
    )
    assert unknown["reason"] == "unknown_model"


def test_a_request_that_nobody_answers_expires_and_its_incident_does_not_ask_again() -> None:
    engine = Engine(small_config())
    engine.apply(labelled(600, 0.05))
    assert len(told(engine, labelled(100, 0.7, start=600), OutputTopic.RETRAINING)) == 1
    week_later = FIRST_MS + 8 * 86_400_000
    (ended,) = told(engine, [control(0, week_later, type="tick")], OutputTopic.RETRAINING)
    assert (ended["type"], ended["phase"]) == ("dev.driftd.retraining.cancelled.v1", "expired")
    assert told(engine, labelled(300, 0.7, start=700), OutputTopic.RETRAINING) == []


def test_models_do_not_disturb_each_other() -> None:
    alone, together = Engine(small_config()), Engine(small_config())
    mine = predictions(400, normal, model="mine")
    shift = predictions(60, lambda _, rng: {"a": rng.gauss(14, 1), "b": "x"}, start=400, model="mine")
    other = [
        Record(
            "predictions", 1, r.offset, r.timestamp_ms, None, (r.value or b"").replace(b'"mine"', b'"other"')
        )
        for r in mine
    ]
    expected = told(alone, [*mine, *shift])
    mixed = [record for pair in zip(mine, other, strict=True) for record in pair]
    assert told(together, [*mixed, *shift]) == expected
    assert len(expected) > 0


def test_a_detector_whose_options_changed_begins_anew_and_the_rest_goes_on() -> None:
    records = Story(seed=3, events=600).tell()
    before = Engine(small_config())
    before.apply(records[:900])
    changed = load_config(SMALL.replace('name = "adwin"', 'name = "adwin"\ndelta = 0.01'), "changed.toml")
    after = Engine(changed, before.snapshot())
    assert after.offsets == before.offsets
    models = after.status().models
    assert [model.phase for model in models] == [model.phase for model in before.status().models]
    assert any(model.counters.get("detectors_begun_anew") for model in models)
    after.apply(records[900:])
