"""The notifier: for each receiver a Faust app with its agents, in one process. Rule: out of the daemon's way.

Reads committed, follows the alerts' and the requests' topic, and gives each record to the receiver's deliveries, which
commit it when it is settled. Faust says which partitions are ours; where they change, all begins anew behind the
committed offsets.
"""

import asyncio
import logging
import signal
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from mode import Service

from driftd.config import Kafka, Topics
from driftd.errors import BrokerUnavailable
from driftd.faust_app import make_app
from driftd.kafka_settings import KafkaSettings
from driftd.notify.notice import Notice, Place
from driftd.notify.past import Past
from driftd.notify.view import ReceiverView

NEVER_SECONDS: Final = 1e8
"""A receiver may be away for days: Faust is not to take that for a consumer that is stuck."""
STOP_SECONDS_MAX: Final = 3.0
FETCH_WAIT_MS: Final = 50
"""A fetch that comes while a transaction is open may wait for all of its time although that transaction ends: measured,
with Faust's 1,500 ms alerts came up to 1.7 s late where there are 50 transactions a second."""
log = structlog.get_logger(__name__)


class Follower(Protocol):
    """The deliveries of one receiver."""

    crashed: asyncio.Future[None]

    async def tell_first(self, notices: Iterable[Notice]) -> None:
        """Tell a new receiver what is open."""
        ...

    async def begin(self, past: Past | None) -> None:
        """Begin behind what was told; None where the alerts are another notifier's."""
        ...

    async def take(self, value: bytes | None, place: Place) -> None:
        """Take the next record."""
        ...

    async def drop(self) -> None:
        """End what is on its way; it comes again."""
        ...

    async def close(self) -> None:
        """End for good."""
        ...


class Log(Protocol):
    """What can be read of the log before it is followed."""

    async def past(self) -> Past:
        """What was told and what is open now."""
        ...

    async def untold(self) -> list[tuple[str, int, int]]:
        """The partitions in which the group has no place yet, and where they end."""
        ...

    async def begin(self, partitions: Iterable[tuple[str, int, int]]) -> None:
        """Let the group begin there."""
        ...


class CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust's types are not read by mypy
    """Faust's consumer, reading committed, which it does by itself only where it writes in transactions."""

    logger = logging.getLogger("mode.driftd")  # what mode tells of its services is as talkative as mode

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  Faust has no setting for it
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001  as above
        return consumer

    async def keep(self, topic: str, partition: int, offset: int) -> bool:
        """Commit `offset`; whether the brokers took it. Where they did not, its records come again."""
        return bool(await self.call_thread(self._keep, topic, partition, offset))

    async def _keep(self, topic: str, partition: int, offset: int) -> bool:
        try:
            await self._ensure_consumer().commit(
                {TopicPartition(topic, partition): OffsetAndMetadata(offset, "")}
            )
        except KafkaError as error:
            log.warning("offset not committed", topic=topic, partition=partition, reason=repr(error))
            return False
        return True


class CommittedConsumer(Consumer):  # type: ignore[misc]  # as above
    """Faust's consumer around that thread."""

    logger = logging.getLogger("mode.driftd")

    def _new_consumer_thread(self) -> Any:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """Let nothing come before Faust has gone to the committed offsets: it would come twice, or from the middle."""
        self.stop_flow()  # Faust lets it flow again behind its seek
        await self.app.driftd_host.follower.drop()
        await super().on_partitions_assigned(assigned, generation_id)


class CommittedTransport(Transport):  # type: ignore[misc]  # as above
    """Faust's connection with that consumer."""

    logger = logging.getLogger("mode.driftd")

    Consumer = CommittedConsumer


class Host(Service):  # type: ignore[misc]  # as above
    """What the app hosts besides its agents: the deliveries, which are started and stopped by others."""

    logger = logging.getLogger("mode.driftd")
    follower: Follower


