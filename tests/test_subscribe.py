"""Subscribers on a real broker: what they get first, what they get again, and what they say back."""

import asyncio
import json
import subprocess
import sys
import threading

import pytest
from aiokafka import AIOKafkaProducer

from architecture import ROOT
from broker import Broker, free_ports
from doc_blocks import blocks
from driftd import subscribe
from driftd.config import Topics
from driftd.contract.events_in import Deployment, RetrainingReply
from driftd.contract.events_out import DataRange
from driftd.errors import BadInput
from driftd.subscribe import Alert, Request, Selection, aio
from driftd.subscribe.reading import partition_rule, read_to_end
from driftd_process import environment
from told import alert_data, cloudevent, named_topics, published, request_data
from topic_io import Message, consume_all, produce


@pytest.fixture
def topics(broker: Broker, topic_prefix: str) -> Topics:
    """Empty topics of this test; alerts in two partitions."""
    named = named_topics(topic_prefix)
    broker.create_topics(
        {named.alerts: 2, named.retraining: 1, named.incidents: 1, named.control: 2},
        {named.incidents: {"cleanup.policy": "compact"}},
    )
    return named


def told(alerts: list[Alert]) -> list[tuple[str, int]]:
    return sorted((alert.data.incident_id, alert.data.number) for alert in alerts)


def test_a_late_joiner_gets_what_is_open_then_what_comes_and_goes_on_where_it_was(
    broker: Broker, topics: Topics
) -> None:
    over = alert_data(2, "inc-2", "fraud", phase="resolved")
    before = [
        alert_data(1),
        alert_data(1, "inc-2", "fraud"),
        alert_data(2),
        over,
        alert_data(1, "inc-3", "fraud"),
    ]
    produce(broker.bootstrap, published(topics, *before))
    with subscribe.alerts(broker.bootstrap, group="late", topics=topics, follow=False) as alerts:
        assert told(list(alerts)) == [("inc-1", 2), ("inc-3", 1)]
    after = [alert_data(3), alert_data(4)]
    produce(broker.bootstrap, [*published(topics, *after), Message(topics.alerts, b"{", b"churn")])
    with subscribe.alerts(broker.bootstrap, group="late", topics=topics, follow=False) as alerts:
        first = next(alerts)  # and it is never done
    with subscribe.alerts(broker.bootstrap, group="late", topics=topics, follow=False) as alerts:
        again = next(alerts)
        assert again.id == first.id
        alerts.done(again)
    with subscribe.alerts(broker.bootstrap, group="late", topics=topics, follow=False) as alerts:
        assert told([again, *alerts]) == [("inc-1", 3), ("inc-1", 4)]
        assert alerts.skipped == {"not_json": 1}


def test_the_asynchronous_subscriber_keeps_the_same_promises_and_the_same_offsets(
    broker: Broker, topics: Topics
) -> None:
    produce(
        broker.bootstrap, published(topics, alert_data(1), alert_data(2), alert_data(1, "inc-3", "fraud"))
    )

    async def all_of(group: str | None, *, start: subscribe.Start = "open") -> list[tuple[str, int]]:
        opened = aio.alerts(broker.bootstrap, group=group, topics=topics, follow=False, start=start)
        async with opened as alerts:
            return told([alert async for alert in alerts])

    async def first_of(group: str, *, is_done: bool) -> str:
        async with aio.alerts(broker.bootstrap, group=group, topics=topics) as alerts:
            alert = await anext(alerts)
            if is_done:
                await alerts.done(alert)
            return alert.id

    assert asyncio.run(all_of("one")) == [("inc-1", 2), ("inc-3", 1)]
    assert asyncio.run(all_of(None, start="beginning")) == [("inc-1", 1), ("inc-1", 2), ("inc-3", 1)]
    produce(broker.bootstrap, published(topics, alert_data(3), alert_data(4)))
    begun = asyncio.run(first_of("one", is_done=False))
    assert asyncio.run(first_of("one", is_done=True)) == begun
    with subscribe.alerts(broker.bootstrap, group="one", topics=topics, follow=False) as alerts:
        (rest,) = alerts
    assert (begun, rest.id) == ("inc-1.3", "inc-1.4")


def test_members_of_a_group_share_the_partitions_and_what_is_open(broker: Broker, topics: Topics) -> None:
    rule = partition_rule(2)
    models = {f"m{number}" for number in range(6)}
    assert {rule(model.encode()) for model in models} == {0, 1}
    produce(broker.bootstrap, published(topics, *(alert_data(1, f"inc-{one}", one) for one in models)))
    found: dict[str, set[str]] = {"left": set(), "right": set()}

    def listen(name: str) -> None:
        with subscribe.alerts(broker.bootstrap, group="both", topics=topics) as alerts:
            for alert in alerts:
                found[name].add(alert.data.model)
                if all(found.values()) and set.union(*found.values()) == models:
                    break

    threads = [threading.Thread(target=listen, args=(name,)) for name in found]
    for thread in threads:
        thread.start()
    for number in range(2, 200):  # both have something to do until each has been given something
        produce(
            broker.bootstrap, published(topics, *(alert_data(number, f"inc-{one}", one) for one in models))
        )
        threads[number % 2].join(0.2)
        if not any(thread.is_alive() for thread in threads):
            break
    assert found["left"] | found["right"] == models
    assert all(found.values())


