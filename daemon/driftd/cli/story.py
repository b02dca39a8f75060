"""What happened, for a person: a line for each event, and a summary. Rule: facts come from the events alone."""

import textwrap
from collections.abc import Mapping
from typing import Any

import msgspec

from driftd.contract.cloudevents import EventType, rfc3339
from driftd.engine.outputs import OutputEvent, OutputTopic

WIDTH = 108
INDENT = " " * 18
WORDS: Mapping[str, str] = {
    EventType.ALERT_OPENED: "opened",
    EventType.ALERT_UPDATED: "updated",
    EventType.ALERT_RESOLVED: "resolved",
    EventType.RETRAINING_REQUESTED: "retrain!",
    EventType.RETRAINING_CANCELLED: "cancelled",
    EventType.EVENT_REJECTED: "rejected",
}


def data_of(event: OutputEvent) -> dict[str, Any]:
    """The data of a CloudEvent that came out."""
    document: dict[str, Any] = msgspec.json.decode(event.value)
    return {**document["data"], "time": document["time"]}


def minute(time_ms: int) -> str:
    """A time to the minute, UTC."""
    return rfc3339(time_ms)[:16].replace("T", " ")


def lines_of(event: OutputEvent) -> str:
    """The event as lines of text: when and what, and below it how a person should read it."""
    data = data_of(event)
    when = data["time"][:16].replace("T", " ")
    head = f"{when}  {WORDS[event.event_type]:<10}"
    if event.topic is OutputTopic.ALERTS:
        head += f"{data['severity']:<10}{data['kind']:<15}{data['model']:<16}go back to: {data['stage']}"
    elif event.topic is OutputTopic.RETRAINING:
        head += f"{'request':<10}{data['cause']:<15}{data['model']:<16}go back to: {data['stage']}"
    else:
        head += f"{data['reason']:<25}{data['topic']}:{data['partition']}:{data['offset']}"
    told = data.get("summary") or data["detail"]
    return f"{head}\n{textwrap.fill(told, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)}"


def summary(counters: Mapping[str, int], models: Mapping[str, int], records: int, seconds: float) -> str:
    """How many of what, in one paragraph. `models` are the counters of all models, added up."""
    rejected = {
        name.removeprefix("rejected."): n for name, n in counters.items() if name.startswith("rejected.")
    }
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items()))
    alerts = {name: models.get(f"alerts_{name}", 0) for name in ("opened", "updated", "resolved")}
    lines = [
        f"{records:,} records in {seconds:.1f} s ({records / max(seconds, 1e-9):,.0f} a second)",
        (
            f"predictions {models.get('predictions', 0):,}, labels {models.get('labels', 0):,} "
            f"(joined {models.get('labels_joined', 0):,}), rejected {sum(rejected.values()):,}"
            + (f" ({reasons})" if reasons else "")
        ),
        (
            f"incidents opened {alerts['opened']}, updated {alerts['updated']}, resolved {alerts['resolved']}; "
            f"retraining requests {models.get('retraining_requested', 0)}"
        ),
    ]
    return "\n".join(lines)
