"""A shard's transactions and its store, on a real broker: all or none, and only the newest owner."""

import asyncio

import pytest

from broker import Broker, free_ports
from driftd.config import Topics
from driftd.engine.state import State, StateError
from driftd.kafka_settings import KafkaSettings
from driftd.shard import Fenced, Layout, Message, ShardError, StartOver, TopicLayout, seal_layout
from driftd.shells.store import read_store
from driftd.shells.topics import read_layout
from driftd.shells.transactions import Transactions
from topic_io import consume_all


@pytest.fixture
def topic(broker: Broker, topic_prefix: str) -> str:
    """A compacted topic."""
    name = f"{topic_prefix}state"
    broker.create_topics({name: 2}, {name: {"cleanup.policy": "compact"}})
    return name


def settings(broker: Broker) -> KafkaSettings:
    return KafkaSettings((broker.bootstrap,), request_timeout_ms=5_000)


def test_a_newer_owner_fences_an_older_one(broker: Broker, topic: str) -> None:
    async def two_owners() -> None:
        older, newer = Transactions(settings(broker), topic), Transactions(settings(broker), topic)
        try:
            await older.start()
            await older.commit([Message(topic, b"k", b"older", (), 0)])
            await newer.start()
            with pytest.raises(Fenced):
                await older.commit([Message(topic, b"k", b"zombie", (), 0)])
            with pytest.raises((Fenced, StartOver)):
                await older.commit([Message(topic, b"k", b"zombie again", (), 0)])
            await newer.commit([Message(topic, b"k", b"newer", (), 0)])
        finally:
            await older.close()
            await newer.close()

    asyncio.run(two_owners())
    assert [record.value for record in consume_all(broker.bootstrap, topic)] == [b"older", b"newer"]


def test_a_transaction_that_cannot_be_sent_whole_is_not_sent_at_all(broker: Broker, topic: str) -> None:
    async def broken() -> None:
        transactions = Transactions(settings(broker), topic)
        try:
            await transactions.start()
            too_large = bytes(16 * 1024 * 1024)
            with pytest.raises(StartOver):
                await transactions.commit(
                    [Message(topic, b"a", b"1", (), 0), Message(topic, b"b", too_large, (), 0)]
                )
        finally:
            await transactions.close()

    asyncio.run(broken())
    assert consume_all(broker.bootstrap, topic) == []


def test_the_store_gives_the_last_value_of_each_key_and_nothing_that_was_deleted(
    broker: Broker, topic: str
) -> None:
    layout = Layout({"predictions": TopicLayout("id", 2)}, 1)

    async def write_and_read() -> tuple[object, object]:
        transactions = Transactions(settings(broker), topic)
        try:
            await transactions.start()
            entries = [
                (b"a", b"1"),
                (b"b", b"2"),
                (b"a", b"3"),
                (b"b", None),
                (b"layout", seal_layout(layout)),
            ]
            for key, value in entries:
                await transactions.commit([Message(topic, key, value, (), 1)])
            return await read_store(settings(broker), topic, 1), await read_store(settings(broker), topic, 0)
        finally:
            await transactions.close()

    stored, other = asyncio.run(write_and_read())
    assert (stored.state, stored.layout) == (State({"a": b"3"}), layout)  # type: ignore[attr-defined]
    assert (other.state, other.layout) == (State({}), None)  # type: ignore[attr-defined]


def test_a_state_topic_that_is_missing_is_named(broker: Broker) -> None:
    with pytest.raises(ShardError, match=r"missing topics: .*driftd topics create"):
        read_layout(settings(broker), Topics(predictions=("never-made",)))


def test_no_broker_means_to_start_over() -> None:
    nobody = KafkaSettings((f"127.0.0.1:{free_ports(1)[0]}",), request_timeout_ms=1_000)

    async def try_both() -> None:
        transactions = Transactions(nobody, "x")
        with pytest.raises(StartOver):
            await read_store(nobody, "driftd.state", 0)
        with pytest.raises(StartOver):
            await transactions.start()
        await transactions.close()

    asyncio.run(try_both())


def test_a_key_that_is_no_text_is_foreign(broker: Broker, topic: str) -> None:
    async def write_and_read() -> None:
        transactions = Transactions(settings(broker), topic)
        try:
            await transactions.start()
            await transactions.commit([Message(topic, b"\xff", b"1", (), 0)])
            await read_store(settings(broker), topic, 0)
        finally:
            await transactions.close()

    with pytest.raises(StateError, match="offset 0 is not of driftd"):
        asyncio.run(write_and_read())
