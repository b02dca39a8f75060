"""What the daemon shows of itself. Rule: the loops write here, /readyz and /metrics only read.

Plain values that are replaced as a whole, never an engine: it may be at work in another thread.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftd.contract.record import Source
from driftd.engine.status import EngineStatus


class Phase(StrEnum):
    """Where a shard's loop is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    FENCED = "fenced"
    FAILED = "failed"
    STOPPED = "stopped"


def _nothing(_: float) -> None:
    pass


@dataclass(slots=True)
class ShardView:
    """One shard as it was a moment ago. `reason` says why it is not running."""

    shard: int
    phase: Phase = Phase.STARTING
    reason: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    status: EngineStatus = field(default_factory=lambda: EngineStatus(0, ()))
    lag_records: Mapping[Source, int] = field(default_factory=dict)
    state_bytes: Mapping[str, int] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    published: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    restarts: int = 0
    committed: Callable[[float], None] = _nothing
    """Called with the seconds that each commit took."""


@dataclass(slots=True)
class ServiceView:
    """The worker: the shards that it owns, None before the first assignment; and how many all workers share."""

    shards: dict[int, ShardView] | None = None
    shard_count: int = 1

    def unready(self) -> list[str]:
        """Why the worker is not ready, a sentence each; a worker that owns nothing is a ready stand-by."""
        if self.shards is None:
            return ["no shards are assigned yet"]
        return [
            f"shard {view.shard} is {view.phase.value}" + (f": {view.reason}" if view.reason else "")
            for _, view in sorted(self.shards.items())
            if view.phase is not Phase.RUNNING
        ]
