"""What people and pipelines say, as the engine follows it: in log order, remembered, or given back with its reason."""

import json
from typing import Any

import pytest

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.silences import LONGEST_MS, SILENCES_MAX
from streams import FIRST_MS, control
from test_engine import LABELS_ONLY, labelled, normal, predictions, small_config, told

DAY_MS = 86_400_000
END_MS = FIRST_MS + 700_000


def drifted(count: int, start: int, seed: int = 2) -> list[Record]:
    return predictions(count, lambda _, rng: {"a": rng.gauss(14, 1), "b": rng.choice("xy")}, start, seed)


def command(offset: int, at_ms: int, action: str, **more: object) -> Record:
    return control(offset, at_ms, type="command", who="ann", action=action, **more)


def of(events: tuple[OutputEvent, ...], topic: OutputTopic) -> list[dict[str, Any]]:
    return [json.loads(event.value)["data"] for event in events if event.topic is topic and event.value]


def refusal(engine: Engine, record: Record) -> tuple[str, str]:
    (rejected,) = told(engine, [record], OutputTopic.REJECTED)
    return rejected["reason"], rejected["detail"]


def an_engine() -> Engine:
    engine = Engine(small_config())
    engine.apply(predictions(400, normal))
    return engine


def test_a_silence_lets_the_incident_live_and_wakes_nobody_until_it_is_over() -> None:
    engine = an_engine()
    at_ms = FIRST_MS + 400_000
    silence = command(
        0, at_ms, "silence", model="m*", signals=["features.*"], until_ms=at_ms + 50_000, why="test"
    )
    (begun,) = engine.apply([silence]).events
    assert begun.standing is not None
    assert begun.standing.startswith("silence/sil-")
    alerts = told(engine, drifted(49, 400))
    assert alerts[0]["type"].endswith("opened.v1")
    assert {alert["page"] for alert in alerts} == {False}
    assert {alert["silenced_by"] for alert in alerts} == {begun.standing.partition("/")[2]}
    events = engine.apply([control(1, at_ms + 50_000, type="tick")]).events
    (after,) = of(events, OutputTopic.ALERTS)
    assert (after["cause"], after["page"], after["silenced_by"]) == ("silence_over", True, None)
    assert [(one.standing, one.is_over) for one in events if one.topic is OutputTopic.INCIDENTS] == [
        (begun.standing, True)
    ]


def test_a_silence_that_begins_or_ends_while_an_incident_is_open_is_told() -> None:
    engine = an_engine()
    told(engine, drifted(60, 400))
    at_ms = FIRST_MS + 460_000
    events = engine.apply([command(0, at_ms, "silence", model="m", until_ms=at_ms + DAY_MS)]).events
    silence_id = of(events, OutputTopic.INCIDENTS)[0]["silence_id"]
    (silenced,) = of(events, OutputTopic.ALERTS)
    assert (silenced["cause"], silenced["silenced_by"]) == ("silenced", silence_id)
    (over,) = told(engine, [command(1, at_ms, "expire", silence_id=silence_id)])
    assert (over["cause"], over["page"]) == ("silence_over", False)  # it had woken somebody before
    assert over["number"] == silenced["number"] + 1


@pytest.mark.parametrize(
    ("more", "is_silenced"),
    [
        ({"model": "m"}, True),
        ({"model": "other"}, False),
        ({"model": "*", "kind": "data_drift"}, True),
        ({"model": "*", "kind": "operations"}, False),
        ({"signals": ["features.?"]}, True),
        ({"signals": ["features.b", "prediction"]}, False),
        ({"model": "m", "from_ms": END_MS}, False),
        ({"incident_id": "inc-another"}, False),
    ],
)
def test_whom_a_silence_is_about(more: dict[str, object], is_silenced: bool) -> None:
    engine = an_engine()
    engine.apply([command(0, FIRST_MS + 400_000, "silence", until_ms=END_MS + 1, **more)])
    opened, *_ = told(engine, drifted(60, 400))
    assert (opened["silenced_by"] is not None) is is_silenced


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "needs until_ms"),
        ({"until_ms": FIRST_MS}, "lies in the past"),
        ({"until_ms": END_MS + 10 * 365 * DAY_MS}, f"within {LONGEST_MS // DAY_MS} days"),
        ({"until_ms": END_MS + 5, "from_ms": END_MS + 9}, "is not after from_ms"),
        (
            {"until_ms": END_MS + 5, "signals": ["features.[ab"]},
            "is no pattern; only * (any characters) and ? (one)",
        ),
        ({"until_ms": END_MS + 5, "kind": "drift"}, "there is no kind 'drift'; kinds are data_drift, "),
    ],
)
def test_a_silence_that_makes_no_sense_is_given_back(more: dict[str, object], words: str) -> None:
    reason, detail = refusal(an_engine(), command(0, END_MS, "silence", model="m", **more))
    assert reason == "out_of_range"
    assert words in detail


