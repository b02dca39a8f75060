"""Up to where everything is settled. Rule: an offset is committed only when all notices before it were settled.

Notices of different incidents are delivered beside each other, so they are settled in any order.
"""

from collections import deque


class Ledger:
    """The notices of one partition that are on their way."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._settled: set[int] = set()

    def __len__(self) -> int:
        """How many are on their way, or wait for one that is."""
        return len(self._open)

    def take(self, offset: int) -> None:
        """One more is on its way. Offsets rise; markers of transactions leave holes between them."""
        if self._open and offset <= self._open[-1]:
            raise ValueError(f"offset {offset} came after {self._open[-1]}")
        self._open.append(offset)

    def settle(self, offset: int) -> int | None:
        """It was delivered, or is not to be told; the offset to be committed now, None where one before is open."""
        self._settled.add(offset)
        reached = None
        while self._open and self._open[0] in self._settled:
            reached = self._open.popleft()
            self._settled.remove(reached)
        return None if reached is None else reached + 1
