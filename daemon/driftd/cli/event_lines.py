"""An event that a subscriber has, as lines for a person. Rule: the same lines as those of a replay."""

from driftd.cli.story import lines_of
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.subscribe.events import Alert, Rejected, Request

TOPICS = {Alert: OutputTopic.ALERTS, Request: OutputTopic.RETRAINING, Rejected: OutputTopic.REJECTED}


def event_lines(event: Alert | Request | Rejected) -> str:
    """As `story.lines_of`."""
    value = event.model_dump_json().encode()
    return lines_of(OutputEvent(TOPICS[type(event)], event.subject, event.id, event.type, value, ()))