def test_maintenance_is_of_whole_models() -> None:
    _, detail = refusal(
        an_engine(), command(0, END_MS, "maintenance", model="m", kind="silence", until_ms=END_MS + 5)
    )
    assert "maintenance is of a whole model" in detail


def test_there_are_never_more_silences_than_the_bound() -> None:
    engine = an_engine()
    many = [command(n, END_MS, "silence", model="m", until_ms=END_MS + 5) for n in range(SILENCES_MAX)]
    assert told(engine, many, OutputTopic.REJECTED) == []
    reason, detail = refusal(engine, command(SILENCES_MAX, END_MS, "silence", model="m", until_ms=END_MS + 5))
    assert (reason, "expire some" in detail) == ("out_of_range", True)


def test_what_is_no_silence_cannot_expire_and_those_that_hold_are_named() -> None:
    engine = an_engine()
    (begun,) = engine.apply([command(0, END_MS, "silence", model="m", until_ms=END_MS + 5)]).events
    _, detail = refusal(engine, command(1, END_MS, "expire", silence_id="sil-x"))
    assert str(begun.standing).partition("/")[2] in detail


def test_an_incident_that_is_acknowledged_says_by_whom_and_the_unknown_is_given_back() -> None:
    engine = an_engine()
    opened, *_ = told(engine, drifted(60, 400))
    (alert,) = told(engine, [command(0, END_MS, "acknowledge", incident_id=opened["incident_id"])])
    assert (alert["cause"], alert["acknowledged_by"], alert["page"]) == ("acknowledged", "ann", False)
    reason, detail = refusal(engine, command(1, END_MS, "acknowledge", model="m", incident_id="inc-x"))
    assert (reason, opened["incident_id"] in detail) == ("out_of_range", True)
    assert (
        refusal(engine, command(2, END_MS, "acknowledge", incident_id="inc-x"))[1]
        == "no incident inc-x is open"
    )
    assert refusal(engine, command(3, END_MS, "acknowledge", model="x"))[0] == "unknown_model"


def test_during_maintenance_nobody_is_woken_and_nothing_is_asked_and_after_it_both_are() -> None:
    engine = Engine(small_config())
    engine.apply(labelled(600, 0.05))
    until_ms = FIRST_MS + 660_000
    engine.apply([command(0, FIRST_MS + 600_000, "maintenance", model="m", until_ms=until_ms)])
    during = engine.apply(labelled(59, 0.7, start=600)).events
    assert {alert["page"] for alert in of(during, OutputTopic.ALERTS)} == {False}
    assert of(during, OutputTopic.RETRAINING) == []
    after = engine.apply(labelled(20, 0.7, start=660)).events
    assert next(alert["cause"] for alert in of(after, OutputTopic.ALERTS)) == "silence_over"
    assert [one["phase"] for one in of(after, OutputTopic.RETRAINING)] == ["requested"]


def wide_config() -> Config:
    """A window in which enough is left of a change to say how much it costs."""
    return load_config(LABELS_ONLY.replace("window_events = 40", "window_events = 120"), "wide.toml")


def answered(engine: Engine, wrong: float, version: str = "2") -> tuple[list[dict[str, Any]], str]:
    """A loss, its request, the version that answers it and errs in the share `wrong`; what is told of the request."""
    engine.apply(labelled(600, 0.05))
    events = of(engine.apply(labelled(100, 0.7, start=600)).events, OutputTopic.RETRAINING)
    request_id = events[0]["request_id"]
    at_ms = FIRST_MS + 700_000
    reply = {"type": "retraining_reply", "request_id": request_id}
    deployment = {"type": "deployment", "model": "m", "model_version": version, "request_id": request_id}
    script = [
        control(0, at_ms, **reply, status="accepted"),
        control(1, at_ms, **reply, status="completed", model_version=version),
        control(2, at_ms, **deployment),
        *labelled(300, wrong, start=700),
    ]
    for record in script:
        events += of(engine.apply([record]).events, OutputTopic.RETRAINING)
    return events, request_id


