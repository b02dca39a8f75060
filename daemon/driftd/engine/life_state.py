"""What becomes of a model's findings, as state and back: its incidents, its requests, its marks."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from driftd.contract.events_out import RetrainingData
from driftd.engine.codec import finding_from_json, finding_to_json, place_from_json, place_to_json
from driftd.engine.harm import Basis, Risk
from driftd.engine.incident import Incident, Part, Phase
from driftd.engine.incidents import Past
from driftd.engine.kinds import Kind, Severity, Stage, Strand
from driftd.engine.life import Life
from driftd.engine.request import Escalation, Request, RequestPhase
from driftd.engine.stream import StreamName

Document = dict[str, Any]

PART_PLAIN: Final = ("is_held", "is_over", "held_panes", "quiet_panes", "open_panes")
INCIDENT_PLAIN: Final = (
    "incident_id", "told_signals", "told_claims", "opened_at_ms", "silent_panes", "young_panes", "joins_until_ms",
    "number", "reopened", "paged_rank", "acknowledged_by", "silenced_by",
)  # fmt: skip
REQUEST_PLAIN: Final = (
    "request_id", "attempt", "deadline_ms", "reason", "new_version", "risk_new", "is_again",
)  # fmt: skip


def life_to_json(life: Life) -> Document:
    """All of `life` but its marks."""
    retraining = life.retraining
    return {
        "incidents": [incident_to_json(incident) for incident in life.incidents.current],
        "past": [asdict(past) for past in life.incidents.past],
        "request": None if retraining.current is None else request_to_json(retraining.current),
        "last_requested_ms": retraining.last_requested_ms,
        "last_kind": retraining.last_kind,
        "failures": retraining.failures,
        "asked": dict(retraining.asked),
        "ended": dict(retraining.ended),
        "escalation": None if retraining.escalation is None else _escalation_to_json(retraining.escalation),
    }


def fill_life(life: Life, document: Mapping[str, Any]) -> None:
    """Put what `life_to_json` gave back into a new life."""
    life.incidents.current = [incident_from_json(one) for one in document["incidents"]]
    life.incidents.past = [
        Past(
            **one
            | {
                "kind": Kind(one["kind"]),
                "keys": tuple(one["keys"]),
                "paged_stage": _stage(one["paged_stage"]),
            }
        )
        for one in document["past"]
    ]
    retraining = life.retraining
    request, escalation = document["request"], document["escalation"]
    retraining.current = None if request is None else request_from_json(request)
    retraining.last_requested_ms = document["last_requested_ms"]
    retraining.last_kind = None if document["last_kind"] is None else Kind(document["last_kind"])
    retraining.failures = document["failures"]
    retraining.asked = {name: Kind(kind) for name, kind in document["asked"].items()}
    retraining.ended = {name: RequestPhase(phase) for name, phase in document["ended"].items()}
    retraining.escalation = None if escalation is None else _escalation_from_json(escalation)


def incident_to_json(incident: Incident) -> Document:
    """An incident as an object."""
    return {name: getattr(incident, name) for name in INCIDENT_PLAIN} | {
        "strand": incident.strand.value,
        "phase": incident.phase.value,
        "detected": place_to_json(incident.detected),
        "severity": incident.severity.value,
        "paged_stage": None if incident.paged_stage is None else incident.paged_stage.value,
        "told_kind": None if incident.told_kind is None else incident.told_kind.value,
        "parts": [_part_to_json(part) for part in incident.parts.values()],
    }


def incident_from_json(document: Mapping[str, Any]) -> Incident:
    """The incident of `incident_to_json`."""
    parts = [_part_from_json(part) for part in document["parts"]]
    return Incident(
        strand=Strand(document["strand"]),
        phase=Phase(document["phase"]),
        detected=place_from_json(document["detected"]),
        severity=Severity(document["severity"]),
        paged_stage=_stage(document["paged_stage"]),
        told_kind=None if document["told_kind"] is None else Kind(document["told_kind"]),
        parts={part.kind: part for part in parts},
        **{name: document[name] for name in INCIDENT_PLAIN},
    )


def _stage(name: str | None) -> Stage | None:
    return None if name is None else Stage(name)


def _part_to_json(part: Part) -> Document:
    return {name: getattr(part, name) for name in PART_PLAIN} | {
        "kind": part.kind.value,
        "stream": part.stream.value,
        "onset": place_to_json(part.onset),
        "severity": part.severity.value,
        "findings": [finding_to_json(finding) for finding in part.findings.values()],
    }


def _part_from_json(document: Mapping[str, Any]) -> Part:
    findings = [finding_from_json(finding) for finding in document["findings"]]
    return Part(
        kind=Kind(document["kind"]),
        stream=StreamName(document["stream"]),
        onset=place_from_json(document["onset"]),
        severity=Severity(document["severity"]),
        findings={finding.key: finding for finding in findings},
        **{name: document[name] for name in PART_PLAIN},
    )


def request_to_json(request: Request) -> Document:
    """A retraining request as an object."""
    return {name: getattr(request, name) for name in REQUEST_PLAIN} | {
        "kind": request.kind.value,
        "stage": request.stage.value,
        "incident_ids": list(request.incident_ids),
        "phase": request.phase.value,
        "data": None if request.data is None else request.data.model_dump(mode="json"),
        "risk_limit": None if request.risk_limit is None else asdict(request.risk_limit),
    }


def request_from_json(document: Mapping[str, Any]) -> Request:
    """The request of `request_to_json`."""
    data = document["data"]
    return Request(
        kind=Kind(document["kind"]),
        stage=Stage(document["stage"]),
        incident_ids=tuple(document["incident_ids"]),
        phase=RequestPhase(document["phase"]),
        data=None if data is None else RetrainingData.model_validate(data),
        risk_limit=risk_from_json(document["risk_limit"]),
        **{name: document[name] for name in REQUEST_PLAIN},
    )


def risk_from_json(document: Mapping[str, Any] | None) -> Risk | None:
    """A risk that was made an object by `asdict`."""
    return None if document is None else Risk(document["mean"], document["error"], Basis(document["basis"]))


def _escalation_to_json(escalation: Escalation) -> Document:
    return {
        "kind": escalation.kind.value,
        "stage": escalation.stage.value,
        "incident_ids": list(escalation.incident_ids),
        "data": escalation.data.model_dump(mode="json"),
        "risk_limit": None if escalation.risk_limit is None else asdict(escalation.risk_limit),
    }


def _escalation_from_json(document: Mapping[str, Any]) -> Escalation:
    return Escalation(
        Kind(document["kind"]),
        Stage(document["stage"]),
        tuple(document["incident_ids"]),
        RetrainingData.model_validate(document["data"]),
        risk_from_json(document["risk_limit"]),
    )
