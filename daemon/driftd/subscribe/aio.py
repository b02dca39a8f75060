"""Subscribe with asyncio: `async with aio.alerts(...) as alerts: async for alert in alerts: ...`.

The same words and promises as `driftd.subscribe`, on aiokafka.
"""

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaProducer

from driftd.config import Topics
from driftd.contract.events_in import Deployment, RetrainingReply
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.answers import Place, Status, deployment_of, encode_control, reply_to, time_or_now
from driftd.subscribe.asynchronous import Subscription
from driftd.subscribe.connection import Brokers, connection, named_errors
from driftd.subscribe.events import Alert, Request, Skipped
from driftd.subscribe.reading import partition_numbers
from driftd.subscribe.selection import Selection
from driftd.subscribe.sieve import Sieve, Start

__all__ = ["Requests", "Subscription", "alerts", "requests"]


class Requests(Subscription[Request]):
    """Retraining requests, and the way to answer them."""

    async def reply(
        self,
        request: Request,
        status: Status,
        *,
        version: str | None = None,
        reason: str | None = None,
        at_ms: int | None = None,
    ) -> Place:
        """As `driftd.subscribe.Requests.reply`."""
        event = reply_to(request, status, time_or_now(at_ms), version, reason)
        return await send_control(self.settings, self.topics.control, request.data.model, event)

    async def deployed(
        self, request: Request, version: str, *, reference: str | None = None, at_ms: int | None = None
    ) -> Place:
        """As `driftd.subscribe.Requests.deployed`."""
        event = deployment_of(request, version, time_or_now(at_ms), reference)
        return await send_control(self.settings, self.topics.control, request.data.model, event)


def alerts(
    brokers: Brokers,
    *,
    group: str | None = None,
    topics: Topics | None = None,
    start: Start = "open",
    follow: bool = True,
    selection: Selection | None = None,
    on_skip: Callable[[Skipped], None] | None = None,
) -> Subscription[Alert]:
    """As `driftd.subscribe.alerts`."""
    named = topics or Topics()
    sieve = Sieve(Alert, selection or Selection(), on_skip)
    settings = connection(brokers)
    return Subscription(settings, named, named.alerts, sieve, group=group, start=start, follow=follow)


def requests(
    brokers: Brokers,
    *,
    group: str | None = None,
    topics: Topics | None = None,
    start: Start = "open",
    follow: bool = True,
    selection: Selection | None = None,
    on_skip: Callable[[Skipped], None] | None = None,
) -> Requests:
    """As `driftd.subscribe.requests`."""
    named = topics or Topics()
    sieve = Sieve(Request, selection or Selection(), on_skip)
    settings = connection(brokers)
    return Requests(settings, named, named.retraining, sieve, group=group, start=start, follow=follow)


async def send_control(
    settings: KafkaSettings, topic: str, model: str, event: RetrainingReply | Deployment
) -> Place:
    """Write `event` to the control topic and wait until the brokers have it. Raises BrokerUnavailable, BadInput."""
    await asyncio.to_thread(partition_numbers, settings, topic)
    producer = AIOKafkaProducer(**settings.client(), acks="all")
    with named_errors(settings):
        async with asyncio.timeout(settings.request_timeout_ms / 1000):
            try:
                await producer.start()
                written = await producer.send_and_wait(topic, encode_control(event), model.encode())
            finally:
                await producer.stop()
    return Place(written.topic, written.partition, written.offset)
