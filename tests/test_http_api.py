"""The API's pages: what is answered, and what is told of a request that cannot be followed."""

import json
import re
from dataclasses import replace

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from architecture import ROOT
from driftd.api.board import Board
from driftd.api.openapi import PAGES, PREFIX, openapi_document
from driftd.api.standing import Standing
from driftd.contract.events_out import AlertData
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputTopic
from driftd.engine.state import State
from driftd.engine.status import EngineStatus
from driftd.errors import BrokerUnavailable
from driftd.shard_view import Phase, ServiceView, ShardView
from http_api import Pages, ask, entry, over, watch
from streams import Story, small_config

SILENCE = {"action": "silence", "model": "churn", "until_ms": 1_764_000_000_000, "who": "ann"}


def board(*records: Record) -> Board:
    made = Board(Standing())
    for record in records:
        made.take(record)
    return made


def watched(events: int = 1_500) -> ShardView:
    return watch(events)[0]


def test_the_document_is_right_openapi_and_names_every_page() -> None:
    document = json.loads(json.dumps(openapi_document()))
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    named = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert named == {(page.method.lower(), PREFIX + page.path) for page in PAGES.values()}
    assert ask(Pages(), "/api/v1/openapi.json").document == document


def test_the_documentation_names_every_page() -> None:
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    assert [page for page in PAGES.values() if f"`{page.method} {page.path}`" not in text] == []


def test_every_schema_of_the_document_is_described_field_by_field() -> None:
    for name, schema in openapi_document()["components"]["schemas"].items():
        missing = [key for key, field in schema["properties"].items() if not field.get("description")]
        assert not missing, f"{name}: {missing}"


def test_incidents_are_listed_as_their_events_have_them_and_can_be_asked_for_by_their_facts() -> None:
    pages = Pages(
        board=board(
            entry("incident/churn/i1", "e1", kind="data_drift", severity="warning", new_field=[1]),
            entry("incident/fraud/i2", "e2", kind="performance", severity="critical"),
            entry("request/fraud/r1", "e3"),
            entry("silence/s1", "e4"),
        )
    )
    all_of_them = ask(pages, "/api/v1/incidents").document
    assert [one["incident_id"] for one in all_of_them["incidents"]] == ["i1", "i2"]
    assert all_of_them["incidents"][0]["new_field"] == [1]
    assert (all_of_them["stale"], all_of_them["stale_since_ms"], all_of_them["not_held"]) == (False, None, 0)

    def found(query: str) -> list[str]:
        return [one["incident_id"] for one in ask(pages, f"/api/v1/incidents?{query}").document["incidents"]]

    assert found("model=fraud") == found("model=f*") == found("severity=critical") == ["i2"]
    assert found("kind=data_drift&severity=critical") == []
    assert ask(pages, "/api/v1/incidents/i2").document["kind"] == "performance"
    assert [one["request_id"] for one in ask(pages, "/api/v1/requests").document["requests"]] == ["r1"]
    assert ask(pages, "/api/v1/requests/r1").status == 200
    assert [one["silence_id"] for one in ask(pages, "/api/v1/silences").document["silences"]] == ["s1"]


def test_alerts_of_the_engine_are_what_the_document_says() -> None:
    engine = Engine(small_config(), State({}))
    events = engine.apply(Story(seed=3, events=800).tell()).events
    alerts = [json.loads(event.value)["data"] for event in events if event.topic is OutputTopic.ALERTS]
    assert alerts
    fields = openapi_document()["components"]["schemas"]["AlertData"]["properties"].keys()
    assert fields == AlertData.model_fields.keys()
    assert all(alert.keys() <= fields for alert in alerts)


def test_what_is_over_or_never_was_is_not_found() -> None:
    pages = Pages(board=board(entry("incident/churn/i1", "e1"), over("incident/churn/i1")))
    answer = ask(pages, "/api/v1/incidents/i1")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.document["type"] == "urn:driftd:problem:not-found"
    assert "/api/v1/incidents lists those that are" in answer.document["detail"]


@pytest.mark.parametrize("path", ["incidents", "incidents/i1", "requests", "silences", "events"])
def test_before_the_topic_is_read_nothing_is_claimed_to_be_open_or_not(path: str) -> None:
    answer = ask(Pages(board=Board()), f"/api/v1/{path}")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert ask(Pages(board=Board()), "/api/v1/status").document["open_now"]["complete"] is False


