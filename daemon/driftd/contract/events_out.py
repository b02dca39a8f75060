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
    segment: str | None = Field(
        None,
        description="The segment, as name=value, that has most of it; null where it is not one segment's.",
    )


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
        "or silence: what leads the story; it may change as the story goes on."
    )
    kinds: list[str] = Field(description="All kinds that the story has, the leading one first.")
    severity: str = Field(description="info, warning or critical.")
    stage: str = Field(description="Stage to go back to: data, labels, modeling or deployment.")
    phase: str = Field(description="open or resolved.")
    cause: str = Field(
        description="Why this is published now: held, severity_raised, kind_changed, signals_joined, still_open, "
        "reopened, acknowledged, silenced, silence_over; quiet, new_version or person where it is over."
    )
    page: bool = Field(
        description="Whether somebody is to be woken: when it opens or gets more severe, and is neither for "
        "information only, nor silenced, nor opened again after it was told."
    )
    number: int = Field(description="Which of the incident's alerts this is, from 1.")
    summary: str = Field(description="What happened, for a person.")
    advice: str = Field(description="What to do first, for a person.")
    onset: PlaceData = Field(description="Where the change began, as far as can be told.")
    detected: PlaceData = Field(description="The record that decided to open the incident.")
    decided: PlaceData = Field(description="The record that decided this alert.")
    opened_at_ms: int = Field(description="When it was opened, in milliseconds since 1970-01-01 UTC.")
    reopened: int = Field(description="How often it was opened again after its signals had come back.")
    acknowledged_by: str | None = Field(description="Who is at work on it, null where nobody said so.")
    silenced_by: str | None = Field(description="The silence that it is under, null where it is under none.")
    request_id: str | None = Field(
        description="The retraining request in flight that names it, null where none."
    )
    contributors: list[Contributor] = Field(description="The signals that changed, the strongest first.")
    contributors_total: int = Field(description="How many signals changed, listed or not.")
    harm: HarmData | None = Field(
        None, description="Whether the model errs more; null where it is not asked."
    )
    replay: str = Field(description="The command that replays it.")


class PartitionRange(Data):
    """What one partition holds of a range."""

    topic: str = Field(description="Topic of the partition.")
    partition: int = Field(description="The partition.")
    from_offset: int = Field(
        description="Offset of the first record; some before the onset may be among them."
    )
    to_offset: int = Field(description="Offset of the last record.")


class DataRange(Data):
    """Which part of the streams a request speaks of: what shows the change, and what to train on."""

    from_at_ms: int = Field(description="Begin of the change, in milliseconds since 1970-01-01 UTC.")
    to_at_ms: int = Field(description="When it was decided, in milliseconds since 1970-01-01 UTC.")
    onset: PlaceData = Field(description="The first record of the change, as far as can be told.")
    detected: PlaceData = Field(description="The record that decided.")
    partitions: list[PartitionRange] = Field(description="The offsets, input partition by input partition.")
    events: int = Field(description="How many predictions of the model there are since the onset.")
    labelled: int = Field(description="How many of them have labels.")


class RetrainingData(Data):
    """A request to go back to an earlier stage and to come back with a new version; or what became of it."""

    request_id: str = Field(description="Identifies the request; replies and the deployment carry it.")
    model: str = Field(description="Name of the model.")
    model_version: str | None = Field(description="The version that is to be replaced.")
    incident_ids: list[str] = Field(description="The incidents that ask for it.")
    cause: str = Field(description="The kind of the leading incident.")
    stage: str = Field(description="Stage to go back to: data, labels, modeling or deployment.")
    phase: str = Field(
        description="requested; when it is over cancelled, rejected, failed, expired, verified, escalated or "
        "unverified. In the topic of what is open now also accepted, completed, or watched: a new version is out."
    )
    reason: str | None = Field(description="Why it ended, null while it is open.")
    summary: str = Field(description="What is asked for, or what became of it, for a person.")
    evidence: list[Contributor] = Field(description="The signals that changed, the strongest first.")
    data_range: DataRange = Field(description="The data that shows the change.")
    segment: str | None = Field(
        description="The segment, as name=value, that has most of the loss; null where it is not one segment's."
    )
    risk_before: float | None = Field(description="Mean error or loss in the reference, null where unknown.")
    risk_after: float | None = Field(description="Mean error or loss since the onset, null where unknown.")
    risk_new: float | None = Field(
        description="Mean error or loss of the new version, null before it is known."
    )
    expected_gain: float | None = Field(
        description="By how much the mean error or loss falls if the new version is as good as the reference was."
    )
    new_version: str | None = Field(description="The version that answered the request, null before.")
    requested_at_ms: int = Field(description="When it was made, in milliseconds since 1970-01-01 UTC.")
    not_before_ms: int = Field(
        description="When enough events since the onset will have labels, in milliseconds since 1970-01-01 UTC."
    )
    deadline_ms: int = Field(description="When it expires, in milliseconds since 1970-01-01 UTC.")
    attempt: int = Field(description="Which attempt this is at the same trouble, from 1.")


class SilenceData(Data):
    """Who is not to be woken by what, and until when."""

    silence_id: str = Field(description="Identifies the silence; expire names it.")
    maintenance: bool = Field(description="Whether no retraining is asked for either.")
    model: str = Field(description="Pattern of the models that it is about.")
    kind: str | None = Field(description="The kind of incident that it is about, null for all.")
    signals: list[str] = Field(
        description="Patterns of signals; an incident all of whose signals match is meant."
    )
    incident_id: str | None = Field(description="The one incident that it is about, null for all that match.")
    from_ms: int = Field(description="From when on it holds, in milliseconds since 1970-01-01 UTC.")
    until_ms: int = Field(description="Until when it holds, in milliseconds since 1970-01-01 UTC.")
    who: str = Field(description="Who said so.")
    why: str | None = Field(description="Why, in words.")


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
