"""Records as Kafka's clients give them, as ours. Rule: one place knows what the clients call things."""

from typing import Any

from driftd.contract.record import Record


def as_record(message: Any) -> Record:
    """A record of kafka-python, or of aiokafka, as ours."""
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )
