"""Events that go in. Rule: these models define what is accepted; faster ways are measured against them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

TIME_MAX_MS = 4_102_444_800_000
"""1 January 2100: an event time beyond it is a mistake of unit, and would stop all clocks that move by it."""
ID_LENGTH_MAX = 200
MODEL_LENGTH_MAX = 100
MODEL_PATTERN = r"^[!-~]+$"

EventId: TypeAlias = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX)]
ModelName: TypeAlias = Annotated[str, Field(min_length=1, max_length=MODEL_LENGTH_MAX, pattern=MODEL_PATTERN)]
Version: TypeAlias = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX)]
TimeMs: TypeAlias = Annotated[int, Field(ge=0, lt=TIME_MAX_MS)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Value: TypeAlias = bool | Number | str
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX)]


class Event(BaseModel):
    """What all events that go in have in common: fields that are not known are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", protected_namespaces=())


class Prediction(Event):
    """One inference of a model."""

    prediction_id: EventId = Field(description="Identifies the prediction; its label carries the same id.")
    model: ModelName = Field(description="Name of the model, printable ASCII without spaces.")
    model_version: Version | None = Field(
        None, description="Version of the model; a version never seen before counts as a deployment."
    )
    at_ms: TimeMs = Field(description="When the inference was made, in milliseconds since 1970-01-01 UTC.")
    features: dict[Name, Value | None] = Field(
        description="What the model was given: number, text (its first 800 characters count), true, false, "
        "or null where missing."
    )
    prediction: Value | None = Field(None, description="What the model answered; null where it failed.")
    scores: dict[Name, Number] | None = Field(
        None, description="Probability of each class, between 0 and 1, by its name."
    )
    latency_ms: Number | None = Field(None, description="How long the inference took, in milliseconds.")
    error: str | None = Field(None, description="Why the inference failed; null where it did not.")
    segment: dict[Name, str] | None = Field(
        None, description="Names of the groups that the event belongs to."
    )


class Label(Event):
    """What turned out to be right for a prediction. A second one for the same prediction is a correction."""

    prediction_id: EventId = Field(description="The id of the prediction that this is the label of.")
    model: ModelName = Field(description="Name of the model that made the prediction.")
    label: Value = Field(description="What would have been right, as the prediction is written.")
    at_ms: TimeMs = Field(description="When the label became known, in milliseconds since 1970-01-01 UTC.")
    annotator: Name | None = Field(None, description="Who or what gave the label.")
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="How much the label counts, 1 where it is not given."
    )


class Deployment(Event):
    """A version of a model goes into production: its reference begins anew."""

    type: Literal["deployment"] = Field(description="Says what kind of event this is.")
    model: ModelName = Field(description="Name of the model.")
    model_version: Version = Field(description="The version that now answers.")
    at_ms: TimeMs = Field(description="When it went into production, in milliseconds since 1970-01-01 UTC.")
    request_id: EventId | None = Field(None, description="The retraining request that this answers.")
    reference: Name | None = Field(None, description="Name of the reference the version was tested on.")


class RetrainingReply(Event):
    """What became of a retraining request."""

    type: Literal["retraining_reply"] = Field(description="Says what kind of event this is.")
    request_id: EventId = Field(description="The request that this answers.")
    status: Literal["accepted", "rejected", "completed", "failed"] = Field(description="What became of it.")
    at_ms: TimeMs = Field(description="When, in milliseconds since 1970-01-01 UTC.")
    model_version: Version | None = Field(None, description="The version that the retraining made.")
    reason: Annotated[str, Field(max_length=1000)] | None = Field(None, description="Why, in words.")


class Command(Event):
    """A person's word on what driftd said."""

    type: Literal["command"] = Field(description="Says what kind of event this is.")
    action: Literal["silence", "maintenance", "expire", "acknowledge", "resolve", "reset"] = Field(
        description="silence: incidents that match wake nobody; maintenance: nor is retraining asked for, whatever "
        "happens; expire ends one of both; acknowledge: somebody is at work on an incident; resolve closes it; reset "
        "learns the model anew."
    )
    who: Name = Field(description="Who commands.")
    at_ms: TimeMs = Field(description="When, in milliseconds since 1970-01-01 UTC.")
    model: ModelName | None = Field(
        None, description="The model that is meant; of a silence or a maintenance a pattern with * and ?."
    )
    incident_id: EventId | None = Field(None, description="The incident that is meant; none: all that match.")
    kind: Name | None = Field(None, description="The kind of incident that is meant; none: all.")
    signals: list[Name] | None = Field(
        None,
        description="Of a silence: patterns with * and ?; an incident all of whose signals match is silenced.",
    )
    why: Annotated[str, Field(max_length=1000)] | None = Field(None, description="Why, in words.")
    from_ms: TimeMs | None = Field(
        None, description="From when on it holds, in milliseconds since 1970-01-01 UTC; none: at once."
    )
    until_ms: TimeMs | None = Field(
        None, description="Until when it holds, in milliseconds since 1970-01-01 UTC."
    )
    silence_id: EventId | None = Field(None, description="Of expire: the silence or maintenance that ends.")


class Tick(Event):
    """Time passes, though nothing happens."""

    type: Literal["tick"] = Field(description="Says what kind of event this is.")
    at_ms: TimeMs = Field(description="The time, in milliseconds since 1970-01-01 UTC.")


CONTROL_EVENTS: dict[str, type[Deployment | RetrainingReply | Command | Tick]] = {
    "deployment": Deployment,
    "retraining_reply": RetrainingReply,
    "command": Command,
    "tick": Tick,
}
