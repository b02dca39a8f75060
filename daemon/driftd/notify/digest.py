"""What is collected for one message. Rule: of an incident only the latest is told; nothing waits longer than asked.

Being due depends on when the broker got the oldest of it, so a notifier that is restarted again and again is still in
time; and on the last message, so that there is at most one each `digest_ms`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from driftd.notify.notice import Notice

COLLECTED_MAX: Final = 500
"""With so many it is due at once: what waits for it keeps others from being read."""
Settle = Callable[[], None]


@dataclass(slots=True)
class Collected:
    """Notices about one incident or request, of which the latest is told; `settle` are to be called when it was."""

    first_ms: int
    latest: Notice
    settle: list[Settle] = field(default_factory=list)


class Digest:
    """What waits for the next message of one receiver."""

    def __init__(self, digest_ms: int) -> None:
        self._digest_ms = digest_ms
        self._waiting: dict[str, Collected] = {}
        self._sent_ms = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, notice: Notice, settle: Settle) -> None:
        """Collect `notice`."""
        entry = self._waiting.setdefault(notice.lane, Collected(notice.place.timestamp_ms, notice))
        entry.latest = notice
        entry.settle.append(settle)

    def take(self, lane: str) -> list[Settle]:
        """What is to be settled with a notice of `lane` that goes at once, and says more than what waited."""
        entry = self._waiting.pop(lane, None)
        return [] if entry is None else entry.settle

    def due_in_ms(self, now_ms: int) -> int | None:
        """Milliseconds until the message is due, 0 where it is, None where there is nothing to tell."""
        if not self._waiting:
            return None
        if sum(len(entry.settle) for entry in self._waiting.values()) >= COLLECTED_MAX:
            return 0
        oldest_ms = min(entry.first_ms for entry in self._waiting.values())
        return max(max(oldest_ms, self._sent_ms) + self._digest_ms - now_ms, 0)

    def take_all(self, now_ms: int) -> Iterable[Collected]:
        """Everything, to be sent now."""
        self._sent_ms = now_ms
        entries, self._waiting = list(self._waiting.values()), {}
        return entries