def test_a_request_is_verified_when_the_new_version_errs_as_little_as_before() -> None:
    engine = Engine(wide_config())
    events, request_id = answered(engine, 0.05)
    assert [event["phase"] for event in events] == ["requested", "verified"]
    asked, verified = events
    assert (asked["stage"], asked["attempt"], asked["cause"]) == ("modeling", 1, "concept_drift")
    assert asked["data_range"]["partitions"][0]["from_offset"] <= asked["data_range"]["onset"]["offset"]
    assert (verified["request_id"], verified["new_version"], verified["model_version"]) == (
        request_id,
        "2",
        None,
    )
    assert verified["expected_gain"] == pytest.approx(
        verified["risk_after"] - verified["risk_before"], abs=1e-3
    )
    assert verified["risk_new"] < verified["risk_after"] - verified["expected_gain"] / 2
    assert verified["summary"].startswith(
        "Version 2 of model m ends what was asked about: its mean error or loss is"
    )
    assert engine.status().models[0].request is None


def test_a_version_that_does_not_help_is_escalated_and_asked_for_again_at_an_earlier_stage() -> None:
    engine = Engine(small_config())
    events, request_id = answered(engine, 0.7)
    assert [(event["phase"], event["stage"], event["attempt"]) for event in events] == [
        ("requested", "modeling", 1),
        ("escalated", "modeling", 1),
        ("requested", "labels", 2),
    ]
    assert events[2]["request_id"] != request_id
    assert "The next request goes back to labels" in events[1]["summary"]
    assert "Attempt 2" in events[2]["summary"]


def test_the_protocol_is_the_same_whatever_batches_and_restarts_it_meets() -> None:
    whole = Engine(small_config())
    first, _ = answered(whole, 0.7)
    engine = Restarting(small_config())
    second, _ = answered(engine, 0.7)
    assert first == second


class Restarting(Engine):
    """An engine that goes on from its snapshot before each batch."""

    def apply(self, records: Any) -> Any:  # noqa: D102  as Engine's
        return Engine.apply(self._again(), records)

    def _again(self) -> Engine:
        state = self.snapshot()
        self.__init__(self.config, state)  # type: ignore[misc]
        return self


def test_replies_that_come_late_or_are_of_no_request_are_told_why() -> None:
    engine = Engine(small_config())
    _, request_id = answered(engine, 0.05)
    late = control(9, END_MS, type="retraining_reply", request_id=request_id, status="rejected")
    assert refusal(engine, late) == (
        "unknown_request", f"request {request_id} of model m is verified, so it cannot be rejected",
    )  # fmt: skip
    foreign = control(10, END_MS, type="retraining_reply", request_id="req-x", status="accepted")
    assert refusal(engine, foreign)[1].startswith("no model has a request req-x")


def test_a_deployment_for_a_request_that_is_not_in_flight_runs_and_is_told() -> None:
    engine = an_engine()
    deployment = control(0, END_MS, type="deployment", model="m", model_version="7", request_id="req-x")
    assert refusal(engine, deployment) == (
        "unknown_request", "version 7 runs now, but request req-x is none of this model: it answers none",
    )  # fmt: skip
    assert engine.status().models[0].version == "7"


def test_a_deployment_that_comes_too_late_is_refused_and_a_rollback_is_not() -> None:
    engine = an_engine()
    engine.apply(
        [control(n, END_MS + n, type="deployment", model="m", model_version=f"{n + 1}") for n in range(2)]
    )
    stale = control(2, END_MS, type="deployment", model="m", model_version="1")
    reason, detail = refusal(engine, stale)
    assert (reason, "which was deployed later" in detail) == ("stale_deployment", True)
    assert engine.status().models[0].version == "2"
    engine.apply([control(3, END_MS + 9, type="deployment", model="m", model_version="1")])
    assert engine.status().models[0].version == "1"
