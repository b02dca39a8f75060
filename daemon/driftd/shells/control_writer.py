"""Writes events to the control topic. Rule: what is answered for is in the log, acknowledged by all replicas in sync.

The producer is made with the first event, for most workers are never sent one, and made anew after an error.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from driftd.api.documents import Placed
from driftd.errors import BrokerUnavailable
from driftd.kafka_settings import KafkaSettings

CLOSE_SECONDS_MAX = 2.0


class ControlWriter:
    """Writes to one topic."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """Nothing is connected before the first event."""
        self._settings = settings
        self._topic = topic
        self._timeout_s = settings.request_timeout_ms / 1000
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def write(self, key: bytes, value: bytes, partitions: Sequence[int | None]) -> list[Placed]:
        """Write `value` to each of `partitions` (None: the one that `key` belongs to). Raises BrokerUnavailable."""
        sending = False
        try:
            async with asyncio.timeout(self._timeout_s), self._lock, self._closed_by_errors():
                producer = await self._started()
                sending = True
                sent = [
                    await producer.send_and_wait(self._topic, value, key, partition)
                    for partition in partitions
                ]
        except (KafkaError, OSError, TimeoutError) as error:
            unknown = "; it is not known whether it was written" if sending else ""
            raise BrokerUnavailable(
                f"no answer from the brokers at {self._settings.addresses}: {error!r}{unknown}"
            ) from error
        return [Placed(topic=one.topic, partition=one.partition, offset=one.offset) for one in sent]

    async def close(self) -> None:
        """Disconnect."""
        async with self._lock:
            await self._close()

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(**self._settings.client(), acks="all", enable_idempotence=True)
            await self._producer.start()
        return self._producer

    @contextlib.asynccontextmanager
    async def _closed_by_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with contextlib.suppress(Exception):
            try:
                await asyncio.wait_for(producer.stop(), CLOSE_SECONDS_MAX)
            except TimeoutError:
                await producer._sender.close()  # noqa: SLF001  stop() would wait for a dead broker for ever
                await producer.client.close()
