"""The journal: in which order records were applied. Rule: written in the transaction that holds what came of them.

One record per commit, at most `RUNS_MAX` runs in one: {"runs": [[topic, partition, first offset, last offset], ...]}.
A run of the journal itself is a tick, whose offset is its time (see `driftd.ticks`).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from driftd.alignment import Run
from driftd.contract.record import Source

RUNS_MAX: Final = 10_000
"""Runs in one journal record: far below the size that a broker takes, topics of long names included."""


class JournalError(Exception):
    """A journal record that is none; the message says what is wrong."""


class _Entry(msgspec.Struct):
    runs: list[tuple[str, int, int, int]]


_DECODER = msgspec.json.Decoder(_Entry)


def encode_runs(runs: Sequence[Run]) -> Iterator[bytes]:
    """`runs` as the values of journal records."""
    for begin in range(0, len(runs), RUNS_MAX):
        part = runs[begin : begin + RUNS_MAX]
        yield msgspec.json.encode({"runs": [(*run.source, run.first, run.last) for run in part]})


def decode_runs(value: bytes | None) -> list[Run]:
    """The runs of one journal record. Raises JournalError where it is none."""
    try:
        entry = _DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalError(f"it is no journal record of driftd: {error}") from None
    return [Run(Source(topic, partition), first, last) for topic, partition, first, last in entry.runs]
