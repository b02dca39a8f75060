"""`driftd explain`: the whole story of an incident, or of a retraining request. Rule: out of the topics alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from driftd.cli.explanation import explain_incident, explain_request
from driftd.cli.kafka_topics import cluster, readable, the_one
from driftd.cli.output import Format, say, say_json
from driftd.errors import EXIT_OK
from driftd.subscribe.events import Alert, Event, Request
from driftd.subscribe.reading import read_to_end

E = TypeVar("E", bound=Event)


def explain(id: str, /, *, config: Path | None = None, format: Format = "text") -> int:
    """Tell the whole story of one incident or retraining request: what was told, what shows it, what to do.

    Parameters
    ----------
    id
        The incident or the request; as much of its id as is unique is enough.
    config
        The configuration file: it names the brokers and the topics.
    format
        text for a person, json for a program: one document with all alerts and requests.
    """
    kafka, topics = cluster(config)
    names = (topics.incidents, topics.alerts, topics.retraining)
    events = readable(record for name in names for record in read_to_end(kafka, name))
    alerts = _once([event for event in events if isinstance(event, Alert)])
    requests = _once([event for event in events if isinstance(event, Request)])
    incidents = [alert.data.incident_id for alert in alerts]
    asked = [request.data.request_id for request in requests]
    more = f", in what {', '.join(names)} still hold"
    found = the_one([*incidents, *asked], id, str, "incident and no retraining request", more)
    if found in incidents:
        alerts = sorted((a for a in alerts if a.data.incident_id == found), key=lambda a: a.data.number)
        requests = [request for request in requests if found in request.data.incident_ids]
    else:
        requests = [request for request in requests if request.data.request_id == found]
        alerts = [a for a in alerts if any(a.data.incident_id in r.data.incident_ids for r in requests)]
        alerts.sort(key=lambda alert: (alert.data.incident_id, alert.data.number))
    if format == "json":
        say_json({"id": found, "alerts": _documents(alerts), "requests": _documents(requests)})
    elif found in incidents:
        say(explain_incident(alerts, requests))
    else:
        say(explain_request(requests, alerts))
    return EXIT_OK


def _once(events: list[E]) -> list[E]:
    """`events` without repeats, in order of their time."""
    return sorted({event.id: event for event in events}.values(), key=lambda event: event.time)


def _documents(events: Sequence[Event]) -> list[object]:
    return [event.model_dump(mode="json") for event in events]
