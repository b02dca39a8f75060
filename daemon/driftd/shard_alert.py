"""The alert of a shard that cannot go on because records are gone. Rule: the same gap has the same id each time.

It is told outside of the engine: no record decided it, so no replay says it again.
"""

from driftd.contract.cloudevents import EventType, encode_cloudevent
from driftd.contract.events_out import AlertData, PlaceData
from driftd.engine.identity import SOURCE, derived_id
from driftd.engine.incident import Phase
from driftd.engine.kinds import STAGES, Kind, Severity
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.telling import UNKNOWN_MODEL
from driftd.shard import Gap

CAUSE = "records_are_gone"
REPLAY = "driftd record --order time -o rest.jsonl.gz && driftd replay rest.jsonl.gz"
"""What is still there; the journal speaks of records that are not."""
ADVICE = "Look at what became of the topic; docs/running.md says how to go on, and what is lost by it."


def gap_alert(gap: Gap, at_ms: int) -> OutputEvent:
    """The alert that tells of `gap`. `at_ms` is the latest event time that was applied before it."""
    source, offset = gap.source, gap.offset
    place = PlaceData(at_ms=at_ms, topic=source.topic, partition=source.partition, offset=offset)
    identity = (Kind.SILENCE, source.topic, source.partition, offset)
    data = AlertData(
        incident_id=derived_id("inc", *identity),
        model=UNKNOWN_MODEL,
        model_version=None,
        kind=Kind.SILENCE,
        kinds=[Kind.SILENCE],
        severity=Severity.CRITICAL,
        stage=STAGES[Kind.SILENCE],
        phase=Phase.OPEN,
        cause=CAUSE,
        page=True,
        number=1,
        summary=f"driftd has stopped, and no model of this shard is watched: {gap}.",
        advice=ADVICE,
        onset=place,
        detected=place,
        decided=place,
        opened_at_ms=at_ms,
        reopened=0,
        acknowledged_by=None,
        silenced_by=None,
        request_id=None,
        contributors=[],
        contributors_total=0,
        replay=REPLAY,
    )
    event_id, event_type = derived_id("alert", *identity), EventType.ALERT_OPENED
    value, headers = encode_cloudevent(event_type, event_id, SOURCE, UNKNOWN_MODEL, at_ms, data)
    return OutputEvent(OutputTopic.ALERTS, UNKNOWN_MODEL, event_id, event_type, value, headers)
