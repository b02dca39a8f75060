"""How the reference's events came one after the other. Rule: bounded, and merged only by addition, so always the same.

The budget holds only where the null knows how a signal wanders by itself, and single counts do not show that: so the
counts of consecutive blocks of panes are kept. When they get too many, neighbours are merged in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from driftd.reference.layout import COARSE

BLOCKS_MAX: Final = 1_024
"""Enough that an hour of a month is a block."""
BLOCKS_MIN: Final = 128
PACKED_BLOCKS: Final = 32
CELLS_MAX: Final = 2**19
"""Counts kept at most: with many signals there are fewer blocks, BLOCKS_MIN at least."""


_COMPRESSOR = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR = zstandard.ZstdDecompressor()


@dataclass(frozen=True, slots=True)
class History:
    """Counts of consecutive blocks of one length, in the coarse bins of their profile.

    `counts` (t, s, 20) unsigned integers of the smallest type that holds them, `at_ms` (t,) int64: the time of each
    block's first event.
    """

    counts: NDArray[np.unsignedinteger]
    at_ms: NDArray[np.int64]

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return int(self.at_ms.size)

    def join(self, later: "History") -> "History":
        """Both histories, one after the other, in the order of time; blocks of the shorter length are merged first."""
        if not self.blocks or not later.blocks:
            return self if self.blocks else later
        first, second = (self, later) if self.at_ms[0] <= later.at_ms[0] else (later, self)
        length = max(first.block_events, second.block_events)
        first, second = first.coarsened(length), second.coarsened(length)
        counts = np.concatenate([first.counts.astype(np.uint64), second.counts.astype(np.uint64)])
        return History(small(counts), np.concatenate([first.at_ms, second.at_ms]))

    @property
    def block_events(self) -> int:
        """Events in a block: every signal has one value per event, so each row sums to it."""
        return int(self.counts[0, 0].sum()) if self.blocks and self.counts.shape[1] else 0

    @property
    def events(self) -> int:
        """Events in all blocks."""
        return self.blocks * self.block_events

    def coarsened(self, block_events: int) -> "History":
        """This history with blocks of at least `block_events`, merged in pairs; a block left over is dropped."""
        history = self
        while history.blocks >= 2 and history.block_events < block_events:
            history = history.halved()
        return history

    def halved(self) -> "History":
        """This history with neighbours merged."""
        pairs = self.blocks // 2
        counts = (
            self.counts[: 2 * pairs].reshape(pairs, 2, *self.counts.shape[1:]).sum(axis=1, dtype=np.uint64)
        )
        return History(small(counts), self.at_ms[: 2 * pairs : 2].copy())


def empty_history(signals: int) -> History:
    """A history without blocks."""
    return History(np.zeros((0, signals, COARSE.width), np.uint8), np.zeros(0, np.int64))


def blocks_max(signals: int) -> int:
    """How many blocks are kept of `signals` signals."""
    return int(np.clip(CELLS_MAX // (max(signals, 1) * COARSE.width), BLOCKS_MIN, BLOCKS_MAX))


class Blocks:
    """Counts of blocks in their order; PACKED_BLOCKS at a time are kept compressed, in a fifth of the memory."""

    def __init__(self) -> None:
        self._packed: list[tuple[np.dtype[np.unsignedinteger], tuple[int, ...], bytes]] = []
        self._latest: list[NDArray[np.unsignedinteger]] = []

    def __len__(self) -> int:
        return len(self._packed) * PACKED_BLOCKS + len(self._latest)

    def append(self, block: NDArray[np.unsignedinteger]) -> None:
        """Keep the next `block`, (s, 20)."""
        self._latest.append(block)
        if len(self._latest) == PACKED_BLOCKS:
            chunk = _stacked(self._latest)
            self._packed.append((chunk.dtype, chunk.shape, _COMPRESSOR.compress(chunk.tobytes())))
            self._latest = []

    def chunk(self, number: int) -> NDArray[np.unsignedinteger]:
        """The blocks from PACKED_BLOCKS x `number` on, PACKED_BLOCKS at most: (t, s, 20)."""
        if number == len(self._packed):
            return _stacked(self._latest)
        kind, shape, packed = self._packed[number]
        return np.frombuffer(_DECOMPRESSOR.decompress(packed), kind).reshape(shape)

    def all(self) -> NDArray[np.unsignedinteger]:
        """All of them, at least one, (t, s, 20)."""
        chunks = [self.chunk(number) for number in range(-(-len(self) // PACKED_BLOCKS))]
        return np.concatenate(chunks, dtype=np.result_type(*chunks))


def _stacked(blocks: Sequence[NDArray[np.unsignedinteger]]) -> NDArray[np.unsignedinteger]:
    return np.array(blocks, np.result_type(*blocks))


class HistoryCounter:
    """Gathers panes into a history. `block_panes` panes make a block; `pending` are those of the unfinished one."""

    def __init__(self, signals: int) -> None:
        self.signals = signals
        self.block_panes = 1
        self.blocks = Blocks()
        self.at_ms: list[int] = []
        self.pending = np.zeros((signals, COARSE.width), np.int64)
        self.pending_panes = 0
        self.pending_at_ms = 0

    def add(self, counts: NDArray[np.int64], at_ms: int) -> None:
        """Take a complete pane: coarse `counts` (s, 20), its first event at `at_ms`."""
        if self.pending_panes == 0:
            self.pending_at_ms = at_ms
        self.pending += counts
        self.pending_panes += 1
        if self.pending_panes < self.block_panes:
            return
        self.blocks.append(small(self.pending))
        self.at_ms.append(self.pending_at_ms)
        self.pending, self.pending_panes = np.zeros_like(self.pending), 0
        if len(self.blocks) >= blocks_max(self.signals):
            self._halve()

    def _halve(self) -> None:
        halved = self.history().halved()
        self.blocks, self.at_ms = Blocks(), halved.at_ms.tolist()
        for block in halved.counts:
            self.blocks.append(small(block))
        self.block_panes *= 2

    def history(self) -> History:
        """What was gathered in whole blocks."""
        if not len(self.blocks):
            return empty_history(self.signals)
        return History(self.blocks.all(), np.array(self.at_ms, np.int64))


def small(counts: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
    """`counts` in the smallest type that holds them."""
    kind = np.min_scalar_type(int(counts.max()) if counts.size else 0)
    return counts.astype(kind)