def test_who_is_at_work_on_an_event_keeps_it_while_another_joins(broker: Broker, topics: Topics) -> None:
    produce(broker.bootstrap, published(topics, alert_data(1)))

    async def second() -> str:
        async with aio.alerts(broker.bootstrap, group="work", topics=topics) as alerts:
            async for alert in alerts:
                await alerts.done(alert)
                return alert.id
        return "none"

    async def first() -> tuple[str, str]:
        async with aio.alerts(broker.bootstrap, group="work", topics=topics) as alerts:
            alert = await anext(alerts)
            joining = asyncio.create_task(second())
            await asyncio.to_thread(produce, broker.bootstrap, published(topics, alert_data(2)))
            await asyncio.wait([joining], timeout=1.5)  # enough for it to take the event, if it could
            assert not joining.done()
            await alerts.done(alert)
        return alert.id, await joining

    assert asyncio.run(first()) == ("inc-1.1", "inc-1.2")


def test_what_is_open_is_read_with_transactions_that_are_open(broker: Broker, topics: Topics) -> None:
    _, key, _, value = cloudevent(alert_data(1))

    async def committed_while_somebody_reads() -> list[bytes | None]:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topics.incidents)
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(topics.incidents, value, key.encode())
            reading = asyncio.create_task(
                asyncio.to_thread(read_to_end, subscribe.connection(broker.bootstrap), topics.incidents)
            )
            await asyncio.sleep(0.5)  # it would be at the last stable offset by now
            assert not reading.done()
            await producer.commit_transaction()
            return [record.value for record in await reading]
        finally:
            await producer.stop()

    assert asyncio.run(committed_while_somebody_reads()) == [value]


def test_a_worker_takes_a_request_and_answers_it(broker: Broker, topics: Topics) -> None:
    cancelled = request_data("req-2", "fraud", phase="cancelled", reason="the signals are back")
    produce(broker.bootstrap, published(topics, request_data(), request_data("req-2", "fraud"), cancelled))

    def is_open(request: Request) -> bool:
        return request.data.phase == "requested"

    chosen = Selection(models=["churn"])
    with subscribe.requests(
        broker.bootstrap, group="train", topics=topics, follow=False, selection=chosen
    ) as requests:
        (request,) = filter(is_open, requests)
        requests.reply(request, "accepted")
        place = requests.deployed(request, "8")

    async def refuse() -> None:
        async with aio.requests(broker.bootstrap, topics=topics, follow=False) as found:
            async for one in found:
                await found.reply(one, "rejected", reason="no money")
                await found.deployed(one, "9")

    asyncio.run(refuse())
    records = consume_all(broker.bootstrap, topics.control)
    assert {record.key for record in records} == {b"churn"}
    assert {record.partition for record in records} == {partition_rule(2)(b"churn")} == {place.partition}
    events = [json.loads(record.value or b"") for record in records]
    replies = [RetrainingReply.model_validate(event) for event in events[::2]]
    assert [(reply.request_id, reply.status, reply.reason) for reply in replies] == [
        ("req-1", "accepted", None),
        ("req-1", "rejected", "no money"),
    ]
    deployments = [Deployment.model_validate(event) for event in events[1::2]]
    assert [(one.model, one.model_version, one.request_id) for one in deployments] == [
        ("churn", "8", "req-1"),
        ("churn", "9", "req-1"),
    ]


def test_a_missing_topic_is_named_with_its_remedy(broker: Broker) -> None:
    missing = Topics(alerts="nobody.alerts", control="nobody.control")
    with pytest.raises(BadInput, match=r"no topic nobody\.alerts at .*driftd topics create"):
        subscribe.alerts(broker.bootstrap, topics=missing)
    with pytest.raises(BadInput, match=r"no topic nobody\.alerts at .*driftd topics create"):
        asyncio.run(aio.alerts(broker.bootstrap, topics=missing).open())
    request = subscribe.decode_value(cloudevent(request_data())[3])
    assert isinstance(request, Request)
    with pytest.raises(BadInput, match=r"no topic nobody\.control"):
        subscribe.reply(broker.bootstrap, request, "accepted", topics=missing)


def test_a_missing_broker_is_named_with_its_address() -> None:
    (port,) = free_ports(1)
    program = f"""
import asyncio
from driftd import subscribe
from driftd.subscribe import aio
settings = subscribe.connection("127.0.0.1:{port}", request_timeout_ms=1_000)
for attempt in (lambda: subscribe.alerts(settings), lambda: asyncio.run(aio.requests(settings).open())):
    try:
        attempt()
    except subscribe.BrokerUnavailable as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.count(f"no answer from the brokers at 127.0.0.1:{port}: ") == 2


class Enough(Exception):
    """Ends the endless loop of an example."""


def test_the_examples_of_the_documentation_run(broker: Broker, topics: Topics) -> None:
    produce(broker.bootstrap, published(topics, alert_data(1), request_data()))
    said: list[object] = []

    def wake_somebody(summary: str, advice: str, key: str) -> None:
        said.append(key)
        raise Enough

    def train(model: str, data_range: DataRange) -> str:
        said.append(model)
        if len(said) > 3:
            raise Enough
        produce(broker.bootstrap, published(topics, request_data("req-2")))
        return "8"

    text = (ROOT / "docs" / "subscribing.md").read_text(encoding="utf-8")
    examples = [block for block in blocks("subscribing.md", text) if '"kafka:9092"' in block.text]
    for block in examples:
        known = {"wake_somebody": wake_somebody, "train": train, "__here__": (broker.bootstrap, topics)}
        source = block.text.replace('"kafka:9092"', "__here__[0], topics=__here__[1]")
        with pytest.raises(Enough):
            exec(compile(source, block.file, "exec"), known)
    assert said == ["inc-1", "inc-1", "churn", "churn"]
    kinds = [
        json.loads(record.value or b"")["type"] for record in consume_all(broker.bootstrap, topics.control)
    ]
    assert kinds == ["retraining_reply", "deployment", "retraining_reply"]
