"""What the API tells of models, shards and the worker. Rule: what cannot be judged is a state of its own, never quiet.

`cannot_judge` names what cannot be judged and why, also of a model that is watched: signals, silent feeds, performance.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """What all documents have in common: they are values, and every field says what it is."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), from_attributes=True)


class Unjudged(Document):
    """Something that cannot be judged now."""

    what: str = Field(
        description="model, performance, a signal by its path, or a feed: predictions, labels, ..."
    )
    why: str = Field(description="Why, in words.")


class FigureDocument(Document):
    """A figure with its interval, null where there is none."""

    value: float = Field(description="The figure.")
    low: float | None = Field(description="Lower end of its interval.")
    high: float | None = Field(description="Upper end of its interval.")


class PeriodDocument(Document):
    """How a model did over a stretch of time, by the times of its predictions."""

    start_ms: int = Field(description="Begin, in milliseconds since 1970-01-01 UTC.")
    end_ms: int = Field(description="End, excluded, in milliseconds since 1970-01-01 UTC.")
    predictions: int = Field(description="Predictions of that time.")
    labels: int = Field(description="Labels that they have so far.")
    immature: str | None = Field(
        description="Why the period cannot be judged, in words; null where it can be."
    )
    as_labelled: dict[str, float] = Field(description="What the labels so far say, by name of the figure.")
    realised: dict[str, FigureDocument] = Field(
        description="The same corrected for who is labelled early; none while the period cannot be judged."
    )
    estimated: dict[str, FigureDocument] = Field(
        description="What was to be expected of it without its labels."
    )
    share_final: float | None = Field(
        description="Share of its predictions that will ever be labelled, 0 to 1."
    )
    share_of_final: float | None = Field(description="Share of these labels that is here, 0 to 1.")


State = Literal["cannot_judge", "incident", "partly_judged", "quiet"]


class ModelSummary(Document):
    """One model, in short."""

    name: str = Field(description="Name of the model.")
    version: str | None = Field(description="Its version, null where events carry none.")
    shard: int = Field(description="The shard that watches it.")
    state: State = Field(
        description="cannot_judge: nothing can be said of it now; incident: something is open; partly_judged: nothing "
        "is open, and some of it cannot be judged; quiet: all is judged, and nothing is open."
    )
    phase: str = Field(description="learning, reference (is being counted), watching or silent.")
    cannot_judge: list[Unjudged] = Field(description="What cannot be judged, and why.")
    events_missing: int = Field(description="Events until all of it can be judged, as far as that is known.")
    open_incidents: list[str] = Field(description="Kinds of the incidents that are open.")
    request: str | None = Field(
        description="Phase of the retraining request in flight, null where there is none."
    )
    predictions: int = Field(description="Predictions watched.")
    labels_joined: int = Field(description="Labels that found their prediction.")
    performance: PeriodDocument | None = Field(
        description="The latest period that can be judged, null for none."
    )
    latest: PeriodDocument | None = Field(description="The latest period, judged or not, null for none.")


class ModelDocument(ModelSummary):
    """One model, with all that is known of it."""

    clock_ms: int = Field(description="Latest event time of its shard, in milliseconds since 1970-01-01 UTC.")
    waiting_predictions: int = Field(description="Predictions that wait for their label.")
    waiting_labels: int = Field(description="Labels that wait for their prediction.")
    waiting_bytes: int = Field(description="Memory that both take, in bytes.")
    unstable: dict[str, int] = Field(
        description="Signals that changed while the reference was counted, and when, in milliseconds since 1970."
    )
    over_budget: list[str] = Field(
        description="Detectors whose share of the false-alarm budget no calibration reaches."
    )
    newcomers: list[str] = Field(description="Features of the events that the reference does not have.")
    periods: list[PeriodDocument] = Field(description="The periods that are held, in order of time.")
    counters: dict[str, int] = Field(description="What was counted, as in /metrics.")
    producers: list["ProducerDocument"] = Field(
        description="What is counted of producers that number their events."
    )


