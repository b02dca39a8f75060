"""The models of events: bounds, defaults, what is ignored; and the envelope of what comes out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from driftd.contract.cloudevents import EventType, encode_cloudevent, rfc3339
from driftd.contract.events_in import (
    CONTROL_EVENTS,
    ID_LENGTH_MAX,
    MODEL_LENGTH_MAX,
    TIME_MAX_MS,
    Command,
    Deployment,
    Event,
    Label,
    Prediction,
    RetrainingReply,
    Tick,
)
from driftd.contract.events_out import RejectedData
from driftd.contract.rejection import RejectionReason
from strategies import labels, predictions

MINIMAL: dict[type[Event], dict[str, Any]] = {
    Prediction: {"prediction_id": "1", "model": "m", "at_ms": 0, "features": {}},
    Label: {"prediction_id": "1", "model": "m", "label": 1, "at_ms": 0},
    Deployment: {"type": "deployment", "model": "m", "model_version": "2", "at_ms": 0},
    RetrainingReply: {"type": "retraining_reply", "request_id": "r", "status": "accepted", "at_ms": 0},
    Command: {"type": "command", "action": "resolve", "who": "me", "at_ms": 0},
    Tick: {"type": "tick", "at_ms": 0},
}
EVENTS = list(MINIMAL)


def with_field(event: type[Event], name: str, value: object) -> dict[str, Any]:
    return {**MINIMAL[event], name: value}


def accepts(event: type[Event], document: dict[str, Any]) -> bool:
    try:
        event.model_validate(document)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("event", EVENTS)
def test_each_field_without_a_default_is_asked_for_and_no_other(event: type[Event]) -> None:
    document = MINIMAL[event]
    assert {name for name, field in event.model_fields.items() if field.is_required()} == set(document)
    for name in document:
        assert not accepts(event, {key: value for key, value in document.items() if key != name})


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_left_out_is_none(event: type[Event]) -> None:
    accepted = event.model_validate(MINIMAL[event])
    left_out = set(event.model_fields) - set(MINIMAL[event])
    assert {name: getattr(accepted, name) for name in left_out} == dict.fromkeys(left_out)


@pytest.mark.parametrize("event", EVENTS)
def test_fields_that_are_not_known_are_ignored(event: type[Event]) -> None:
    accepted = event.model_validate(with_field(event, "later", {"any": ["thing"]}))
    assert accepted == event.model_validate(MINIMAL[event])
    assert "later" not in accepted.model_dump()


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_goes_through_json_and_comes_back(event: type[Event]) -> None:
    accepted = event.model_validate(MINIMAL[event])
    assert event.model_validate_json(accepted.model_dump_json()) == accepted


@given(predictions)
def test_a_prediction_goes_through_json_and_comes_back(document: dict[str, Any]) -> None:
    accepted = Prediction.model_validate(document)
    assert Prediction.model_validate_json(accepted.model_dump_json()) == accepted


@given(labels)
def test_a_label_goes_through_json_and_comes_back(document: dict[str, Any]) -> None:
    accepted = Label.model_validate(document)
    assert Label.model_validate_json(accepted.model_dump_json()) == accepted


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    ("at_ms", "accepted"),
    [(0, True), (TIME_MAX_MS - 1, True), (TIME_MAX_MS, False), (-1, False), (1.0, False), ("1", False),
     (True, False), (None, False)],
)  # fmt: skip
def test_a_time_is_a_whole_number_of_milliseconds_until_2100(
    event: type[Event], at_ms: object, accepted: bool
) -> None:
    assert accepts(event, with_field(event, "at_ms", at_ms)) == accepted


@pytest.mark.parametrize(
    ("model", "accepted"),
    [("m", True), ("churn/v2:eu-west_1", True), ("m" * MODEL_LENGTH_MAX, True), ("m" * (MODEL_LENGTH_MAX + 1), False),
     ("", False), ("a b", False), ("m\n", False), ("m\x00", False), ("modèle", False), (1, False)],
)  # fmt: skip
@pytest.mark.parametrize("event", [Prediction, Label, Deployment, Command])
def test_a_model_is_named_in_printable_ascii(event: type[Event], model: object, accepted: bool) -> None:
    assert accepts(event, with_field(event, "model", model)) == accepted


@pytest.mark.parametrize(
    ("event", "name"),
    [(Prediction, "prediction_id"), (Prediction, "model_version"), (Label, "prediction_id"), (Label, "annotator"),
     (Deployment, "model_version"), (Deployment, "request_id"), (RetrainingReply, "request_id"), (Command, "who")],
)  # fmt: skip
def test_an_id_has_1_to_200_characters(event: type[Event], name: str) -> None:
    lengths = {0: False, 1: True, ID_LENGTH_MAX: True, ID_LENGTH_MAX + 1: False}
    for length, accepted in lengths.items():
        assert accepts(event, with_field(event, name, "é" * length)) == accepted
    assert not accepts(event, with_field(event, name, 1))


@pytest.mark.parametrize(
    ("features", "accepted"),
    [({"a": 1}, True), ({"a": 1.5, "b": "x", "c": False, "d": None}, True), ({"a": float("nan")}, False),
     ({"a": float("inf")}, False), ({"a": [1]}, False), ({"a": {"b": 1}}, False), ({"": 1}, False),
     ({"x" * 201: 1}, False), ([], False), (None, False), ("a", False)],
)  # fmt: skip
def test_features_are_numbers_texts_truths_and_nothing_else(features: object, accepted: bool) -> None:
    assert accepts(Prediction, with_field(Prediction, "features", features)) == accepted


def test_types_of_values_are_kept_and_whole_numbers_are_numbers() -> None:
    features = {"number": 1, "text": "1", "truth": True, "missing": None}
    accepted = Prediction.model_validate(with_field(Prediction, "features", features))
    assert [repr(value) for value in accepted.features.values()] == ["1.0", "'1'", "True", "None"]


@pytest.mark.parametrize(
    ("scores", "accepted"),
    [({"yes": 0.5}, True), ({}, True), (None, True), ({"yes": None}, False), ({"yes": "0.5"}, False),
     ({"yes": True}, False), ({"yes": float("nan")}, False)],
)  # fmt: skip
def test_scores_are_numbers_by_class(scores: object, accepted: bool) -> None:
    assert accepts(Prediction, with_field(Prediction, "scores", scores)) == accepted


@pytest.mark.parametrize(("weight", "accepted"), [(0, True), (2.5, True), (-0.1, False), ("1", False)])
def test_a_weight_is_not_negative(weight: object, accepted: bool) -> None:
    assert accepts(Label, with_field(Label, "weight", weight)) == accepted


@pytest.mark.parametrize("event", [Deployment, RetrainingReply, Command, Tick])
def test_a_control_event_says_its_type(event: type[Event]) -> None:
    assert CONTROL_EVENTS[MINIMAL[event]["type"]] is event
    assert not accepts(event, with_field(event, "type", "other"))


@pytest.mark.parametrize(("event", "name"), [(RetrainingReply, "status"), (Command, "action")])
def test_a_closed_set_is_closed(event: type[Event], name: str) -> None:
    assert not accepts(event, with_field(event, name, "perhaps"))


def test_an_event_cannot_be_changed() -> None:
    accepted = Tick(type="tick", at_ms=0)
    with pytest.raises(ValidationError):
        accepted.at_ms = 1  # type: ignore[misc]


REJECTED = RejectedData(
    reason=RejectionReason.TOO_LARGE, detail="d", model=None, topic="predictions", partition=1, offset=2,
    timestamp_ms=3, payload_bytes=4, payload_excerpt="é\x00",
)  # fmt: skip


def test_an_envelope_has_all_attributes_in_its_value_and_as_headers() -> None:
    value, headers = encode_cloudevent(EventType.EVENT_REJECTED, "id-1", "driftd", "m", 1500, REJECTED)
    document, named = json.loads(value), dict(headers)
    assert document.pop("data") == REJECTED.model_dump(mode="json")
    assert document.pop("datacontenttype") == "application/json"
    assert named.pop("content-type") == b"application/cloudevents+json; charset=UTF-8"
    assert {name.removeprefix("ce_"): text.decode() for name, text in named.items()} == document
    assert document == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "driftd",
        "type": "dev.driftd.event.rejected.v1",
        "subject": "m",
        "time": "1970-01-01T00:00:01.500Z",
        "dataschema": "urn:driftd:schema:dev.driftd.event.rejected.v1#data",
    }


def test_the_same_event_has_the_same_bytes() -> None:
    one, other = (encode_cloudevent(EventType.EVENT_REJECTED, "i", "s", "m", 0, REJECTED) for _ in range(2))
    assert one == other


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001  it is given one below
def test_times_are_written_as_pythons_own_calendar_writes_them(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    assert rfc3339(milliseconds) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_data_that_comes_out_has_no_field_that_is_not_described() -> None:
    with pytest.raises(ValidationError, match="extra"):
        RejectedData.model_validate({**REJECTED.model_dump(), "more": 1})
