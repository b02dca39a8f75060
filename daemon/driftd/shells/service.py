"""The worker: a Faust app that owns the process and tells which shards are ours. Rule: no record goes through Faust.

Faust's group of workers shares the partitions of `driftd.shards`; whoever is given partition n runs the loop of
shard n. Two workers may believe for a moment that they own one: the brokers fence the older one, and that one stops.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from mode import Service

from driftd.config import Kafka, Topics
from driftd.errors import BrokerUnavailable
from driftd.faust_app import LEAVE_SECONDS_MAX, make_app
from driftd.kafka_settings import KafkaSettings
from driftd.shard import Fenced, ShardError
from driftd.shard_view import ServiceView, ShardView

FENCED_PAUSE_SECONDS = 10.0
log = structlog.get_logger(__name__)


class Loop(Protocol):
    """The loop of one shard."""

    async def run(self) -> None:
        """Run until stopped. Raises Fenced, ShardError, and our own bugs."""
        ...

    def stop(self) -> None:
        """End soon, with a last commit."""
        ...


@dataclass(slots=True)
class Held:
    """A shard that is ours now."""

    loop: Loop
    task: asyncio.Task[None]


class Host(Service):  # type: ignore[misc]  # mode's types are not read by mypy
    """Runs the loops of the shards that this worker was given, and ends the worker when none of them can go on."""

    logger = logging.getLogger("mode.driftd")  # what mode tells of its services is as talkative as mode

    def __init__(self, view: ServiceView, make_loop: Callable[[ShardView], Loop]) -> None:
        """`make_loop` makes the loop that shows itself in the view it is given."""
        super().__init__()
        self.error: BaseException | None = None
        self.ended = asyncio.Event()
        self._view = view
        self._make_loop = make_loop
        self._held: dict[int, Held] = {}

    async def own(self, shards: Collection[int]) -> None:
        """Own exactly `shards`: leave others, begin with new ones."""
        await self.leave([shard for shard in self._held if shard not in shards])
        for shard in sorted(set(shards) - self._held.keys()):
            view = ShardView(shard)
            loop = self._make_loop(view)
            self._show({**(self._view.shards or {}), shard: view})
            self._held[shard] = Held(loop, asyncio.create_task(self._keep(view, loop), name=f"shard {shard}"))
        self._show(self._view.shards or {})
        log.info("shards owned", shards=sorted(self._held))

    async def leave(self, shards: Iterable[int]) -> None:
        """Stop the loops of `shards`, each with a last commit; what takes too long is cut off, which loses nothing."""
        left = {shard: self._held.pop(shard) for shard in [*shards] if shard in self._held}
        for held in left.values():
            held.loop.stop()
        if not left:
            return
        _, late = await asyncio.wait([held.task for held in left.values()], timeout=LEAVE_SECONDS_MAX)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LEAVE_SECONDS_MAX)
        self._show({shard: view for shard, view in (self._view.shards or {}).items() if shard not in left})

    async def on_stop(self) -> None:
        """Leave everything."""
        await self.leave(list(self._held))

    async def _keep(self, view: ShardView, loop: Loop) -> None:
        try:
            while True:
                try:
                    return await loop.run()
                except Fenced as error:
                    log.warning("shard is fenced", shard=view.shard, reason=str(error))
                # still ours by Faust's word: whoever fenced us was a zombie's last breath, or is about to be told
                await asyncio.sleep(FENCED_PAUSE_SECONDS)
        except ShardError as error:
            log.error("shard cannot go on", shard=view.shard, reason=str(error))  # noqa: TRY400  no bug, no traceback
            others = [
                held for shard, held in self._held.items() if shard != view.shard and not held.task.done()
            ]
            if not others:
                self._end(error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  our own bug: the worker ends with it
            self._end(error)

    def _end(self, error: BaseException) -> None:
        self.error = self.error or error
        self.ended.set()

    def _show(self, shards: dict[int, ShardView]) -> None:
        self._view.shards = shards


def build_app(kafka: Kafka, topics: Topics, settings: KafkaSettings, host: Host) -> Any:
    """The Faust app of the instance group."""
    app = make_app(f"driftd.{kafka.instance}", kafka, settings, host)

    async def wait_for_nothing(stream: Any) -> None:
        async for _ in stream:
            pass  # the topic stays empty; being assigned its partitions is all that matters

    async def assigned(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        await host.own({partition.partition for partition in partitions if partition.topic == topics.shards})

    async def revoked(_: Any, partitions: Iterable[Any], **__: Any) -> None:
        await host.leave(
            {partition.partition for partition in partitions if partition.topic == topics.shards}
        )

    app.agent(app.topic(topics.shards))(wait_for_nothing)
    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    return app


async def serve(
    kafka: Kafka,
    topics: Topics,
    settings: KafkaSettings,
    view: ServiceView,
    make_loop: Callable[[ShardView], Loop],
) -> None:
    """Be a worker until SIGTERM or SIGINT. Raises ShardError, BrokerUnavailable, and what is our own bug."""
    asked = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, asked.set)
    host = Host(view, make_loop)
    app = build_app(kafka, topics, settings, host)
    work = [
        asyncio.create_task(asked.wait()),
        asyncio.create_task(host.ended.wait()),
        asyncio.create_task(_run(app), name="faust"),
    ]
    await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    log.info("worker stops")
    await app.stop()
    for task in work:
        task.cancel()
    crash = work[2].exception() if work[2].done() and not work[2].cancelled() else None
    await asyncio.gather(*work, return_exceptions=True)
    if host.error is not None:
        raise host.error
    if (crash := crash or app.crash_reason) is not None:
        raise BrokerUnavailable(
            f"the group of workers at {settings.addresses} was lost: {crash!r}"
        ) from crash


async def _run(app: Any) -> None:
    await app.start()
    await app.wait_until_stopped()