class ProducerDocument(Document):
    """One figure of a producer that numbers its events."""

    source: str = Field(description="The producer, as the CloudEvents attribute source names it.")
    what: str = Field(description="missing, late, repeated, restarts or unjudged.")
    count: int = Field(description="How many.")


class Models(Document):
    """The models that this worker watches. What other workers own is not among them: `shards` says whose it is."""

    models: list[ModelSummary] = Field(description="The models, by name.")
    shards: list[int] = Field(description="The shards that this worker owns.")
    shard_count: int = Field(description="How many shards there are.")


class PartitionLag(Document):
    """How far one partition is ahead."""

    topic: str = Field(description="Topic of the partition.")
    partition: int = Field(description="The partition.")
    records: int = Field(description="Records that were not applied yet.")


class ShardDocument(Document):
    """One shard that this worker owns."""

    shard: int = Field(description="Number of the shard, from 0.")
    phase: str = Field(description="starting, running, retrying, fenced, failed or stopped.")
    reason: str = Field(description="Why it is not running, empty where it is.")
    lag_records: int = Field(description="Records of all its partitions that were not applied yet.")
    lags: list[PartitionLag] = Field(description="The same, partition by partition.")
    records: dict[str, int] = Field(description="Records applied since the process began, by topic.")
    published: dict[str, int] = Field(description="Events published since the process began, by type.")
    commits: int = Field(description="Transactions committed since the process began.")
    restarts: int = Field(description="How often it went back to its store.")
    state_bytes: int = Field(description="Size of its stored state, in bytes.")
    clock_ms: int = Field(description="Latest event time, in milliseconds since 1970-01-01 UTC.")
    models: int = Field(description="How many models it watches.")


class OpenNow(Document):
    """How what is open is known: out of the compacted topic of all shards."""

    complete: bool = Field(description="Whether the topic has been read to its end once.")
    stale: bool = Field(
        description="Whether the brokers do not answer, so that it is the last that was known."
    )
    stale_since_ms: int | None = Field(description="Since when, in milliseconds since 1970-01-01 UTC.")
    incidents: int = Field(description="How many incidents are open.")
    requests: int = Field(description="How many retraining requests are in flight.")
    silences: int = Field(description="How many silences hold or will hold.")
    unreadable: int = Field(description="Records of the topic that are none of driftd's.")
    not_held: int = Field(description="What was too much to be held (64 MiB).")


class Worker(Document):
    """This worker."""

    version: str = Field(description="The version of driftd that runs.")
    ready: bool = Field(description="What /readyz says.")
    reasons: list[str] = Field(description="Why it is not ready, none where it is.")
    stand_by: bool = Field(description="Whether it owns no shard, and waits to take over.")
    shards: list[ShardDocument] = Field(description="The shards that it owns.")
    shard_count: int = Field(description="How many shards there are.")
    open_now: OpenNow = Field(description="How what is open is known here.")


class Placed(Document):
    """Where a record was written."""

    topic: str = Field(description="Topic of the record.")
    partition: int = Field(description="Partition of the record.")
    offset: int = Field(description="Offset of the record; an answer in driftd.rejected carries all three.")


class Accepted(Document):
    """An event that was written to the control topic; whether it can be followed is the engine's to say."""

    records: list[Placed] = Field(
        description="The records: one, or one for each shard where no model says to which it belongs."
    )


ModelDocument.model_rebuild()

WHY_LEARNING = "its features are being learned: {missing:,} events to go"
WHY_REFERENCE = "its reference is being counted: {missing:,} events to go"
WHY_WANDERS = "it wanders too much for so short a reference"
WHY_ABSENT = "none of the latest events has a value of it"
WHY_NO_LABELS = "no label has found its prediction yet"
WHY_NO_PERIOD = "no period of time is over yet"
PHASES_UNJUDGED: Mapping[str, str] = {"learning": WHY_LEARNING, "reference": WHY_REFERENCE}
"""Phases in which nothing is judged yet, and why."""
