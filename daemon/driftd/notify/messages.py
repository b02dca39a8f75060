"""In which words a receiver is told. Rule: facts come from the event alone; what repeats has the same words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from driftd.contract.cloudevents import rfc3339
from driftd.notify.notice import Alert, Notice, Request

DIGEST_LINES_MAX: Final = 30
TITLE_MAX: Final = 120
PAGERDUTY_SUMMARY_MAX: Final = 1024
ALERT_NAME: Final = "DriftdIncident"
OPEN_FOR: Final = 4
"""Alertmanager takes an incident for over where it was not sent again for so many times `resend_ms`."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text for people. `is_good` says that something is over."""

    title: str
    body: str
    severity: str
    is_good: bool


def message(notice: Notice) -> Message:
    """The words for one notice."""
    data = notice.data
    if isinstance(data, Request):
        title = f"[driftd] {data.model}: retraining {data.phase}"
        return Message(
            _short(title), _lines(data.summary, f"Go back to {data.stage}."), "warning", is_good=False
        )
    state = "RESOLVED" if data.is_over else data.severity.upper()
    title = f"[driftd] {state} {data.model}: {data.kind.replace('_', ' ')}"
    if data.is_over:
        return Message(_short(title), data.summary, data.severity, is_good=True)
    body = _lines(
        data.summary,
        data.advice and f"First: {data.advice}",
        data.stage and f"Go back to: {data.stage}",
        data.replay and f"Replay: {data.replay}",
        f"Incident: {data.incident_id}",
    )
    return Message(_short(title), body, data.severity, is_good=False)


def digest_message(notices: Sequence[Notice]) -> Message:
    """The words for all that was collected, a line each, in the order in which it was decided."""
    if len(notices) == 1:
        return message(notices[0])
    ordered = sorted(
        notices, key=lambda notice: (notice.place.topic, notice.place.partition, notice.place.offset)
    )
    lines = [_digest_line(notice) for notice in ordered[:DIGEST_LINES_MAX]]
    if len(ordered) > DIGEST_LINES_MAX:
        lines.append(f"... and {len(ordered) - DIGEST_LINES_MAX} more")
    models = sorted({notice.data.model for notice in notices})
    of = models[0] if len(models) == 1 else f"{len(models)} models"
    is_good = all(isinstance(notice.data, Alert) and notice.data.is_over for notice in notices)
    return Message(_short(f"[driftd] {len(notices)} notices of {of}"), "\n".join(lines), "warning", is_good)


def _digest_line(notice: Notice) -> str:
    told = message(notice)
    return f"- {told.title.removeprefix('[driftd] ')}: {notice.data.summary}"


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _short(title: str) -> str:
    return title if len(title) <= TITLE_MAX else title[: TITLE_MAX - 3] + "..."


def alertmanager_alert(data: Alert, kind: str, starts_ms: int, ends_ms: int) -> dict[str, Any]:
    """An alert of Alertmanager's API v2, under the `kind` that the incident was opened with."""
    return {
        "labels": {
            "alertname": ALERT_NAME,
            "model": data.model,
            "kind": kind,
            "incident_id": data.incident_id,
            "severity": data.severity,
        },
        "annotations": {
            "summary": data.summary,
            "description": _lines(data.summary, data.advice),
            "advice": data.advice,
            "stage": data.stage,
            "replay": data.replay,
        },
        "startsAt": rfc3339(starts_ms),
        "endsAt": rfc3339(ends_ms),
    }


def pagerduty_event(notice: Notice, data: Alert, routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events API v2: all of one incident share its dedup key."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "dedup_key": data.incident_id,
        "event_action": "resolve" if data.is_over else "trigger",
        "client": "driftd",
    }
    if data.is_over:
        return event
    if data.cause == "acknowledged":
        return {**event, "event_action": "acknowledge"}
    event["payload"] = {
        "summary": f"{data.model}: {data.summary}"[:PAGERDUTY_SUMMARY_MAX],
        "source": data.model,
        "severity": data.severity,
        "timestamp": rfc3339(data.opened_at_ms),
        "component": data.model_version or data.model,
        "group": data.model,
        "class": data.kind,
        "custom_details": {
            "incident_id": data.incident_id,
            "event_id": notice.event_id,
            "stage": data.stage,
            "advice": data.advice,
            "replay": data.replay,
        },
    }
    return event
