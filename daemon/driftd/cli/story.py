"""What happened, for a person: a line for each event, and a summary. Rule: facts come from the events alone."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from driftd.contract.cloudevents import EventType, rfc3339
from driftd.detectors.base import Effect
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.status import ModelStatus

WIDTH = 118
INDENT = " " * 18
SHOWN_CHANGES = 3
NAMES_SHOWN = 3
WORDS: Mapping[str, str] = {
    EventType.ALERT_OPENED: "opened",
    EventType.ALERT_UPDATED: "updated",
    EventType.ALERT_RESOLVED: "resolved",
    EventType.RETRAINING_REQUESTED: "retrain!",
    EventType.RETRAINING_CANCELLED: "cancelled",
    EventType.RETRAINING_VERIFIED: "verified",
    EventType.RETRAINING_ESCALATED: "escalated",
    EventType.EVENT_REJECTED: "rejected",
}
SAID_SO = (
    "reopened", "acknowledged", "silenced", "rejected", "failed", "expired", "accepted", "completed", "watched",
)  # fmt: skip
"""Causes of alerts, and ends of requests, that have a better word than that something has changed or is over."""
UNVERIFIED = ("unverified", "unclear")
ENDS = (
    EventType.ALERT_RESOLVED,
    EventType.RETRAINING_CANCELLED,
    EventType.RETRAINING_VERIFIED,
    EventType.RETRAINING_ESCALATED,
)


def data_of(event: OutputEvent) -> dict[str, Any]:
    """The data of a CloudEvent that came out."""
    document: dict[str, Any] = msgspec.json.decode(event.value)
    return {**document["data"], "time": document["time"]}


def minute(time_ms: int) -> str:
    """A time to the minute, UTC."""
    return rfc3339(time_ms)[:16].replace("T", " ")


def lines_of(event: OutputEvent) -> str:
    """The event as lines of text: when, what and which model; below it what changed, and where to go back to."""
    data = data_of(event)
    head = f"{data['time'][:16].replace('T', ' ')}  {_word(event, data):<10}"
    if event.topic is OutputTopic.REJECTED:
        head += f"{data['reason']:<25}{data['topic']}:{data['partition']}:{data['offset']}"
        told = data["detail"]
    else:
        kind = data["kind"] if event.topic is OutputTopic.ALERTS else data["cause"]
        head += f"{kind:<15}{data.get('severity', 'request'):<10}{data['model']}"
        head += "" if event.event_type in ENDS else f"   go back to {data['stage']}"
        told = _told(event, data)
        if event.event_type == EventType.ALERT_RESOLVED:
            return f"{head}   {told.rpartition('; ')[2].rstrip('.')}"
        if event.event_type == EventType.RETRAINING_REQUESTED:
            # what changed stands in the alert that it follows
            return f"{head}, use data since {minute(data['data_range']['from_at_ms'])}"
    return f"{head}\n{textwrap.fill(told, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)}"


def _word(event: OutputEvent, data: Mapping[str, Any]) -> str:
    """What happened, in a word of 9 letters at most, or the one that is a bit longer."""
    said = data.get("cause" if event.topic is OutputTopic.ALERTS else "phase")
    if said == UNVERIFIED[0]:
        return UNVERIFIED[1]
    if said == "acknowledged":
        return "taken"
    return str(said) if said in SAID_SO else WORDS[event.event_type]


def _told(event: OutputEvent, data: Mapping[str, Any]) -> str:
    """What an alert or a request says, shorter than its summary: the line above it has the rest."""
    if event.event_type in ENDS:
        return str(data["summary"])
    alert = event.topic is OutputTopic.ALERTS
    changes = data["contributors"] if alert else data["evidence"]
    total = data["contributors_total"] if alert else len(changes)
    shown = "; ".join(map(_change, changes[:SHOWN_CHANGES]))
    more = f"; and {total - SHOWN_CHANGES} more" if total > SHOWN_CHANGES else ""
    since = minute(data["onset"]["at_ms"] if alert else data["data_range"]["from_at_ms"])
    return f"since {since}: {shown}{more}"


def _change(contributor: Mapping[str, Any]) -> str:
    """What changed; a claim, or what is silent, needs no signal before it."""
    if contributor["claim"] is not None or contributor["effect"] == Effect.SILENCE:
        return str(contributor["change"]).rstrip(".")
    return f"{contributor['signal']} {contributor['change']}"


def summary(counters: Mapping[str, int], models: Mapping[str, int], records: int, seconds: float) -> str:
    """How many of what, in one paragraph. `models` are the counters of all models, added up."""
    rejected = {
        name.removeprefix("rejected."): n for name, n in counters.items() if name.startswith("rejected.")
    }
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items()))
    alerts = {name: models.get(f"alerts_{name}", 0) for name in ("opened", "updated", "resolved")}
    told_reasons = f" ({reasons})" if reasons else ""
    joined = f"(joined {models.get('labels_joined', 0):,})"
    requests = models.get("retraining_requested", 0)
    told = f"opened {alerts['opened']}, updated {alerts['updated']}, resolved {alerts['resolved']}"
    return (
        f"{records:,} records in {seconds:.1f} s ({records / max(seconds, 1e-9):,.0f} a second)\n"
        f"predictions {models.get('predictions', 0):,}, labels {models.get('labels', 0):,} {joined}, "
        f"rejected {sum(rejected.values()):,}{told_reasons}\n"
        f"incidents {told}; retraining requests {requests}"
    )


def unstable_words(jumps: Sequence[tuple[str, int]]) -> str:
    """That a reference changed inside: which signals, and when, those of one minute together."""
    times: dict[str, list[str]] = {}
    for signal, at_ms in jumps:
        times.setdefault(minute(at_ms), []).append(signal)
    told = [
        f"{', '.join(signals)} changed at {when} UTC" for when, signals in list(times.items())[:SHOWN_CHANGES]
    ]
    more = f"; and at {len(times) - SHOWN_CHANGES} more times" if len(times) > SHOWN_CHANGES else ""
    return f"the reference is not stable: {'; '.join(told)}{more}"


def doubts(model: ModelStatus) -> list[str]:
    """What cannot be judged of `model`, or not well, in sentences."""
    told = [f"model {model.name}: {unstable_words(model.unstable)}"] if model.unstable else []
    unjudged = _unjudged(model)
    told += [unjudged] if unjudged else []
    if model.silent:
        told.append(f"model {model.name}: cannot judge: " + "; ".join(words for _, words in model.silent))
    if model.absent:
        told.append(
            f"model {model.name}: the latest events have no values of {_listed(model.absent)}, the reference has"
        )
    if model.newcomers:
        told.append(
            f"model {model.name}: the events have features that the reference does not have, which are not watched: "
            f"{_listed(model.newcomers)}"
        )
    if model.over_budget:
        over = _listed(model.over_budget)
        told.append(
            f"model {model.name}: more false alarms than the budget allows are to be expected of {over}"
        )
    return told


def _listed(names: Sequence[str]) -> str:
    """`names` in words, a few of them and how many more."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{', '.join(names[:NAMES_SHOWN])}{more}"


def _unjudged(model: ModelStatus) -> str:
    missing = f"{model.events_missing:,} events of its reference are missing"
    if model.phase in ("learning", "reference"):
        return f"model {model.name}: cannot judge yet, {missing}"
    if not model.unjudged:
        return ""
    why = missing if model.events_missing else "they wander too much for a reference of this length"
    return f"model {model.name}: cannot judge the values of {_listed(model.unjudged)}: {why}"
