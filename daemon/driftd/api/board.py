"""What is open now and how well that is known. Rule: the reader writes here, pages read, streams are told at once.

The last known stays while the brokers are away (`stale_since_ms` says since when) and while the topic is read anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from driftd.api.changes import Changes
from driftd.api.standing import Change, Standing
from driftd.contract.record import Record


@dataclass(slots=True)
class Board:
    """What is open, None before the topic was read to its end; times in milliseconds since 1970-01-01 UTC."""

    standing: Standing | None = None
    stale_since_ms: int | None = None
    changes: Changes = field(default_factory=Changes)
    listeners: set[Callable[[Change | None], None]] = field(default_factory=set)
    """Each is called with every change, and with None where all has to be told anew."""
    streams_dropped: int = 0

    def take(self, record: Record) -> None:
        """Take in the next record of the topic."""
        assert self.standing is not None
        change = self.standing.apply(record)
        if change is not None:
            self.changes.add(change)
            self._tell(change)

    def replace(self, standing: Standing) -> None:
        """Go on from `standing`, which was read from the topic's begin to its end."""
        self.standing = standing
        self.changes = Changes()  # what lies between the two is not known event by event
        self._tell(None)

    def answered(self, at_ms: int | None, now_ms: int, stale_after_ms: int) -> None:
        """The brokers last answered at `at_ms`, None for never; with a longer silence what is known counts as stale."""
        if at_ms is not None and now_ms - at_ms < stale_after_ms:
            self.stale_since_ms = None
        elif self.stale_since_ms is None:
            self.stale_since_ms = now_ms if at_ms is None else at_ms

    def _tell(self, change: Change | None) -> None:
        for listener in tuple(self.listeners):
            listener(change)
