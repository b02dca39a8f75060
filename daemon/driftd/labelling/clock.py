"""What time it is in a stream of events. Rule: one event from the future is not the future; many are.

Time only goes on. A tick is believed; an event that is far ahead is only believed when others in a row confirm it, and
when very many in a row are far behind, it was the clock that was wrong.
"""

from collections.abc import Mapping
from typing import Any, Final

AHEAD_EVENTS: Final = 4
BEHIND_EVENTS: Final = 64


class EventClock:
    """The time in milliseconds, -1 before there is one. `jump_ms` is how far ahead, or behind, is far."""

    def __init__(self, jump_ms: int) -> None:
        self.jump_ms = jump_ms
        self.now_ms = -1
        self.ahead = self.behind = 0
        self.ahead_ms = self.behind_ms = 0

    def take(self, at_ms: int, *, believed: bool) -> bool:
        """Go on to `at_ms`, if it is to be believed; whether the clock was set back."""
        if self.now_ms < 0 or (believed and at_ms >= self.now_ms):
            self.now_ms = max(at_ms, 0)
            return False
        if at_ms > self.now_ms + self.jump_ms:
            self.ahead_ms = min(self.ahead_ms, at_ms) if self.ahead else at_ms
            self.ahead += 1
            if self.ahead >= AHEAD_EVENTS:
                self.now_ms, self.ahead = self.ahead_ms, 0
            return False
        self.ahead = 0
        if at_ms < self.now_ms - self.jump_ms:
            self.behind_ms = max(self.behind_ms, at_ms) if self.behind else at_ms
            self.behind += 1
            if self.behind >= BEHIND_EVENTS:
                self.now_ms, self.behind = self.behind_ms, 0
                return True
            return False
        self.behind = 0
        self.now_ms = max(self.now_ms, at_ms)
        return False

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {name: getattr(self, name) for name in NUMBERS}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name in NUMBERS:
            setattr(self, name, int(document[name]))


NUMBERS: Final = ("jump_ms", "now_ms", "ahead", "ahead_ms", "behind", "behind_ms")
