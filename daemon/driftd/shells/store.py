"""The store: a shard's partition of the state topic, read to its end. Rule: read committed, and never a part of it.

To be read only after the transactional producer was started: that ends what an older owner left open.
"""

import asyncio
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftd.engine.state import State, StateError
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.shard import LAYOUT_KEY, Layout, StartOver, unseal_layout


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored: the engine's state, the layout it was written under (None: nothing was), sizes by key."""

    state: State
    layout: Layout | None


async def read_store(settings: KafkaSettings, topic: str, shard: int) -> Stored:
    """The state of `shard`. Raises StateError where it is foreign, StartOver where no broker answers in time."""
    consumer = AIOKafkaConsumer(
        **settings.client(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
    )
    timeout_s = settings.request_timeout_ms / 1000
    try:
        await asyncio.wait_for(consumer.start(), timeout_s)
        entries = await _read(consumer, TopicPartition(topic, shard), timeout_s)
    except (TimeoutError, KafkaError, OSError) as error:
        raise StartOver(f"the state could not be read from {topic}, partition {shard}: {error!r}") from error
    finally:
        await consumer.stop()
    layout = entries.pop(LAYOUT_KEY, None)
    return Stored(State(entries), None if layout is None else unseal_layout(layout))


async def _read(consumer: AIOKafkaConsumer, partition: TopicPartition, timeout_s: float) -> dict[str, bytes]:
    """The last value of each key that was not deleted."""
    consumer.assign([partition])
    begin = await asyncio.wait_for(consumer.beginning_offsets([partition]), timeout_s)
    end = await asyncio.wait_for(consumer.end_offsets([partition]), timeout_s)
    consumer.seek(partition, begin[partition])
    entries: dict[str, bytes] = {}
    quiet_s = 0.0
    while await consumer.position(partition) < end[partition]:
        fetched = await consumer.getmany(timeout_ms=200)
        quiet_s = 0.0 if fetched else quiet_s + 0.2
        if quiet_s > timeout_s:
            raise TimeoutError(f"nothing came for {timeout_s:g} s")
        for record in fetched.get(partition, ()):
            key = _key(partition, record.offset, record.key)
            entries.pop(key, None)
            if record.value is not None:
                entries[key] = record.value
    return entries


def _key(partition: TopicPartition, offset: int, key: bytes | None) -> str:
    try:
        if key is not None:
            return key.decode()
    except UnicodeDecodeError:
        pass
    raise StateError(
        f"the record at {partition.topic}, partition {partition.partition}, offset {offset} is not of driftd "
        f"(its key is {key!r}); point topics.state to a topic of driftd's own"
    )
