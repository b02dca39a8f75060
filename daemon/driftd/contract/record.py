"""A record: one Kafka message and where it came from. Rule: nothing here knows what the bytes mean."""

from typing import NamedTuple

import msgspec


class Source(NamedTuple):
    """One partition of one input topic."""

    topic: str
    partition: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """One Kafka message.

    A msgspec struct and not a dataclass: a hundred thousand of them are made each second.
    `timestamp_ms` is the broker's or the producer's timestamp, -1 where the log has none.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def source(self) -> Source:
        """The partition that the record was read from."""
        return Source(self.topic, self.partition)
