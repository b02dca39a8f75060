"""What is read with kafka-python, once: the compacted topic of what is open. Rule: up to what there is at the call.

The compacted topic is written in the transaction of the alerts, but its part of a transaction may become visible a
moment later. So it is read up to its high watermark, transactions that were open at the call included, and whoever asks
first for the end of `driftd.alerts` and then reads this has everything that was published before that end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.net.compat import KafkaNetClient
from kafka.partitioner.default import murmur2

from driftd.contract.record import Record
from driftd.errors import BadInput, BrokerUnavailable
from driftd.kafka_records import as_record
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.subscribe.connection import named_errors

POLL_MS: Final = 200
POLL_RECORDS_MAX: Final = 1_000
TRANSACTION_MS_MAX: Final = 120_000
"""How long to wait for a transaction that is open: the brokers abort one of a daemon that died after a minute."""


@contextmanager
def consumer(
    settings: KafkaSettings, group: str | None = None, *, isolation: str = "read_committed", **more: Any
) -> Iterator[Any]:
    """A consumer that commits and resets nothing by itself. Raises BrokerUnavailable, also for what is done with it."""
    with named_errors(settings):
        made = open_consumer(settings, group, isolation=isolation, **more)
        try:
            yield made
        finally:
            made.close()


def open_consumer(
    settings: KafkaSettings, group: str | None, *, isolation: str = "read_committed", **more: Any
) -> Any:
    """As `consumer`, to be closed by the caller; errors are kafka-python's."""
    return connected(
        KafkaConsumer,
        **settings.client(),
        bootstrap_timeout_ms=settings.connect_timeout_ms,
        group_id=group,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        **more,
    )


def connected(client: Callable[..., Any], **arguments: Any) -> Any:
    """A client of kafka-python, which by itself leaves a thread and sockets behind where it cannot connect."""
    made = []

    def network(**its_arguments: Any) -> Any:
        made.append(KafkaNetClient(**its_arguments))
        return made[0]

    try:
        return client(**arguments, kafka_client=network)
    except BaseException:
        for one in made:
            one.close()
        raise


def partitions_of(client: Any, settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    """The partitions of `topic`. Raises BadInput where it is not there."""
    numbers = client.partitions_for_topic(topic)
    if not numbers:
        raise BadInput(missing_topic(topic, settings))
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def partition_numbers(settings: KafkaSettings, topic: str) -> list[int]:
    """The partitions of `topic`, with a connection for that. Raises BrokerUnavailable, BadInput as `partitions_of`."""
    with consumer(settings) as client:
        return [int(one.partition) for one in partitions_of(client, settings, topic)]


def missing_topic(topic: str, settings: KafkaSettings) -> str:
    """That `topic` is not there, and what to do."""
    remedy = "make it with `driftd topics create`, or name the right one"
    return f"there is no topic {topic} at {settings.addresses}: {remedy}"


def read_to_end(settings: KafkaSettings, topic: str) -> list[Record]:
    """All committed records of `topic` up to its high watermark at the call, partition by partition.

    Raises BrokerUnavailable, BadInput where there is no such topic.
    """
    with consumer(settings, isolation="read_uncommitted") as client:
        partitions = partitions_of(client, settings, topic)
        ends = client.end_offsets(partitions)
    found: list[Record] = []
    with consumer(settings) as client:
        client.assign(partitions)
        begins = client.beginning_offsets(partitions)
        for partition in partitions:
            client.seek(partition, begins[partition])
        deadline = monotonic() + TRANSACTION_MS_MAX / 1000
        while any(client.position(one) < ends[one] for one in partitions):
            if monotonic() > deadline:
                raise BrokerUnavailable(
                    f"topic {topic} at {settings.addresses} was not to be read to its end within "
                    f"{TRANSACTION_MS_MAX // 1000} s: a transaction is still open, or the brokers do not answer"
                )
            polled = client.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
            found += [
                as_record(one)
                for partition, messages in polled.items()
                for one in messages
                if one.offset < ends[partition]
            ]
    return found


def partition_rule(partitions: int) -> Callable[[bytes], int]:
    """In which of `partitions` the records of a key are: the rule of Kafka's clients, which driftd sends by."""
    return lambda key: (murmur2(key) & 0x7FFFFFFF) % partitions
