"""What Alertmanager is shown. Rule: labels of an alert never change; a raised severity is a new alert, the old ends.

Alertmanager knows an alert by its labels and forgets what is not sent again. So what is open is sent again and again,
as Prometheus does, with an end that lies a few times further ahead: without the notifier it is over by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from driftd.notify.messages import OPEN_FOR, alertmanager_alert
from driftd.notify.notice import Alert


@dataclass(frozen=True, slots=True)
class Shown:
    """One incident as Alertmanager knows it: the latest alert, under the kind of the first one."""

    data: Alert
    kind: str
    is_live: bool
    """Whether it is to be sent again: not where it is over already, and only its last alert is still to come."""


class AlertmanagerView:
    """The incidents that Alertmanager was told of and that are not over. It is a function of the alerts up to now."""

    def __init__(self, resend_ms: int) -> None:
        self._resend_ms = resend_ms
        self._shown: dict[str, Shown] = {}

    def __len__(self) -> int:
        return len(self._shown)

    def begin(self, told: Iterable[Alert]) -> None:
        """It was told this, and nothing else."""
        self._shown = {}
        for data in told:
            self.note(data)

    def note(self, data: Alert) -> None:
        """It was told `data`."""
        known = self._shown.get(data.incident_id)
        if known is not None and data.number < known.data.number:
            return
        if data.is_over:
            self._shown.pop(data.incident_id, None)
        else:
            self._shown[data.incident_id] = Shown(
                data, data.kind if known is None else known.kind, is_live=True
            )

    def keep(self, incident_ids: Iterable[str]) -> None:
        """Only these are open; what else it knows waits for its last alert, and is not sent again."""
        are_open = set(incident_ids)
        self._shown = {
            name: Shown(one.data, one.kind, is_live=name in are_open) for name, one in self._shown.items()
        }

    def changes(self, data: Alert, now_ms: int) -> list[dict[str, Any]]:
        """What is to be sent for `data` at `now_ms`; nothing where something newer was sent."""
        known = self._shown.get(data.incident_id)
        if known is not None and data.number < known.data.number:
            return []
        kind = data.kind if known is None else known.kind
        told = []
        if known is not None and known.data.severity != data.severity:
            told.append(self._alert(known.data, kind, now_ms, is_over=True))
        return [*told, self._alert(data, kind, now_ms, is_over=data.is_over)]

    def again(self, now_ms: int) -> list[dict[str, Any]]:
        """All that is open, to be sent again at `now_ms`."""
        return [
            self._alert(one.data, one.kind, now_ms, is_over=False)
            for one in self._shown.values()
            if one.is_live
        ]

    def _alert(self, data: Alert, kind: str, now_ms: int, *, is_over: bool) -> dict[str, Any]:
        # the times of events may be ahead of Alertmanager's clock, which takes no alert that ends before it starts
        starts_ms = min(data.opened_at_ms, now_ms - 1)
        return alertmanager_alert(
            data, kind, starts_ms, now_ms if is_over else now_ms + OPEN_FOR * self._resend_ms
        )
