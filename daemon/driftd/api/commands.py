"""Events that come in by HTTP, on their way to the control topic. Rule: the contract's models say what is right.

What the caller leaves out is filled in: the kind of event (the page says it), the time, and of a command who. Fields
that the contract does not know are ignored in Kafka; here they are refused, for the caller is there to be told.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
from pydantic import ValidationError

from driftd.api.problems import ApiProblem, FieldProblem
from driftd.api.standing import Standing
from driftd.contract.events_in import CONTROL_EVENTS, Command, Deployment, RetrainingReply
from driftd.contract.standing import Subject
from driftd.suggestion import suggestion

BODY_BYTES_MAX: Final = 64 * 1024
ControlEvent: TypeAlias = Command | RetrainingReply | Deployment


def read_event(model: type[ControlEvent], body: bytes, filled: Mapping[str, Any]) -> ControlEvent:
    """The event in `body`, with what is `filled` where it says nothing. Raises ApiProblem."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiProblem(400, f"The body is no JSON: {error}. Send one JSON object.") from None
    if not isinstance(document, dict):
        raise ApiProblem(400, "The body is JSON, but no object. Send one JSON object.")
    known = model.model_fields
    wrong = [
        FieldProblem(pointer=_pointer((name,)), detail=f"There is no such field. {suggestion(name, known)}")
        for name in document
        if name not in known
    ]
    kind = next(name for name, one in CONTROL_EVENTS.items() if one is model)
    event = None
    try:
        event = model.model_validate({"type": kind, **filled, **document})
    except ValidationError as error:
        wrong += [field_problem(model, one["loc"], one["msg"]) for one in error.errors(include_url=False)]
    if wrong or event is None:
        raise ApiProblem(422, " ".join(f"{one.pointer[2:]}: {one.detail}" for one in wrong), wrong)
    return event


def field_problem(model: type[ControlEvent], location: tuple[int | str, ...], message: str) -> FieldProblem:
    """What pydantic says of a field, with what the contract says of it."""
    field = model.model_fields.get(str(location[0])) if location else None
    about = f" ({(field.description or '').rstrip('.')})" if field is not None else ""
    return FieldProblem(pointer=_pointer(location), detail=f"{message}{about}.")


def control_value(event: ControlEvent) -> bytes:
    """`event` as the control topic carries it."""
    return event.model_dump_json(exclude_none=True).encode()


def model_of(event: ControlEvent, standing: Standing | None) -> str | None:
    """The one model that `event` is about, out of what is open where the event names only an id; None for several."""
    if isinstance(event, Deployment):
        return event.model
    if isinstance(event, RetrainingReply):
        return _model_in(standing, Subject.REQUEST, event.request_id)
    if event.model is not None and not set(event.model) & set("*?"):
        return event.model
    if event.incident_id is not None:
        return _model_in(standing, Subject.INCIDENT, event.incident_id)
    return None


def _model_in(standing: Standing | None, subject: Subject, entry_id: str) -> str | None:
    entry = None if standing is None else standing.find(subject, entry_id)
    return None if entry is None else entry.facts.model


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "#/" + "/".join(parts)
