"""What the notifier shows of itself. Rule: the shells write here, /readyz and /metrics only read."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


def _nothing(_: float) -> None:
    pass


@dataclass(slots=True)
class ReceiverView:
    """One receiver as it is. `failing` says what the latest attempt came to, empty where it was delivered."""

    name: str
    is_at_work: bool = False
    failing: str = ""
    waiting: int = 0
    delivered: int = 0
    refused: int = 0
    unreadable: int = 0
    failed_attempts: Counter[str] = field(default_factory=Counter)
    not_told: Counter[str] = field(default_factory=Counter)
    took: Callable[[float], None] = _nothing
    """Called with the seconds from the record's timestamp to the delivery."""


@dataclass(slots=True)
class NotifierView:
    """All receivers."""

    receivers: tuple[ReceiverView, ...]

    def unready(self) -> list[str]:
        """Why the notifier is not ready, a sentence each. One whose receivers are away is ready, and says so there."""
        return [f"receiver {one.name} is not at work yet" for one in self.receivers if not one.is_at_work]
