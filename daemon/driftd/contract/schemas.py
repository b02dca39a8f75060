"""The schemas of all events, generated. Rule: the contract's models are the one source.

One JSON Schema 2020-12 file per event, and `asyncapi.json` (AsyncAPI 3.0), that says what topics carry.
An event that comes out is described whole, envelope and data; its `dataschema` names the part about its data.
Objects may have more fields than these: readers ignore what they do not know, so a new field breaks nobody.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from driftd.contract.cloudevents import EventType, data_schema_urn, schema_urn
from driftd.contract.events_in import CONTROL_EVENTS, Label, Prediction
from driftd.contract.events_out import AlertData, RejectedData, RetrainingData, SilenceData

Json: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
PAYLOAD_FORMAT: Final = "application/schema+json;version=draft-2020-12"
VERSION: Final = "1.0.0"
"""Of the contract: what is added raises the middle number; what breaks a reader is a new type, `.v2`."""

EVENTS_IN: Final[Mapping[str, type[BaseModel]]] = {
    "prediction": Prediction,
    "label": Label,
    **CONTROL_EVENTS,
}
EVENTS_OUT: Final[Mapping[EventType, type[BaseModel]]] = {
    EventType.ALERT_OPENED: AlertData,
    EventType.ALERT_UPDATED: AlertData,
    EventType.ALERT_RESOLVED: AlertData,
    EventType.RETRAINING_REQUESTED: RetrainingData,
    EventType.RETRAINING_CANCELLED: RetrainingData,
    EventType.RETRAINING_VERIFIED: RetrainingData,
    EventType.RETRAINING_ESCALATED: RetrainingData,
    EventType.SILENCE_BEGUN: SilenceData,
    EventType.EVENT_REJECTED: RejectedData,
}
MEANINGS: Final[Mapping[EventType, str]] = {
    EventType.ALERT_OPENED: "An incident was opened.",
    EventType.ALERT_UPDATED: "An open incident has changed, or is still there.",
    EventType.ALERT_RESOLVED: "An incident is over.",
    EventType.RETRAINING_REQUESTED: "A model should go back to an earlier stage and come back renewed.",
    EventType.RETRAINING_CANCELLED: "A request is over without a new version: taken back, refused, failed or expired.",
    EventType.RETRAINING_VERIFIED: "The new version that answered a request ends what was asked about.",
    EventType.RETRAINING_ESCALATED: "The new version did not help: the next request goes back to an earlier stage.",
    EventType.SILENCE_BEGUN: "Incidents that match wake nobody for a time.",
    EventType.EVENT_REJECTED: "An event that came in could not be taken.",
}

ATTRIBUTES: Final[Mapping[str, str]] = {
    "specversion": "Version of CloudEvents.",
    "id": "Identifies the event; derived from what decided it, so that an event sent twice has one id.",
    "source": "Who publishes it.",
    "type": "What kind of event it is.",
    "subject": "Name of the model.",
    "time": "Time of the event that decided it, RFC 3339 in UTC, to the millisecond.",
    "dataschema": "The schema of the data.",
    "datacontenttype": "Media type of the data.",
    "data": "The event itself.",
}

SEQUENCE: Final = (
    "Number of the event in all that the source sends for the model: a decimal number, one more each time. Numbers "
    "that never come are told as an incident of kind silence."
)

CHANNELS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "predictions": ("receive", "Inferences of all models.", ("prediction",)),
    "labels": ("receive", "What turned out to be right.", ("label",)),
    "control": ("receive", "Deployments, replies, commands and ticks.", tuple(CONTROL_EVENTS)),
    "alerts": (
        "send", "Incidents: opened, updated, resolved.", ("alert_opened", "alert_updated", "alert_resolved"),
    ),
    "retraining": (
        "send", "Retraining requests, and what became of them.",
        ("retraining_requested", "retraining_cancelled", "retraining_verified", "retraining_escalated"),
    ),
    "incidents": (
        "send", "What is open now, compacted: the last event of each incident, request, silence; null when it is over.",
        ("alert_opened", "alert_updated", "retraining_requested", "silence_begun"),
    ),
    "rejected": ("send", "Events that could not be taken, and why.", ("event_rejected",)),
}  # fmt: skip
"""By name in `[topics]`: what driftd does with it, what it is, and the events that it carries."""

ADDRESSES: Final[Mapping[str, str]] = {
    "predictions": "predictions",
    "labels": "labels",
    "control": "driftd.control",
    "alerts": "driftd.alerts",
    "retraining": "driftd.retraining",
    "incidents": "driftd.incidents",
    "rejected": "driftd.rejected",
}
"""Names of topics where `[topics]` in config.toml says nothing else."""


def render() -> Mapping[str, str]:
    """The text of each schema file by its name. The same contract gives the same bytes."""
    schemas = {name: _schema_in(name, model) for name, model in EVENTS_IN.items()}
    schemas |= {event_name(event): _schema_out(event, data) for event, data in EVENTS_OUT.items()}
    documents = {**schemas, "asyncapi": _asyncapi(schemas)}
    return {
        f"{name}.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for name, document in sorted(documents.items())
    }


def event_name(event: EventType) -> str:
    """The short name of an event that comes out.

    >>> event_name(EventType.ALERT_OPENED)
    'alert_opened'
    """
    return "_".join(event.value.split(".")[2:4])


def _schema_in(name: str, model: type[BaseModel]) -> Json:
    head = {"$schema": DIALECT, "$id": schema_urn(f"{name}.v1")}
    return head | _generated(model)


def _schema_out(event: EventType, data: type[BaseModel]) -> Json:
    generated = _generated(data)
    definitions = generated.pop("$defs", {})
    data_schema = {"$ref": f"#/$defs/{data.__name__}", "description": ATTRIBUTES["data"]}
    return {
        "$schema": DIALECT,
        "$id": schema_urn(event.value),
        "title": event.value,
        "description": MEANINGS[event],
        "type": "object",
        "properties": {**_attributes(event), "data": data_schema},
        "required": list(ATTRIBUTES),
        "$defs": {data.__name__: {"$anchor": "data", **generated}, **definitions},
    }


def _attributes(event: EventType) -> Json:
    """The attributes of the envelope, data excepted."""
    fixed = {
        "specversion": "1.0",
        "type": event.value,
        "dataschema": data_schema_urn(event.value),
        "datacontenttype": "application/json",
    }
    attributes: Json = {}
    for name, description in ATTRIBUTES.items():
        if name == "data":
            continue
        attributes[name] = {"type": "string", "description": description}
        attributes[name] |= {"const": fixed[name]} if name in fixed else {"minLength": 1}
    attributes["time"]["format"] = "date-time"
    return attributes


def _generated(model: type[BaseModel]) -> Json:
    """Pydantic's schema, open to more fields and without titles of fields, which only repeat their names."""
    schema = _opened(model.model_json_schema())
    schema["$defs"] = {name: _opened(part) for name, part in schema.pop("$defs", {}).items()}
    if not schema["$defs"]:
        del schema["$defs"]
    return {"title": model.__name__, **schema}