def test_while_brokers_are_away_the_last_known_is_told_and_called_stale() -> None:
    known = board(entry("incident/churn/i1", "e1"))
    known.stale_since_ms = 1_764_000_000_000
    answer = ask(Pages(board=known), "/api/v1/incidents").document
    assert (len(answer["incidents"]), answer["stale"], answer["stale_since_ms"]) == (
        1,
        True,
        1_764_000_000_000,
    )


def test_models_that_cannot_be_judged_say_so_and_why() -> None:
    learning = watched(events=15)
    shards = {0: learning, 1: ShardView(1, Phase.RETRYING, "no broker", status=watched().status)}
    found = ask(Pages(view=ServiceView(shards, 3)), "/api/v1/models").document
    assert (found["shards"], found["shard_count"]) == ([0, 1], 3)
    by_shard = {one["shard"]: one for one in found["models"]}
    assert (by_shard[0]["state"], by_shard[0]["phase"]) == ("cannot_judge", "learning")
    assert re.fullmatch(
        r"its features are being learned: \d+ events to go", by_shard[0]["cannot_judge"][0]["why"]
    )
    assert by_shard[1]["state"] == "cannot_judge"
    assert by_shard[1]["cannot_judge"][0] == {"what": "model", "why": "shard 1 is retrying: no broker"}


