"""Replay: records of a recording through the engine. Rule: nothing is decided here, and nothing is left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from driftd.contract.record import Record
from driftd.engine.outputs import OutputEvent, Outputs


class Applies(Protocol):
    """An engine, as far as replay needs one."""

    def apply(self, records: Sequence[Record]) -> Outputs:
        """Take records in applied order; what is to be told of them."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """How a replay went: records read and the wall time that it took."""

    records: int
    seconds: float


def replay(engine: Applies, chunks: Iterable[Sequence[Record]], tell: Callable[[OutputEvent], None]) -> Ran:
    """Apply all `chunks` in order and `tell` each event that comes out, in order."""
    started, records = perf_counter(), 0
    for chunk in chunks:
        records += len(chunk)
        for event in engine.apply(chunk).events:
            tell(event)
    return Ran(records, perf_counter() - started)
