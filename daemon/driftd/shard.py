"""A shard: which partitions it owns, and whether it may go on from where it was. Rule: no record is lost silently.

Partition p of each input topic belongs to shard p % shard_count. Beside the engine's entries the state topic holds one
of ours, the layout: which topics (by Kafka's topic id) with how many partitions, and how many shards. What has
changed since is looked at at each start:

- a topic has another id, or ends before our offset: it was deleted and made anew          -> ShardError
- the first record that is still there lies behind our offset + 1: retention took some     -> ShardError, with the gap
- shard_count differs: each shard would own other partitions than its state knows of       -> ShardError
- a topic has more partitions: with one shard they are read from their beginning, nothing is lost;
  with more shards a key may now belong to another shard than its state does               -> ShardError
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from driftd.contract.record import Source
from driftd.engine.state import StateError, seal, unseal
from driftd.errors import EXIT_CONFIG, DriftdError

LAYOUT_KEY: Final = "layout"
BEGIN_ANEW: Final = "to begin anew, name another topic in topics.state (or delete the old one) and restart"


class ShardError(DriftdError):
    """Why a shard cannot go on; the message says which topic, which offsets, and what can be done."""

    exit_code = EXIT_CONFIG


class Gap(ShardError):
    """Records of an input are gone, or offsets mean nothing any more, from `offset` of `source` on."""

    def __init__(self, message: str, source: Source, offset: int) -> None:
        super().__init__(message)
        self.source = source
        self.offset = offset


class Fenced(Exception):
    """Another worker owns the shard now."""


class StartOver(Exception):
    """What became of a request is unknown, or what was looked at at the start has changed: go back to the store."""


class Message(NamedTuple):
    """One message to be sent; without a partition, its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """A topic as it is in the cluster. `topic_id` tells it from a later one of the same name."""

    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The input topics, and into how many shards they are split."""

    topics: Mapping[str, TopicLayout]
    shard_count: int

    def sources(self, shard: int) -> list[Source]:
        """The partitions that `shard` owns."""
        return [
            Source(topic, partition)
            for topic, layout in self.topics.items()
            for partition in range(shard, layout.partitions, self.shard_count)
        ]


def seal_layout(layout: Layout) -> bytes:
    """`layout` as an entry of the state topic."""
    topics = {name: [topic.topic_id, topic.partitions] for name, topic in sorted(layout.topics.items())}
    return seal({"topics": topics, "shard_count": layout.shard_count})


def unseal_layout(value: bytes) -> Layout:
    """The layout of an entry. Raises StateError where it is none."""
    document = unseal(LAYOUT_KEY, value)
    try:
        topics = {name: TopicLayout(*fields) for name, fields in document["topics"].items()}
        return Layout(topics, document["shard_count"])
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"state entry {LAYOUT_KEY!r} does not fit together ({error!r}); {BEGIN_ANEW}"
        ) from None


def check_layout(stored: Layout, now: Layout) -> None:
    """Whether a shard whose state was written under `stored` may go on under `now`. Raises ShardError, Gap."""
    if stored.shard_count != now.shard_count:
        raise ShardError(
            f"topics.shard_count is {now.shard_count}, the stored state is of {stored.shard_count} shards; "
            f"set it back, or {BEGIN_ANEW}"
        )
    for name, before in stored.topics.items():
        after = now.topics.get(name)
        if after is None:
            continue  # it was taken out of the configuration
        if after.topic_id != before.topic_id:
            raise Gap(
                f"topic {name} was deleted and made anew (its id was {before.topic_id}, is {after.topic_id}): "
                f"stored offsets mean nothing in it; {BEGIN_ANEW}",
                Source(name, 0),
                0,
            )
        if after.partitions != before.partitions and now.shard_count > 1:
            raise ShardError(
                f"topic {name} has {after.partitions} partitions, the stored state is of {before.partitions}: "
                f"with {now.shard_count} shards a model may now belong to another one; {BEGIN_ANEW}"
            )


def check_offsets(
    applied: Mapping[Source, int], begins: Mapping[Source, int], ends: Mapping[Source, int]
) -> dict[Source, int]:
    """Where to go on in each partition of `begins`, offsets applied before given. Raises Gap."""
    starts: dict[Source, int] = {}
    for source, begin in begins.items():
        last = applied.get(source)
        if last is None:
            starts[source] = begin
            continue
        if last + 1 > ends[source]:
            raise Gap(
                f"topic {source.topic}, partition {source.partition} ends at offset {ends[source]}, but records up to "
                f"{last} were applied: it was deleted and made anew, or lost records; {BEGIN_ANEW}",
                source,
                ends[source],
            )
        if last + 1 < begin:
            raise Gap(gap_message(source, last + 1, begin), source, last + 1)
        starts[source] = last + 1
    return starts


def gap_message(source: Source, wanted: int, begin: int) -> str:
    """What to say where retention was faster than we were."""
    return (
        f"topic {source.topic}, partition {source.partition}: records {wanted} to {begin - 1} ({begin - wanted} of "
        f"them) were deleted by the topic's retention before they were read; {BEGIN_ANEW}"
    )


def check_orphans(applied: Mapping[Source, int], owned: Iterable[Source], topics: Iterable[str]) -> None:
    """No partition that was read before may be missing now. Raises Gap."""
    mine, names = set(owned), set(topics)
    for source, last in applied.items():
        if source.topic in names and source not in mine:
            raise Gap(
                f"topic {source.topic} has no partition {source.partition} any more, or it belongs to another shard "
                f"now, but the stored state has read it; {BEGIN_ANEW}",
                source,
                last + 1,
            )