class ReceiverApp:
    """The Faust app of one receiver."""

    def __init__(
        self, name: str, kafka: Kafka, topics: Topics, settings: KafkaSettings, log_reader: Log
    ) -> None:
        self.name = name
        self._topics = topics
        self._log = log_reader
        self._host = Host()
        self._app = make_app(
            group_of(kafka, name),
            kafka,
            settings,
            self._host,
            stream_wait_empty=False,  # what is on its way comes again
            broker_max_poll_interval=NEVER_SECONDS,
            broker_commit_livelock_soft_timeout=NEVER_SECONDS,
            stream_processing_timeout=NEVER_SECONDS,
        )
        self._app.transport = CommittedTransport(self._app.conf.broker_consumer, self._app)

    async def commit(self, topic: str, partition: int, offset: int) -> bool:
        """Commit an offset of the receiver's group; whether the brokers took it."""
        thread = self._app.consumer._thread  # noqa: SLF001  Faust commits only what it has acknowledged itself
        if thread.should_stop:
            return False
        return bool(await thread.keep(topic, partition, offset))

    def follow(self, follower: Follower) -> None:
        """Give each record to `follower` from now on."""
        self._host.follower = follower

        async def told(stream: Any) -> None:
            async for event in stream.noack().events():
                message = event.message
                place = Place(
                    message.topic, message.partition, message.offset, round(message.timestamp * 1000)
                )
                await follower.take(message.value, place)

        async def assigned(_: Any, partitions: Iterable[Any], **__: Any) -> None:
            topics = sorted({partition.topic for partition in partitions})
            past = await self._log.past() if self._topics.alerts in topics else None
            await follower.begin(past)
            log.info("follows the log", receiver=self.name, topics=topics)

        async def revoked(*_: Any, **__: Any) -> None:
            await follower.drop()

        for name in (self._topics.alerts, self._topics.retraining):
            topic = self._app.topic(name, value_serializer="raw", key_serializer="raw")
            self._app.agent(topic, name=f"driftd.{name}")(told)
        self._app.on_partitions_assigned.connect(assigned, weak=False)
        self._app.on_partitions_revoked.connect(revoked, weak=False)

    async def run(self) -> None:
        """Follow the log until stopped. Raises BrokerUnavailable, and our own bugs."""
        follower = self._host.follower
        if untold := await self._log.untold():
            past = await self._log.past()
            log.info("new receiver: told what is open now", receiver=self.name, open=len(past.open_now))
            await follower.tell_first(past.open_now)
            await self._log.begin(untold)
        await self._app.start()
        stopped = asyncio.create_task(self._app.wait_until_stopped())
        try:
            await asyncio.wait([stopped, follower.crashed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if follower.crashed.done():
            follower.crashed.result()
        if (crash := self._app.crash_reason) is not None:
            raise BrokerUnavailable(f"the log cannot be followed for {self.name}: {crash!r}") from crash

    async def stop(self) -> None:
        """End the deliveries with a last commit, and leave the group."""
        await self._host.follower.close()
        try:
            await asyncio.wait_for(self._app.stop(), STOP_SECONDS_MAX)
        except TimeoutError:
            log.warning(
                "left the group without a word", receiver=self.name
            )  # Faust waits for brokers that are away


def group_of(kafka: Kafka, name: str) -> str:
    """The consumer group of the receiver called `name`."""
    return f"driftd.{kafka.instance}.notify.{name}"


async def serve_receivers(apps: Sequence[ReceiverApp], views: Sequence[ReceiverView]) -> None:
    """Tell until SIGTERM or SIGINT. Raises BrokerUnavailable, and what is our own bug."""
    asked = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, asked.set)
    log.info("notifier starts", receivers=[view.name for view in views])
    work = [asyncio.create_task(asked.wait()), *(asyncio.create_task(app.run()) for app in apps)]
    ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    log.info("notifier stops")
    await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