def test_a_model_that_is_watched_tells_its_incidents_and_its_performance() -> None:
    view = ServiceView({0: watched()})
    found = ask(Pages(view=view), "/api/v1/models/m").document
    assert (found["state"], found["phase"]) == ("incident", "watching")
    assert found["open_incidents"] == ["data_drift"]
    assert found["counters"]["predictions"] == found["predictions"] == 1_500
    assert len(found["periods"]) > 1
    assert (found["performance"]["immature"], found["latest"]["immature"]) == (None, "it is not over")
    accuracy = found["performance"]["realised"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert (found["latest"]["realised"], found["cannot_judge"]) == ({}, [])
    missing = ask(Pages(view=view), "/api/v1/models/m9")
    assert missing.status == 404
    assert "no model m9" in missing.document["detail"]


def test_a_watched_model_without_labels_is_never_called_quiet() -> None:
    (model, *_) = watched().status.models
    quiet = replace(model, open_incidents=(), periods=(), labels_joined=0)
    view = ShardView(0, Phase.RUNNING, status=EngineStatus(0, (quiet,)))
    found = ask(Pages(view=ServiceView({0: view})), "/api/v1/models").document["models"][0]
    assert found["state"] == "partly_judged"
    assert {"what": "performance", "why": "no label has found its prediction yet"} in found["cannot_judge"]


def test_the_worker_tells_whether_it_is_ready_and_why_not() -> None:
    answer = ask(Pages(), "/api/v1/status").document
    assert (answer["ready"], answer["reasons"], answer["stand_by"]) == (
        False, ["no shards are assigned yet"], False
    )  # fmt: skip
    assert ask(Pages(view=ServiceView({})), "/api/v1/status").document["stand_by"] is True


def test_a_command_is_written_with_what_its_caller_left_out() -> None:
    pages = Pages()
    answer = ask(pages, "/api/v1/commands", method="POST", body={"action": "reset", "model": "churn"})
    assert answer.status == 202
    assert answer.document == {"records": [{"topic": "driftd.control", "partition": 0, "offset": 7}]}
    ((key, written, partitions),) = pages.written
    assert (key, list(partitions)) == (b"churn", [None])
    assert written.pop("at_ms") > 1_764_000_000_000
    assert written == {"type": "command", "action": "reset", "model": "churn", "who": "HTTP from 127.0.0.1"}


def test_deployments_and_replies_are_written_under_the_key_of_their_model() -> None:
    pages = Pages(board=board(entry("request/churn/r1", "e1")), view=ServiceView({}, 4))
    deployment = {"model": "fraud", "model_version": "2", "at_ms": 5}
    assert ask(pages, "/api/v1/deployments", method="POST", body=deployment).status == 202
    reply = {"request_id": "r1", "status": "accepted"}
    assert ask(pages, "/api/v1/replies", method="POST", body=reply).status == 202
    assert ask(pages, "/api/v1/replies", method="POST", body=reply | {"request_id": "r2"}).status == 202
    assert [(key, list(where)) for key, _, where in pages.written] == [
        (b"fraud", [None]), (b"churn", [None]), (b"-", [None])
    ]  # fmt: skip
    assert pages.written[0][1] == {"type": "deployment", **deployment}


def test_a_command_for_models_of_several_shards_goes_to_each_of_them() -> None:
    pages = Pages(board=board(entry("incident/fraud/i1", "e1")), view=ServiceView({}, 3))
    answer = ask(pages, "/api/v1/commands", method="POST", body=SILENCE | {"model": "c*"})
    assert [one["partition"] for one in answer.document["records"]] == [0, 1, 2]
    acknowledge = {"action": "acknowledge", "incident_id": "i1"}
    assert len(ask(pages, "/api/v1/commands", method="POST", body=acknowledge).document["records"]) == 1
    assert (pages.written[1][0], pages.written[1][1]["model"]) == (b"fraud", "fraud")


INVALID = {
    "an unknown field": (
        SILENCE | {"until": 1},
        "#/until",
        'There is no such field. Did you mean "until_ms"?',
    ),
    "an unknown action": (
        SILENCE | {"action": "mute"},
        "#/action",
        "Input should be 'silence', 'maintenance'",
    ),
    "a time in words": (SILENCE | {"until_ms": "noon"}, "#/until_ms", "Until when it holds"),
    "a time in nanoseconds": (SILENCE | {"until_ms": 10**18}, "#/until_ms", "less than 4102444800000"),
    "another kind of event": (SILENCE | {"type": "tick"}, "#/type", "Input should be 'command'"),
    "a list with a number": (SILENCE | {"signals": ["a", 7]}, "#/signals/1", "valid string"),
    "nothing": ({}, "#/action", "Field required"),
}


@pytest.mark.parametrize(("body", "pointer", "told"), INVALID.values(), ids=INVALID)
def test_a_body_that_does_not_fit_is_told_field_by_field(body: object, pointer: str, told: str) -> None:
    pages = Pages()
    answer = ask(pages, "/api/v1/commands", method="POST", body=body)
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert [one for one in answer.document["errors"] if one["pointer"] == pointer and told in one["detail"]]
    assert pages.written == []


@pytest.mark.parametrize(
    ("raw", "headers", "status", "told"),
    [
        (b"{", {}, 400, "no JSON"),
        (b"\xff\xfe", {}, 400, "no JSON"),
        (b"[" * 60_000, {}, 400, "no JSON"),
        (b"[]", {}, 400, "no object"),
        (b'{"at_ms": NaN}', {}, 400, "no JSON"),
        (b" " * 70_000, {}, 413, "At most 65536 bytes"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "Content-Type: application/json"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    raw: bytes, headers: dict[str, str], status: int, told: str
) -> None:
    pages = Pages()
    answer = ask(pages, "/api/v1/commands", method="POST", raw=raw, headers=headers)
    assert (answer.status, answer.document["status"]) == (status, status)
    assert told in answer.document["detail"]
    assert pages.written == []


def test_pages_and_methods_that_are_none_are_problems_too() -> None:
    assert ask(Pages(), "/api/v1/nothing").document["type"] == "urn:driftd:problem:not-found"
    answer = ask(Pages(), "/api/v1/commands")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert (
        'no filter "sevrity". There is: model, kind, severity'
        in (ask(Pages(), "/api/v1/incidents?sevrity=critical").document["detail"])
    )


def test_without_brokers_a_command_is_not_taken() -> None:
    pages = Pages(write_error=BrokerUnavailable("no answer from the brokers at 127.0.0.1:1"))
    answer = ask(pages, "/api/v1/commands", method="POST", body=SILENCE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert "127.0.0.1:1" in answer.document["detail"]


def test_a_mistake_of_ours_is_a_problem_that_tells_nothing_of_it() -> None:
    pages = Pages(write_error=ZeroDivisionError("secret"))
    answer = ask(pages, "/api/v1/commands", method="POST", body=SILENCE)
    assert answer.status == 500
    assert "secret" not in json.dumps(answer.document)
