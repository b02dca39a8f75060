"""Events that come out: the data of the CloudEvents that driftd publishes."""

from pydantic import BaseModel, ConfigDict, Field

from driftd.contract.rejection import RejectionReason


class Data(BaseModel):
    """What the data of all events that come out have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class PlaceData(Data):
    """A record and the time of its event."""

    at_ms: int = Field(description="Time of the event, in milliseconds since 1970-01-01 UTC.")
    topic: str = Field(description="Topic of the record.")
    partition: int = Field(description="Partition of the record.")
    offset: int = Field(description="Offset of the record.")


class Figures(Data):
    """One signal over some events. Quantiles are to the width of a bin, null outside of the bins."""

    count: int = Field(description="How many events these figures are of.")
    missing_share: float = Field(description="Share of the events without a value, 0 to 1.")
    invalid_share: float = Field(description="Share of the events with a value of the wrong type, 0 to 1.")
    outside_share: float = Field(
        description="Share of the values far outside the reference's range, or of unseen levels, 0 to 1."
    )
    mean: float | None = Field(None, description="Mean of the values, in the signal's unit.")
    p10: float | None = Field(None, description="10 % of the values are below, in the signal's unit.")
    p50: float | None = Field(None, description="Median, in the signal's unit.")
    p90: float | None = Field(None, description="90 % of the values are below, in the signal's unit.")
    top: dict[str, float] | None = Field(None, description="Share of the most frequent levels, 0 to 1.")


class ClaimData(Data):
    """What is found about something that is no signal of the event, such as who gives labels. `change` says it."""

    parties: list[str] = Field(description="Whom it is about, in order: classes, annotators, styles.")
    before: float = Field(
        description="The figure that is told, as it was, or as it was to be expected: a share of 0 to 1, "
        "milliseconds, or an error in the unit of what is predicted."
    )
    after: float = Field(description="The same since the change.")
    events: int = Field(description="How many labels `after` rests on.")


class Contributor(Data):
    """One signal's part in an incident."""

    signal: str = Field(
        description="The signal, named by its path in the event; labels.<what> or performance.<what> for a claim."
    )
    effect: str = Field(
        description="What changed about it: shift, missing, unseen, outside, invalid, labels or diverges (labels say "
        "otherwise than what was expected without them); silence, rate, burns or burns_fast where it is told by ticks."
    )
    detector: str = Field(description="The detector that found it.")
    strength: float = Field(description="How many times the detector's limit was reached, 1 or more.")
    share: float = Field(description="Its share in the strength of all contributors, 0 to 1.")
    change: str = Field(description="The change in words.")
    before: Figures | None = Field(description="The signal in the reference; null where there is a claim.")
    after: Figures | None = Field(
        description="The signal in the window that decided; null where there is a claim."
    )
    claim: ClaimData | None = Field(
        None, description="What is found about labels, or by periods; null for signals."
    )


class HarmData(Data):
    """Whether the model errs more since the change."""

    verdict: str = Field(
        description="harmful, benign, pending (too little to judge by yet) or unknown (nothing to judge by)."
    )
    basis: str = Field(description="What it rests on: labels, scores (what the model expects) or nothing.")
    risk_before: float | None = Field(description="Mean error or loss in the reference.")
    risk_after: float | None = Field(description="Mean error or loss since the change.")
    events: int = Field(description="How many events since the change these are of.")
    drift: str = Field(
        description="virtual (the inputs moved, the error did not), real (the error moved, the inputs did not), both, "
        "or unknown (without enough labels)."
    )


class AlertData(Data):
    """An incident was opened, has changed, or is over."""

    incident_id: str = Field(description="Identifies the incident in all its alerts.")
    model: str = Field(description="Name of the model; - where it is about all models of a shard.")
    model_version: str | None = Field(description="Version of the model, null where events carry none.")
    kind: str = Field(
        description="data_drift, concept_drift, performance, data_quality, label_quality, operations "
        "or silence."
    )
    severity: str = Field(description="info, warning or critical.")
    stage: str = Field(description="Stage to go back to: data, labels, modeling or deployment.")
    phase: str = Field(description="open or resolved.")
    cause: str = Field(description="Why this is published now.")
    summary: str = Field(description="What happened, for a person.")
    onset: PlaceData = Field(description="Where the change began, as far as can be told.")
    detected: PlaceData = Field(description="The record that decided to open the incident.")
    decided: PlaceData = Field(description="The record that decided this alert.")
    opened_at_ms: int = Field(description="When it was opened, in milliseconds since 1970-01-01 UTC.")
    contributors: list[Contributor] = Field(description="The signals that changed, the strongest first.")
    contributors_total: int = Field(description="How many signals changed, listed or not.")
    harm: HarmData | None = Field(
        None, description="Whether the model errs more; null where it is not asked."
    )
    replay: str = Field(description="The command that replays it.")


class DataRange(Data):
    """Which part of the streams a request speaks of."""

    from_at_ms: int = Field(description="Begin of the change, in milliseconds since 1970-01-01 UTC.")
    to_at_ms: int = Field(description="When it was decided, in milliseconds since 1970-01-01 UTC.")
    onset: PlaceData = Field(description="The first record of the change, as far as can be told.")
    detected: PlaceData = Field(description="The record that decided.")


class RetrainingData(Data):
    """A request to go back to an earlier stage and to come back with a new version; or its end."""

    request_id: str = Field(description="Identifies the request; replies and the deployment carry it.")
    model: str = Field(description="Name of the model.")
    model_version: str | None = Field(description="The version that is to be replaced.")
    incident_ids: list[str] = Field(description="The incidents that ask for it.")
    cause: str = Field(description="The kind of the leading incident.")
    stage: str = Field(description="Stage to go back to: data, labels, modeling or deployment.")
    phase: str = Field(description="requested, cancelled or expired.")
    reason: str | None = Field(description="Why it ended, null while it is open.")
    summary: str = Field(description="What is asked for, for a person.")
    evidence: list[Contributor] = Field(description="The signals that changed, the strongest first.")
    data_range: DataRange = Field(description="The data that shows the change.")
    requested_at_ms: int = Field(description="When it was made, in milliseconds since 1970-01-01 UTC.")
    deadline_ms: int = Field(description="When it expires, in milliseconds since 1970-01-01 UTC.")
    attempt: int = Field(description="How many requests were made for this version, this one included.")


class RejectedData(Data):
    """An event that could not be taken. It is where it was: in its topic, at its offset."""

    reason: RejectionReason = Field(description="Why, out of a fixed set.")
    detail: str = Field(description="What is wrong and what would be right.")
    model: str | None = Field(description="The model it speaks of, null where that cannot be told.")
    topic: str = Field(description="Topic of the record.")
    partition: int = Field(description="Partition of the record.")
    offset: int = Field(description="Offset of the record.")
    timestamp_ms: int = Field(description="Timestamp of the record, -1 where it has none.")
    payload_bytes: int = Field(description="Length of the record's value, in bytes.")
    payload_excerpt: str = Field(description="The first 256 bytes of the value, as text.")