def _opened(schema: Json) -> Json:
    kept = {key: part for key, part in schema.items() if key not in ("title", "additionalProperties")}
    for field in kept.get("properties", {}).values():
        field.pop("title", None)
    return kept


def _asyncapi(schemas: Mapping[str, Json]) -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "driftd",
            "version": VERSION,
            "description": "Inference events in, alerts and retraining requests out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name) for name in CHANNELS},
        "operations": {name: _operation(name) for name in CHANNELS},
        "components": {"messages": {name: _message(name, schema) for name, schema in schemas.items()}},
    }


def _channel(name: str) -> Json:
    _, description, messages = CHANNELS[name]
    return {
        "address": ADDRESSES[name],
        "description": f"{description} The name is `topics.{name}` in config.toml.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
    }


def _operation(name: str) -> Json:
    action, description, messages = CHANNELS[name]
    return {
        "action": action,
        "summary": description,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in messages],
    }


def _message(name: str, schema: Json) -> Json:
    event = next((event for event in EVENTS_OUT if event_name(event) == name), None)
    return {
        "name": name,
        "summary": schema["description"],
        "contentType": "application/json" if event is None else "application/cloudevents+json",
        "headers": _headers_in(name) if event is None else _headers_out(event),
        "payload": {"schemaFormat": PAYLOAD_FORMAT, "schema": {"$ref": f"./{name}.json"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": "Name of the model."}}},
    }


def _headers_in(name: str) -> Json:
    """Producers may send the event as it is, or as a CloudEvent: structured, or binary with these headers."""
    headers = {
        f"ce_{attribute}": {"type": "string", "description": ATTRIBUTES[attribute]}
        for attribute in ("specversion", "id", "source", "type")
    }
    if name in ("prediction", "label"):
        headers["ce_sequence"] = {"type": "string", "description": SEQUENCE}
    description = f"Only where the {name} is sent as a CloudEvent in binary form; driftd does not need them."
    return {"type": "object", "description": description, "properties": headers}


def _headers_out(event: EventType) -> Json:
    headers = {f"ce_{name}": text for name, text in _attributes(event).items() if name != "datacontenttype"}
    headers["content-type"] = {"type": "string", "description": "Media type of the value."}
    return {"type": "object", "properties": headers, "required": list(headers)}
