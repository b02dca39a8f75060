"""A shard's transactional producer. Rule: after any exception it is finished; nobody may use it again.

What became of a transaction that raised or took too long is unknown: it may still be committed. Only a new producer
with the same transactional id ends it for good, and only the store then tells how it ended.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.shard import Fenced, Message, ShardError, StartOver

CLOSE_SECONDS_MAX = 2.0
SECONDS_PER_MESSAGE_MAX = 0.001


class Transactions:
    """Sends messages in transactions, one at a time."""

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None:
        """Under `transactional_id`; nothing is connected before `start`."""
        self._timeout_s = settings.request_timeout_ms / 1000
        self._producer = AIOKafkaProducer(
            **settings.client(),
            transactional_id=transactional_id,
            max_request_size=MESSAGE_BYTES_MAX,
            max_batch_size=256 * 1024,
        )

    async def start(self) -> None:
        """Connect, and fence every older owner. Raises StartOver, ShardError where it is not allowed."""
        with self._named("the transactional producer could not start"):
            async with asyncio.timeout(self._timeout_s):
                await self._producer.start()

    async def commit(self, messages: Sequence[Message]) -> None:
        """Send `messages`, all or none. Raises Fenced, StartOver, ShardError."""
        producer = self._producer
        with self._named("it is unknown what became of a transaction"):
            async with asyncio.timeout(self._timeout_s + len(messages) * SECONDS_PER_MESSAGE_MAX):
                await producer.begin_transaction()
                sent = [
                    await producer.send(m.topic, m.value, m.key, m.partition, headers=list(m.headers))
                    for m in messages
                ]
                await asyncio.wait(sent)
                # every error is looked at, or asyncio complains of each later on
                if errors := [error for one in sent if (error := one.exception()) is not None]:
                    raise errors[0]
                await producer.commit_transaction()

    async def close(self) -> None:
        """Disconnect, whatever state it is in."""
        try:
            await asyncio.wait_for(self._producer.stop(), CLOSE_SECONDS_MAX)
        except Exception:  # noqa: BLE001
            # a producer that waits for a dead broker: end its tasks, the broker times out the rest
            with contextlib.suppress(Exception):
                await self._producer._sender.close()  # noqa: SLF001  stop() would wait for it for ever
            with contextlib.suppress(Exception):
                await self._producer.client.close()

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Name what aiokafka raises; an AssertionError is among it (a fenced producer that is used again)."""
        try:
            yield
        except Exception as error:
            causes = [error, error.__cause__, error.__context__]
            if any(isinstance(cause, ProducerFenced | InvalidProducerEpoch) for cause in causes):
                raise Fenced(f"{what}: another worker owns this shard") from error
            if isinstance(error, TransactionalIdAuthorizationFailed | TopicAuthorizationFailedError):
                raise ShardError(f"{what}: the brokers do not allow it: {error!r}") from error
            raise StartOver(f"{what}: {error!r}") from error
