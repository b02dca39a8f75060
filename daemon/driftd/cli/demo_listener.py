"""A listener for demos: it keeps alerts and requests, and shows what a person should read first."""

from typing import Any, Final

from driftd.cli.replay import Listener
from driftd.cli.story import data_of
from driftd.contract.cloudevents import EventType
from driftd.engine.outputs import OutputEvent, OutputTopic

LEFT_OUT: Final = (EventType.ALERT_UPDATED, EventType.RETRAINING_CANCELLED)


class Remembering(Listener):
    """A listener that keeps alerts and requests, and shows what is not LEFT_OUT."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.alerts: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.left_out = 0

    def __call__(self, event: OutputEvent) -> None:
        """Take `event`."""
        super().__call__(event)
        if event.topic is OutputTopic.ALERTS:
            self.alerts.append(data_of(event))
        elif event.event_type == EventType.RETRAINING_REQUESTED:
            self.requests.append(data_of(event))

    def show(self, event: OutputEvent) -> None:
        """Print `event`, if a person should read it here."""
        if event.event_type in LEFT_OUT:
            self.left_out += 1
        else:
            super().show(event)
