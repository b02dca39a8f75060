"""A reference that is being counted, as state entries and back. Rule: history only grows, so its end alone is written.

What a builder counts is one document; the blocks of its history are entries of their own, so many to each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftd.engine.codec import counter_to_json, fill_counter
from driftd.engine.stream import Stream
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
from driftd.reference.build import Builder, LevelCounter
from driftd.reference.cut import Cut
from driftd.reference.document import schema_from_json, schema_to_json
from driftd.reference.history import PACKED_BLOCKS, HistoryCounter, small
from driftd.reference.profile import Profile

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """What of a stream's history is stored: so many of the first blocks of `counter`, of so many panes each."""

    counter: HistoryCounter | None = None
    blocks: int = 0
    block_panes: int = 0

    @property
    def entries(self) -> int:
        """How many entries that takes."""
        return -(-self.blocks // PACKED_BLOCKS)


def stored_history(stream: Stream) -> StoredHistory:
    """What is stored once the entries of `stream` are."""
    if stream.builder is None:
        return StoredHistory()
    counter = stream.builder.history
    return StoredHistory(counter, len(counter.blocks), counter.block_panes)


def history_entries(stream: Stream, stored: StoredHistory) -> dict[str, Document | None]:
    """The parts to write so that the history of `stream` is stored, None for one to delete."""
    now = stored_history(stream)
    begin = 0
    if now.counter is stored.counter and now.block_panes == stored.block_panes:
        begin = stored.blocks // PACKED_BLOCKS if now.blocks > stored.blocks else now.entries
    entries: dict[str, Document | None] = {}
    for number in range(begin, now.entries):
        if now.counter is not None:
            at_ms = now.counter.at_ms[number * PACKED_BLOCKS : (number + 1) * PACKED_BLOCKS]
            entries[_key(stream, number)] = {
                "counts": array_to_json(now.counter.blocks.chunk(number)),
                "at_ms": array_to_json(np.array(at_ms, np.int64)),
            }
    return entries | {_key(stream, number): None for number in range(now.entries, stored.entries)}


def _key(stream: Stream, number: int) -> str:
    return f"history.{stream.name.value}.{number}"


def growth_to_json(builder: Builder) -> Document:
    """What a reference that is watched has grown by: how it is cut, and what its first events were, its profile has."""
    return {
        "coarse_counts": array_to_json(builder.all_coarse_counts),
        "sums": array_to_json(builder.sums + builder.counter.sums),
        **_history_head(builder),
    }


def restore_growth(
    document: Document, parts: Mapping[str, Document], stream: Stream, profile: Profile
) -> Builder:
    """The builder of `growth_to_json`, of the `profile` that it made last."""
    builder = stream.builder_like(profile, profile.pane_events)
    builder.counts, builder.low, builder.high = profile.counts, profile.low, profile.high
    builder.coarse_counts = integers_from_json(document["coarse_counts"])
    builder.sums = integers_from_json(document["sums"])
    _fill_history(builder, document, parts, stream)
    return builder


def builder_to_json(builder: Builder) -> Document:
    """`builder` without the blocks of its history."""
    return {
        "schema": schema_to_json(builder.cut.schema),
        "coarse_of_fine": array_to_json(builder.cut.coarse_of_fine),
        "edges": array_to_json(builder.cut.edges),
        "center": array_to_json(builder.cut.center),
        "quantum": array_to_json(builder.cut.quantum),
        "levels": [[s, list(c.code_of_level), c.unbounded] for s, c in builder.levels.items()],
        "low": array_to_json(builder.low),
        "high": array_to_json(builder.high),
        "pane_events": builder.counter.pane_events,
        "counter": counter_to_json(builder.counter),
        "counts": array_to_json(builder.counts),
        "coarse_counts": array_to_json(builder.coarse_counts),
        "sums": array_to_json(builder.sums),
        **_history_head(builder),
    }


def restore_builder(document: Document, parts: Mapping[str, Document], stream: Stream) -> Builder:
    """The builder of `builder_to_json`, with the history that stands in the other `parts`."""
    cut = Cut(
        schema_from_json(document["schema"]),
        floats_from_json(document["edges"]),
        integers_from_json(document["coarse_of_fine"]),
        floats_from_json(document["center"]),
        floats_from_json(document["quantum"]),
    )
    builder = stream.builder_for(cut, document["pane_events"])
    for s, names, unbounded in document["levels"]:
        codes = {name: code for code, name in enumerate(names)}
        builder.levels[s] = LevelCounter(stream.levels_max, codes, unbounded)
    builder.low, builder.high = (np.array(floats_from_json(document[name])) for name in ("low", "high"))
    fill_counter(builder.counter, document["counter"])
    builder.counts, builder.coarse_counts, builder.sums = (
        integers_from_json(document[name]) for name in ("counts", "coarse_counts", "sums")
    )
    _fill_history(builder, document, parts, stream)
    return builder


def _history_head(builder: Builder) -> Document:
    """All of a history but its blocks."""
    kept = builder.history
    return {
        "blocks": len(kept.blocks),
        "block_panes": kept.block_panes,
        "pending": array_to_json(kept.pending),
        "pending_panes": kept.pending_panes,
        "pending_at_ms": kept.pending_at_ms,
        "events": builder.events,
        "first_ms": builder.first_ms,
        "last_ms": builder.last_ms,
    }


def _fill_history(
    builder: Builder, document: Document, parts: Mapping[str, Document], stream: Stream
) -> None:
    kept = builder.history
    for number in range(StoredHistory(None, document["blocks"]).entries):
        part = parts[_key(stream, number)]
        for block in integers_from_json(part["counts"]):
            kept.blocks.append(small(block))
        kept.at_ms += integers_from_json(part["at_ms"]).tolist()
    kept.block_panes, kept.pending = document["block_panes"], integers_from_json(document["pending"])
    kept.pending_panes, kept.pending_at_ms = document["pending_panes"], document["pending_at_ms"]
    builder.events = document["events"]
    builder.first_ms, builder.last_ms = document["first_ms"], document["last_ms"]
