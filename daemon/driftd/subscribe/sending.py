"""Events for the control topic, with kafka-python. Rule: who returns from here knows where the brokers keep it."""

from kafka import KafkaProducer

from driftd.contract.events_in import Command, Deployment, RetrainingReply
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.answers import Place, encode_control
from driftd.subscribe.connection import named_errors
from driftd.subscribe.reading import connected, partition_numbers


def send_control(
    settings: KafkaSettings,
    topic: str,
    model: str,
    event: Command | Deployment | RetrainingReply,
    partition: int | None = None,
) -> Place:
    """Write `event` to the control topic and wait until the brokers have it.

    The key is `model`, and the partition follows from it where none is named. Raises BrokerUnavailable, BadInput where
    there is no such topic.
    """
    partition_numbers(settings, topic)  # the producer would wait for a missing topic as long as for a broker
    with named_errors(settings):
        producer = connected(
            KafkaProducer,
            **settings.client(), bootstrap_timeout_ms=settings.connect_timeout_ms, acks="all",
            max_block_ms=settings.request_timeout_ms, delivery_timeout_ms=2 * settings.request_timeout_ms,
        )  # fmt: skip
        try:
            sent = producer.send(topic, encode_control(event), model.encode(), None, partition)
            written = sent.get(timeout=2 * settings.request_timeout_ms / 1000)
        finally:
            producer.close(timeout=settings.request_timeout_ms / 1000)
    return Place(written.topic, written.partition, written.offset)
