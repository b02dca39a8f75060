"""The tests' broker is a real Kafka: what is acknowledged survives a crash, and open transactions are not seen."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from kafka.errors import TopicAlreadyExistsError

from broker import Broker, answers, free_ports
from topic_io import Message, consume_all, produce


def test_what_was_sent_is_read_back_with_key_headers_time_and_place(
    broker: Broker, topic_prefix: str
) -> None:
    topic = topic_prefix + "in"
    broker.create_topics({topic: 2})
    sent = [
        Message(topic, b"one", b"k", 1, (("kind", b"x"),), 1_000),
        Message(topic, None, b"k", 0, (), 2_000),
        Message(topic, b"three", None, 1, (), 3_000),
    ]
    assert produce(broker.bootstrap, sent) == [(topic, 1, 0), (topic, 0, 0), (topic, 1, 1)]
    told = [
        (one.partition, one.offset, one.timestamp_ms, one.key, one.value, one.headers)
        for one in consume_all(broker.bootstrap, topic)
    ]
    assert told == [
        (0, 0, 2_000, b"k", None, ()),
        (1, 0, 1_000, b"k", b"one", (("kind", b"x"),)),
        (1, 1, 3_000, None, b"three", ()),
    ]


def test_readers_of_committed_records_see_no_aborted_and_no_open_transaction(
    broker: Broker, topic_prefix: str
) -> None:
    topic = topic_prefix + "out"
    broker.create_topics({topic: 1})

    async def transactions() -> list[bytes | None]:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"committed")
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"aborted")
            await producer.abort_transaction()
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"open")
            seen = [one.value for one in await asyncio.to_thread(consume_all, broker.bootstrap, topic)]
            await producer.abort_transaction()
        finally:
            await producer.stop()
        return seen

    assert asyncio.run(transactions()) == [b"committed"]
    everything = consume_all(broker.bootstrap, topic, read_committed=False)
    assert [one.value for one in everything] == [b"committed", b"aborted", b"open"]


def test_what_was_acknowledged_survives_a_kill_and_the_address_stays(own_broker: Broker) -> None:
    address = own_broker.bootstrap
    own_broker.create_topics({"kept": 1})
    produce(address, [Message("kept", b"before")])
    own_broker.kill9()
    assert not answers(int(address.partition(":")[2]))
    own_broker.start()
    assert own_broker.bootstrap == address
    produce(address, [Message("kept", b"after")])
    assert [one.value for one in consume_all(address, "kept")] == [b"before", b"after"]


def test_topics_are_made_with_their_settings_and_never_by_accident(broker: Broker, topic_prefix: str) -> None:
    topic = topic_prefix + "once"
    broker.create_topics({topic: 3}, {topic: {"cleanup.policy": "compact"}})
    with pytest.raises(TopicAlreadyExistsError):
        broker.create_topics({topic: 3})
    with pytest.raises(LookupError, match="there is no topic"):
        consume_all(broker.bootstrap, topic_prefix + "unknown")


def test_a_stopped_broker_can_be_stopped_again_and_not_killed(own_broker: Broker) -> None:
    own_broker.stop()
    own_broker.stop()
    assert own_broker.pid is None
    with pytest.raises(RuntimeError, match="not running"):
        own_broker.kill9()


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(8))) == 8
