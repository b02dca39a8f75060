"""The generated schemas: of this version, valid, and true of what is emitted."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]  # it has none
from pydantic import BaseModel

from driftd.config import Config
from driftd.contract.cloudevents import EventType
from driftd.contract.events_in import Label, Prediction
from driftd.contract.schemas import ADDRESSES, CHANNELS, EVENTS_IN, EVENTS_OUT, event_name, render
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent
from streams import FIRST_MS, Story, control, label, prediction, small_config
from test_engine import labelled
from test_engine import small_config as labels_only

ROOT = Path(__file__).parent.parent
SCHEMAS = {name: json.loads(text) for name, text in render().items()}
EVENT_FILES = sorted(name for name in SCHEMAS if name != "asyncapi.json")
OUT_FILES = {event.value: f"{event_name(event)}.json" for event in EventType}


def fields(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All properties in `schema`, at any depth, with their paths."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from fields(item, f"{path}[{index}]")
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{path}.{name}", field
        for name, part in schema.items():
            yield from fields(part, f"{path}.{name}")


@cache
def emitted() -> tuple[OutputEvent, ...]:
    """What the engine says of streams that have everything in them, and of requests: expired, verified, escalated."""
    told: list[OutputEvent] = []
    for seed in range(8):
        told += Engine(small_config()).apply(Story(seed, events=600).tell()).events
    engine = Engine(small_config())
    records = []
    for i in range(900):
        at_ms = FIRST_MS + i * 1000
        records.append(prediction(i, at_ms, features={"a": float(i % 7)}))
        records.append(label(i, at_ms, f"p{i}", "yes" if i < 500 or i % 2 else "no"))
    told += engine.apply([*records, control(0, FIRST_MS + 10 * 365 * 86_400_000, type="tick")]).events
    for wrong in (0.05, 0.7):
        engine = Engine(labels_only())
        out = control(0, FIRST_MS + 700_000, type="deployment", model="m", model_version="2")
        answered = [
            *labelled(600, 0.05),
            *labelled(100, 0.7, start=600),
            out,
            *labelled(300, wrong, start=700),
        ]
        told += engine.apply(answered).events
    return tuple(event for event in told if event.value)


def test_the_committed_files_are_those_of_this_version() -> None:
    committed = {path.name: path.read_bytes() for path in (ROOT / "schemas").iterdir()}
    assert committed == {name: text.encode() for name, text in render().items()}, "run `driftd schema write`"


def test_each_file_ends_with_one_newline() -> None:
    assert all(text.endswith("}\n") for text in render().values())


def test_there_is_one_file_for_each_event() -> None:
    assert set(EVENT_FILES) == {f"{name}.json" for name in EVENTS_IN} | set(OUT_FILES.values())
    assert set(EVENTS_OUT) == set(EventType)


@pytest.mark.parametrize("name", EVENT_FILES)
def test_each_schema_is_one_by_its_meta_schema(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_each_schema_has_a_name_of_its_own() -> None:
    assert len({SCHEMAS[name]["$id"] for name in EVENT_FILES}) == len(EVENT_FILES)


@pytest.mark.parametrize("name", EVENT_FILES)
def test_each_field_says_what_it_is(name: str) -> None:
    silent = [path for path, field in fields(SCHEMAS[name], name) if not field.get("description")]
    assert silent == []


@pytest.mark.parametrize("name", EVENT_FILES)
def test_each_time_and_each_share_says_its_unit(name: str) -> None:
    units = {"_ms": ("milliseconds", "-1 where it has none"), "_share": ("0 to 1",), "_bytes": ("bytes",)}
    for path, field in fields(SCHEMAS[name], name):
        for ending, words in units.items():
            if path.endswith(ending):
                assert any(word in field["description"] for word in words), path


def test_the_asyncapi_document_is_one_by_its_meta_schema() -> None:
    meta = json.loads((ROOT / "tests" / "data" / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
    validator = Draft7Validator(meta)
    assert [error.message for error in validator.iter_errors(SCHEMAS["asyncapi.json"])] == []
    broken = {**SCHEMAS["asyncapi.json"], "channels": {"predictions": {"adress": "predictions"}}}
    assert not validator.is_valid(broken)


def test_what_the_asyncapi_document_refers_to_is_there() -> None:
    document = SCHEMAS["asyncapi.json"]

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, list):
            node = dict(enumerate(node))
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for part in node.values():
                yield from references(part)

    payloads = {found.removeprefix("./") for found in references(document) if found.startswith("./")}
    assert payloads == set(EVENT_FILES)
    for found in references(document):
        if found.startswith("#/"):
            part = document
            for step in found.removeprefix("#/").split("/"):
                part = part[step]


def test_each_event_is_in_one_channel_and_topics_are_those_of_the_configuration() -> None:
    carried = [message for _, _, messages in CHANNELS.values() for message in messages]
    # what is open now is said twice: in its own topic, and for those that come later
    assert sorted({f"{name}.json" for name in carried}) == EVENT_FILES
    again = [message for message in carried if carried.count(message) > 1]
    assert set(again) < set(CHANNELS["incidents"][2])
    topics = Config().topics
    configured = {name: getattr(topics, name) for name in ADDRESSES}
    assert {n: (t[0] if isinstance(t, list | tuple) else t) for n, t in configured.items()} == dict(ADDRESSES)


def test_the_engine_emits_each_kind_of_event_here() -> None:
    assert {event.event_type for event in emitted()} == set(OUT_FILES)


@pytest.mark.parametrize("event_type", sorted(OUT_FILES))
def test_what_the_engine_emits_is_as_the_schema_says(event_type: str) -> None:
    schema = SCHEMAS[OUT_FILES[event_type]]
    validator = Draft202012Validator(schema)
    documents = [json.loads(event.value) for event in emitted() if event.event_type == event_type]
    for document in documents:
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
        # the schema is open, the models are not: nothing is said that is not described
        EVENTS_OUT[EventType(event_type)].model_validate(document["data"])
        assert document["dataschema"] == f"{schema['$id']}#data"


@pytest.mark.parametrize("event_type", sorted(OUT_FILES))
def test_headers_are_as_the_asyncapi_document_says(event_type: str) -> None:
    name = OUT_FILES[event_type].removesuffix(".json")
    headers = Draft202012Validator(SCHEMAS["asyncapi.json"]["components"]["messages"][name]["headers"])
    for event in (event for event in emitted() if event.event_type == event_type):
        texts = {key: value.decode() for key, value in event.headers}
        document = json.loads(event.value)
        assert headers.is_valid(texts)
        assert {key: document[key.removeprefix("ce_")] for key in texts if key != "content-type"} == {
            key: text for key, text in texts.items() if key != "content-type"
        }


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (Prediction, {"prediction_id": "1", "model": "m", "at_ms": 0, "features": {"a": 1.5, "b": None}}),
        (Prediction, {"prediction_id": "1", "model": "m", "at_ms": 0, "features": {"a": []}}),
        (Prediction, {"prediction_id": "", "model": "m", "at_ms": 0, "features": {}}),
        (Prediction, {"prediction_id": "1", "model": "a b", "at_ms": 0, "features": {}}),
        (Prediction, {"prediction_id": "1", "model": "m", "at_ms": 4_102_444_800_000, "features": {}}),
        (Prediction, {"prediction_id": "1", "model": "m", "at_ms": "0", "features": {}}),
        (Label, {"prediction_id": "1", "model": "m", "at_ms": 0, "label": True, "weight": -1}),
        (Label, {"prediction_id": "1", "model": "m", "at_ms": 0, "label": True, "weight": 1, "more": 1}),
        (Label, {"prediction_id": "1", "model": "m", "at_ms": 0}),
    ],
)
def test_schemas_accept_what_the_models_accept(model: type[BaseModel], document: dict[str, object]) -> None:
    try:
        model.model_validate(document)
        accepted = True
    except ValueError:
        accepted = False
    assert Draft202012Validator(SCHEMAS[f"{model.__name__.lower()}.json"]).is_valid(document) == accepted
