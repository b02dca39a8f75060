"""What a receiver is to its deliveries. Rule: it makes one attempt, and says what that came to."""

from collections.abc import Iterable
from typing import Protocol

from driftd.notify.attempts import Outcome
from driftd.notify.notice import Notice


class Receiver(Protocol):
    """Whoever is told."""

    async def send(self, notice: Notice) -> Outcome:
        """One attempt; raises nothing but our own bugs."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class Repeater(Protocol):
    """A receiver that forgets what is not sent again."""

    def recall(self, told: Iterable[Notice], open_ids: set[str]) -> None:
        """Know what it was told, and which incidents of that are open now."""
        ...

    async def send_again(self) -> Outcome:
        """One attempt to send all that is open."""
        ...
