"""Up to where everything is settled. Rule: an offset is committed only when all notices before it were settled.

Notices of different incidents are delivered beside each other, so they are settled in any order.
"""

from collections import deque


class Ledger:
    """The notices of one partition that are on their way."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._settled: set[int] = set()
        self._last = -1

    def __len__(self) -> int:
        """How many are on their way, or wait for one that is."""
        return len(self._open)

    def take(self, offset: int) -> bool:
        """One more is on its way; False where it came before. Markers of transactions leave holes between offsets."""
        if offset <= self._last:
            return False
        self._last = offset
        self._open.append(offset)
        return True

    def settle(self, offset: int) -> int | None:
        """It was delivered, or is not to be told; the offset to be committed now, None where one before is open."""
        self._settled.add(offset)
        reached = None
        while self._open and self._open[0] in self._settled:
            reached = self._open.popleft()
            self._settled.remove(reached)
        return None if reached is None else reached + 1
