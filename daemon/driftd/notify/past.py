"""What was told before, out of the log. Rule: what a receiver knows is a function of the log up to its own place in it.

So nothing about it is stored: whoever takes over a receiver reads the alerts up to the committed offset, and what is
open now out of the compacted topic, which remembers longer than the alerts' topic is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftd.notify.notice import Alert, Notice


@dataclass(frozen=True, slots=True)
class Past:
    """`alerts`: all that the topic holds. `open_now`: the latest of each incident and request that is not over.

    `committed`: the receiver's place in each partition of the alerts, None where it has none.
    """

    alerts: Sequence[Notice]
    open_now: Sequence[Notice]
    committed: Mapping[int, int | None]

    def told(self) -> list[Notice]:
        """The alerts that were worked off, in order; those first that are open and older than the topic remembers."""
        ids = {notice.event_id for notice in self.alerts}
        older = [
            notice
            for notice in self.open_now
            if isinstance(notice.data, Alert) and notice.event_id not in ids
        ]
        before = [n for n in self.alerts if n.place.offset < (self.committed.get(n.place.partition) or 0)]
        return [*older, *before]

    def next_offsets(self) -> dict[tuple[str, int], int]:
        """The first alert behind the committed one, where there is one: the log must not go on later than there."""
        found: dict[tuple[str, int], int] = {}
        for notice in self.alerts:
            place = notice.place
            if place.offset >= (self.committed.get(place.partition) or 0):
                found.setdefault((place.topic, place.partition), place.offset)
        return found

    def open_ids(self) -> set[str]:
        """The incidents that are open now."""
        return {notice.data.incident_id for notice in self.open_now if isinstance(notice.data, Alert)}
