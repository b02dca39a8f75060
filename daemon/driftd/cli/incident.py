"""`driftd ack`, `driftd resolve`, `driftd reset`, `driftd reply`: a person's word on what driftd said."""

from typing import Literal

from driftd.cli.commanding import Answering, Giving, checked, give
from driftd.cli.kafka_topics import open_events, the_one
from driftd.contract.events_in import Command, RetrainingReply
from driftd.subscribe.events import Alert, Request


def ack(incident: str, /, *, giving: Giving | None = None) -> int:
    """Say that somebody is at work on an incident: it wakes nobody while it does not get worse.

    Parameters
    ----------
    incident
        The incident; as much of its id as is unique is enough.
    """
    return _about("acknowledge", incident, giving or Giving())


def resolve(incident: str, /, *, giving: Giving | None = None) -> int:
    """Close an incident.

    Parameters
    ----------
    incident
        The incident; as much of its id as is unique is enough.
    """
    return _about("resolve", incident, giving or Giving())


def _about(action: Literal["acknowledge", "resolve"], incident: str, giving: Giving) -> int:
    kafka, topics = giving.cluster()
    alerts = [event for event in open_events(kafka, topics) if isinstance(event, Alert)]
    data = the_one(alerts, incident, lambda alert: alert.data.incident_id, "open incident").data
    command = checked(
        Command,
        **giving.command_fields(),
        action=action,
        model=data.model,
        incident_id=data.incident_id,
    )
    done = f"acknowledged by {command.who}" if action == "acknowledge" else "resolved"
    words = f"{data.incident_id} ({data.kind} of {data.model}) is {done}."
    return give(giving, data.model, command, lambda _: words)


def reset(model: str, /, *, giving: Giving | None = None) -> int:
    """Forget what is normal for a model, and learn it anew from what comes.

    Parameters
    ----------
    model
        The name of the model.
    """
    given = giving or Giving()
    command = checked(Command, **given.command_fields(), action="reset", model=model)
    return give(given, model, command, lambda _: f"{model} is learned anew.")


def reply(
    request: str,
    status: Literal["accepted", "rejected", "completed", "failed"],
    /,
    *,
    version: str | None = None,
    answering: Answering | None = None,
) -> int:
    """Answer a retraining request.

    Parameters
    ----------
    request
        The request; as much of its id as is unique is enough.
    status
        What becomes of it: accepted, rejected, completed or failed.
    version
        The version that the retraining made.
    """
    given = answering or Answering()
    kafka, topics = given.cluster()
    requests = [event for event in open_events(kafka, topics) if isinstance(event, Request)]
    data = the_one(requests, request, lambda one: one.data.request_id, "open retraining request").data
    answer = checked(
        RetrainingReply,
        type="retraining_reply",
        request_id=data.request_id,
        status=status,
        at_ms=given.at_ms,
        model_version=version,
        reason=given.why,
    )
    return give(given, data.model, answer, lambda _: f"{data.request_id} of {data.model} is {status}.")
