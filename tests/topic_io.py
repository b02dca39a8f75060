"""Plain reading and writing of topics for tests, with kafka-python: no code of driftd's own service is in between."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from driftd.contract.record import Record


class Message(NamedTuple):
    """What a test sends. `partition` None: chosen by the key's hash. `timestamp_ms` None: now."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


def produce(bootstrap: str, messages: Iterable[Message]) -> list[tuple[str, int, int]]:
    """Sends them in order, waits until all are acknowledged, and tells topic, partition, offset of each."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    try:
        sent = [
            producer.send(
                message.topic,
                message.value,
                message.key,
                list(message.headers),
                message.partition,
                message.timestamp_ms,
            )
            for message in messages
        ]
        producer.flush()
        placed = [future.get(timeout=30) for future in sent]
    finally:
        producer.close()
    return [(one.topic, one.partition, one.offset) for one in placed]


def consume_all(
    bootstrap: str, topic: str, *, read_committed: bool = True, seconds_max: float = 30.0
) -> list[Record]:
    """All records that are in the topic now, partition by partition, in offset order.

    With `read_committed` up to the last stable offset: neither aborted nor open transactions are seen.
    Raises TimeoutError where they cannot be read in `seconds_max`.
    """
    isolation = "read_committed" if read_committed else "read_uncommitted"
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False, group_id=None
    )
    try:
        partitions = [
            TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        if not partitions:
            raise LookupError(f"there is no topic {topic} at {bootstrap}")
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Record] = []
        deadline = time.monotonic() + seconds_max
        while any(consumer.position(one) < ends[one] for one in partitions):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} was not read to its end {ends} within {seconds_max:g} s")
            for source, polled in consumer.poll(timeout_ms=200).items():
                found += [as_record(one) for one in polled if one.offset < ends[source]]
    finally:
        consumer.close()
    return sorted(found, key=lambda one: (one.partition, one.offset))


def as_record(message: object) -> Record:
    """kafka-python's message as driftd's."""
    return Record(
        topic=message.topic,  # type: ignore[attr-defined]  # kafka-python ships no types
        partition=message.partition,  # type: ignore[attr-defined]
        offset=message.offset,  # type: ignore[attr-defined]
        timestamp_ms=message.timestamp,  # type: ignore[attr-defined]
        key=message.key,  # type: ignore[attr-defined]
        value=message.value,  # type: ignore[attr-defined]
        headers=tuple(message.headers),  # type: ignore[attr-defined]
    )
