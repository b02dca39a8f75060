"""The API as OpenAPI 3.1, generated. Rule: schemas come from the models of contract and documents, pages from PAGES.

The shell routes by the same table, so that no page is without a description, and none is described that is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from driftd import __version__
from driftd.api.commands import ControlEvent
from driftd.api.documents import Accepted, ModelDocument, Models, Worker
from driftd.api.problems import CONTENT_TYPE, TITLES, Problem
from driftd.contract.events_in import Command, Deployment, RetrainingReply
from driftd.contract.events_out import AlertData, RetrainingData, SilenceData

Json: TypeAlias = dict[str, Any]
PREFIX: Final = "/api/v1"
REF: Final = "#/components/schemas/{model}"


class Page(StrEnum):
    """A page of the API; the value is its operation's id."""

    WORKER = "getStatus"
    MODELS = "listModels"
    MODEL = "getModel"
    INCIDENTS = "listIncidents"
    INCIDENT = "getIncident"
    REQUESTS = "listRequests"
    REQUEST = "getRequest"
    SILENCES = "listSilences"
    SILENCE = "getSilence"
    EVENTS = "streamChanges"
    COMMANDS = "postCommand"
    REPLIES = "postReply"
    DEPLOYMENTS = "postDeployment"
    OPENAPI = "getOpenapi"


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Where a page is and what it is for; `takes` is the body, `gives` the answer or, in a list, each of it."""

    method: str
    path: str
    about: str
    gives: type[BaseModel] | None = None
    many: str | None = None
    takes: type[ControlEvent] | None = None
    filters: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()


# fmt: off
PAGES: Final[Mapping[Page, PageFacts]] = {
    Page.WORKER: PageFacts("GET", "/status", "This worker: its shards, and whether it is ready.", Worker),
    Page.MODELS: PageFacts("GET", "/models", "The models that this worker watches, in short.", Models),
    Page.MODEL: PageFacts(
        "GET", "/models/{name}", "One model, with all that is known of it.", ModelDocument, problems=(404,)
    ),
    Page.INCIDENTS: PageFacts(
        "GET", "/incidents", "What is open now, of all models and shards.", AlertData, many="incidents",
        filters=("model", "kind", "severity"), problems=(422, 503),
    ),
    Page.INCIDENT: PageFacts("GET", "/incidents/{id}", "One open incident.", AlertData, problems=(404, 503)),
    Page.REQUESTS: PageFacts(
        "GET", "/requests", "Retraining requests in flight.", RetrainingData, many="requests", filters=("model",),
        problems=(422, 503),
    ),
    Page.REQUEST: PageFacts(
        "GET", "/requests/{id}", "One retraining request in flight.", RetrainingData, problems=(404, 503)
    ),
    Page.SILENCES: PageFacts(
        "GET", "/silences", "Silences and maintenance windows.", SilenceData, many="silences", problems=(422, 503),
    ),
    Page.SILENCE: PageFacts("GET", "/silences/{id}", "One silence.", SilenceData, problems=(404, 503)),
    Page.EVENTS: PageFacts(
        "GET", "/events", "Each change of what is open, as server-sent events: `snapshot` with all that is open first, "
        "or what came after Last-Event-ID; `changed` with the CloudEvent; `over`; `dropped` with the reason before the "
        "stream of a client that lags is ended. Each id is that of the CloudEvent.", problems=(429, 503),
    ),
    Page.COMMANDS: PageFacts(
        "POST", "/commands", "Silence, acknowledge, resolve, reset, ...: a command of a person.", Accepted,
        takes=Command, problems=(400, 413, 415, 422, 503),
    ),
    Page.REPLIES: PageFacts(
        "POST", "/replies", "What became of a retraining request.", Accepted, takes=RetrainingReply,
        problems=(400, 413, 415, 422, 503),
    ),
    Page.DEPLOYMENTS: PageFacts(
        "POST", "/deployments", "A version of a model went into production.", Accepted, takes=Deployment,
        problems=(400, 413, 415, 422, 503),
    ),
    Page.OPENAPI: PageFacts("GET", "/openapi.json", "This document."),
}
PARAMETERS: Final[Mapping[str, str]] = {
    "id": "The id, as events and lists tell it.",
    "name": "Name of the model.",
    "model": "Only of this model; a pattern with * and ?.",
    "kind": "Only of this kind, as data_drift.",
    "severity": "Only of this severity: info, warning or critical.",
    "Last-Event-ID": "The last event that was seen.",
}
# fmt: on
FILLED: Final = frozenset({"type", "at_ms", "who"})
"""Fields of a body that may be left out here: the API fills them in."""


def openapi_document() -> Json:
    """The whole document. The same contract gives the same document."""
    models = {model for page in PAGES.values() for model in (page.gives, page.takes) if model is not None} | {
        Problem
    }
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=REF)
    definitions = schemas["$defs"]
    for definition in definitions.values():
        definition.pop("additionalProperties", None)  # of a worker that is newer there may be more
    for model in (page.takes for page in PAGES.values()):
        if model is not None:
            definition = definitions[model.__name__]
            definition["required"] = [name for name in definition["required"] if name not in FILLED]
            definition["additionalProperties"] = False
    paths: dict[str, Json] = {}
    for page, facts in PAGES.items():
        paths.setdefault(PREFIX + facts.path, {})[facts.method.lower()] = _operation(page, facts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "driftd",
            "version": __version__,
            "summary": "What is open, how models are, and commands.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": {str(status): _problem(status) for status in TITLES},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where `http.token_env` is set; on loopback it need not be.",
                }
            },
        },
    }


def _operation(page: Page, facts: PageFacts) -> Json:
    operation: Json = {"operationId": page.value, "summary": facts.about}
    if parameters := _parameters(page, facts):
        operation["parameters"] = parameters
    if facts.takes is not None:
        schema = {"$ref": REF.format(model=facts.takes.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    status = "202" if facts.takes is not None else "200"
    problems = sorted({401, 403, *facts.problems})
    operation["responses"] = {
        status: {"description": facts.about, "content": _content(page, facts)},
        **{str(problem): {"$ref": f"#/components/responses/{problem}"} for problem in problems},
    }
    return operation


def _parameters(page: Page, facts: PageFacts) -> list[Json]:
    in_path = [part[1:-1] for part in facts.path.split("/") if part.startswith("{")]
    named = [("path", name) for name in in_path] + [("query", name) for name in facts.filters]
    if page is Page.EVENTS:
        named.append(("header", "Last-Event-ID"))
    return [
        {
            "name": name,
            "in": where,
            "required": where == "path",
            "description": PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for where, name in named
    ]


def _content(page: Page, facts: PageFacts) -> Json:
    if page is Page.EVENTS:
        return {"text/event-stream": {"schema": {"type": "string"}}}
    if facts.gives is None:
        return {"application/json": {"schema": {"type": "object"}}}
    schema: Json = {"$ref": REF.format(model=facts.gives.__name__)}
    if facts.many is not None:
        schema = {
            "type": "object",
            "properties": {
                facts.many: {"type": "array", "items": schema},
                "stale": {
                    "type": "boolean",
                    "description": "Whether the brokers do not answer: it is then the last that was known.",
                },
                "stale_since_ms": {
                    "type": ["integer", "null"],
                    "description": "Since when, in milliseconds since 1970-01-01 UTC.",
                },
                "not_held": {
                    "type": "integer",
                    "description": "What was too much to be held, and is missing here.",
                },
            },
            "required": [facts.many, "stale", "stale_since_ms", "not_held"],
        }
    return {"application/json": {"schema": schema}}


def _problem(status: int) -> Json:
    schema = {"$ref": REF.format(model=Problem.__name__)}
    return {"description": TITLES[status][1], "content": {CONTENT_TYPE: {"schema": schema}}}
