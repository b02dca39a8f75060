"""What a shard's loop is made of, as far as the loop knows. Rule: a part is asked only for what stands here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftd.contract.record import Record, Source
from driftd.engine.outputs import Outputs
from driftd.engine.state import State
from driftd.engine.status import EngineStatus
from driftd.shard import Layout, Message


class Engine(Protocol):
    """What the loop asks of an engine."""

    @property
    def offsets(self) -> Mapping[Source, int]:
        """The last offset applied of each partition."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """What was counted since the state began."""
        ...

    def apply(self, records: Sequence[Record], /) -> Outputs:
        """Take records; what is to be told of them."""
        ...

    def changes(self) -> dict[str, bytes | None]:
        """State entries that changed since last asked, None for one to delete."""
        ...

    def status(self) -> EngineStatus:
        """How the models are."""
        ...


class Stored(Protocol):
    """What was in the store."""

    @property
    def state(self) -> State:
        """The engine's entries."""
        ...

    @property
    def layout(self) -> Layout | None:
        """The layout that they were written under, None where there are none."""
        ...


class Inputs(Protocol):
    """Input partitions of which records are fetched and taken in order."""

    async def open(self, applied: Mapping[Source, int], /) -> None:
        """Connect, and go to the records after those applied."""
        ...

    async def fetch(self, wait_ms: int, /) -> None:
        """Let more records wait."""
        ...

    async def take(self, records_max: int, /) -> list[Record]:
        """The next records in applied order."""
        ...

    def ends(self) -> Mapping[Source, int]:
        """Where each partition is known to end: the offset of the record that comes next."""
        ...

    def reached(self, ends: Mapping[Source, int], applied: Mapping[Source, int], /) -> bool:
        """Whether all before `ends` was taken, `applied` being the last offsets that were."""
        ...

    def lag_records(self) -> Mapping[Source, int]:
        """How many records of each partition were not taken yet."""
        ...

    def check_partitions(self, layout: Layout, /) -> None:
        """Whether the topics still are as `layout` says."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Transactions(Protocol):
    """A transactional producer."""

    async def start(self) -> None:
        """Connect, and fence every older owner."""
        ...

    async def commit(self, messages: Sequence[Message], /) -> None:
        """Send `messages`, all or none."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a shard's loop is made of; each is made anew whenever the loop starts over."""

    transactions: Callable[[int], Transactions]
    layout: Callable[[], Awaitable[Layout]]
    store: Callable[[int], Awaitable[Stored]]
    inputs: Callable[[Sequence[Source]], Inputs]
    engine: Callable[[State], Engine]
