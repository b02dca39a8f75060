"""Service-level objectives and how fast their error budgets burn. Rule: two windows, a long one and a short one.

Google's Site Reliability Workbook, chapter 5, table 5-8 (multiwindow, multi-burn-rate alerts): an objective allows a
share of bad events over 30 days; the burn rate is the share of bad events in a window divided by that. It is told where
the long window shows that enough of the budget is gone, and the short one that it is still going.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from driftd.config import Operations
from driftd.reference.cycle import DAY_MS, HOUR_MS

MINUTE_MS: Final = 60_000
BLOCK_MS: Final = 5 * MINUTE_MS
"""Events are counted in blocks of five minutes, those of more than six hours ago in blocks of an hour."""
FINE_MS: Final = 6 * HOUR_MS
BAD_MIN: Final = 10
"""With fewer bad events in the long window nothing is told: one failure of three events a day is no burn rate."""


@dataclass(frozen=True, slots=True)
class Windows:
    """A long and a short window, and the burn rate that both have to reach."""

    long_ms: int
    short_ms: int
    burn_rate: float
    urgent: bool


WINDOWS: Final = (
    Windows(HOUR_MS, 5 * MINUTE_MS, 14.4, urgent=True),  # 2 % of the budget of 30 days
    Windows(6 * HOUR_MS, 30 * MINUTE_MS, 6.0, urgent=True),  # 5 %
    Windows(3 * DAY_MS, 6 * HOUR_MS, 1.0, urgent=False),  # 10 %
)
HELD_MS: Final = 3 * DAY_MS


@dataclass(frozen=True, slots=True)
class Objective:
    """`allowed` is the share of events that may be bad; latency is bad above `latency_ms_max`, else failing is."""

    name: str
    signal: str
    allowed: float
    latency_ms_max: float | None = None


def objectives_of(settings: Operations) -> tuple[Objective, ...]:
    """The objectives that `settings` ask for."""
    told: list[Objective] = []
    for name, allowed in (
        ("latency_ms_p50_max", 0.5), ("latency_ms_p95_max", 0.05), ("latency_ms_p99_max", 0.01),
    ):  # fmt: skip
        latency_ms_max = getattr(settings, name)
        if latency_ms_max is not None:
            told.append(Objective(name, "latency_ms", allowed, latency_ms_max))
    if settings.failed_share_max is not None:
        told.append(Objective("failed_share_max", "failed", settings.failed_share_max))
    return tuple(told)


@dataclass(frozen=True, slots=True)
class Burning:
    """An objective burns: `share` of the events of the last `span_ms` were bad, `rate` times what is allowed."""

    objective: Objective
    windows: Windows
    span_ms: int
    share: float
    rate: float
    strength: float


@dataclass(slots=True)
class Burn:
    """What came of one objective lately. `blocks` are [begin in ms, events, bad ones], the oldest first."""

    objective: Objective
    blocks: list[list[int]] = field(default_factory=list)

    def add(self, at_ms: int, events: int, bad: int) -> None:
        """Count `events`, of which `bad` ones, that came up to the tick at `at_ms`."""
        begin_ms = at_ms // BLOCK_MS * BLOCK_MS
        if self.blocks and self.blocks[-1][0] >= begin_ms:
            self.blocks[-1][1] += events
            self.blocks[-1][2] += bad
            return
        self.blocks.append([begin_ms, events, bad])
        merged: dict[int, list[int]] = {}
        for begin, number, wrong in self.blocks:
            if begin < begin_ms - HELD_MS - HOUR_MS:
                continue
            key = begin if begin >= begin_ms - FINE_MS - HOUR_MS else begin // HOUR_MS * HOUR_MS
            block = merged.setdefault(key, [key, 0, 0])
            block[1] += number
            block[2] += wrong
        self.blocks = list(merged.values())

    def look(self, now_ms: int) -> Burning | None:
        """Whether the budget burns too fast at `now_ms`: by the most urgent of WINDOWS that say so."""
        for windows in WINDOWS:
            long, short = self._share(now_ms - windows.long_ms), self._share(now_ms - windows.short_ms)
            # where so many times what is allowed is more than everything, halfway from what is allowed must do
            allowed = self.objective.allowed
            limit = min(windows.burn_rate * allowed, (1 + allowed) / 2)
            if long[1] >= BAD_MIN and long[0] >= limit and short[0] >= limit:
                strength = min(long[0], short[0]) / limit
                # since there is something to look at, where that is not as long as the window
                span_ms = min(windows.long_ms, now_ms - self.blocks[0][0])
                return Burning(self.objective, windows, span_ms, long[0], long[0] / allowed, strength)
        return None

    def _share(self, since_ms: int) -> tuple[float, int]:
        """The share of bad events since then, to the width of a block, and how many they were."""
        events = bad = 0
        for begin_ms, number, wrong in self.blocks:
            if begin_ms > since_ms - BLOCK_MS:
                events, bad = events + number, bad + wrong
        return bad / max(events, 1), bad


def blocks_to_json(burns: Sequence[Burn]) -> dict[str, object]:
    """The blocks of each objective by its name."""
    return {burn.objective.name: burn.blocks for burn in burns}


def fill_blocks(burns: Sequence[Burn], document: Mapping[str, list[list[int]]]) -> None:
    """Put the blocks of `blocks_to_json` back; an objective that is new begins empty."""
    for burn in burns:
        burn.blocks = [list(block) for block in document.get(burn.objective.name, [])]
