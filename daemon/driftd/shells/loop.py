"""The loop of one shard: fetch, apply, commit. Rule: what is told, what is remembered and how far was read are one.

Start: the transactional producer first (it fences every older owner), then the store to its end, then the inputs from
where the state ends. Round: fetch, put in order, apply; where there is something to tell, or something changed
and `commit_interval_ms` passed, one transaction with the outputs, the changed state entries and the journal. The next
fetch comes after that, and no transaction is open in between. Each `tick_interval_ms` a tick is applied like a record.

StartOver means that memory and broker may differ: all is dropped, and the loop starts from the store. Fenced and
ShardError end it, and a Gap is told to subscribers before. Any other exception is our own bug, and passes through.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import structlog

from driftd.alignment import Run, runs_of
from driftd.config import Config, Topics
from driftd.contract.record import Record, Source
from driftd.engine.outputs import OutputEvent
from driftd.engine.state import StateError
from driftd.journal import encode_runs
from driftd.shard import (
    LAYOUT_KEY,
    Fenced,
    Gap,
    Layout,
    Message,
    ShardError,
    StartOver,
    check_layout,
    check_orphans,
    seal_layout,
)
from driftd.shard_alert import gap_alert
from driftd.shard_parts import Engine, Inputs, Parts, Transactions
from driftd.shard_view import Phase, ShardView
from driftd.ticks import NO_TICK, Ticker, tick_record

FETCH_WAIT_MS = 200
LOOK_SECONDS = 1.0
RETRY_SECONDS = 1.0
Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class ShardLoop:
    """Runs one shard until it is told to stop, is fenced, or cannot go on."""

    def __init__(self, view: ShardView, config: Config, parts: Parts) -> None:
        """For the shard of `view`, which shows how it is."""
        self.view = view
        self._config = config
        self._parts = parts
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"shard {view.shard}")

    def stop(self) -> None:
        """End after the present round, with a last commit."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped. Raises Fenced and ShardError, which `view` then shows as well."""
        view = self.view
        while not self._stopping.is_set():
            try:
                async with AsyncExitStack() as stack:
                    session = await self._open(stack)
                    view.phase, view.reason = Phase.RUNNING, ""
                    while not self._stopping.is_set():
                        await session.round()
                    await session.commit()
            except StartOver as error:
                view.phase, view.reason, view.restarts = Phase.RETRYING, str(error), view.restarts + 1
                log.warning("shard starts over from its store", shard=view.shard, reason=str(error))
                await self._pause()
            except Fenced as error:
                view.phase, view.reason = Phase.FENCED, str(error)
                raise
            except StateError as error:
                view.phase, view.reason = Phase.FAILED, str(error)
                raise ShardError(str(error)) from error
            except Exception as error:
                view.phase, view.reason = Phase.FAILED, str(error) or repr(error)
                raise
        view.phase, view.reason = Phase.STOPPED, ""

    async def _open(self, stack: AsyncExitStack) -> "Session":
        """All parts, each closed with `stack`, in the order that makes taking over safe."""
        shard, parts = self.view.shard, self._parts
        transactions = parts.transactions(shard)
        stack.push_async_callback(transactions.close)
        await transactions.start()
        stored, layout = await parts.store(shard), await parts.layout()
        if not (sources := layout.sources(shard)):
            raise ShardError(
                f"no partition belongs to shard {shard}: topics.shard_count is more than the partitions"
            )
        engine, inputs = parts.engine(stored.state), parts.inputs(sources)
        stack.push_async_callback(inputs.close)
        try:
            if stored.layout is not None:
                check_layout(stored.layout, layout)
            check_orphans(engine.offsets, sources, layout.topics)
            await inputs.open(engine.offsets)
        except Gap as gap:
            alert = gap_alert(gap, engine.status().clock_ms)
            await transactions.commit(messages_of(alert, self._config.topics))
            raise
        self.view.state_bytes = {key: len(value) for key, value in stored.state.entries.items()}
        log.info("shard runs", shard=shard, partitions=len(sources), entries=len(stored.state.entries))
        changed = stored.layout != layout
        return Session(self.view, self._config, engine, inputs, transactions, layout, changed, self._thread)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)
        except TimeoutError:
            return


class Session:
    """One shard between two starts: what is in memory goes on from what is in the store."""

    def __init__(
        self,
        view: ShardView,
        config: Config,
        engine: Engine,
        inputs: Inputs,
        transactions: Transactions,
        layout: Layout,
        layout_changed: bool,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._view = view
        self._kafka = config.kafka
        self._topics = config.topics
        self._engine = engine
        self._inputs = inputs
        self._transactions = transactions
        self._layout = layout
        self._layout_changed = layout_changed
        # one thread and always the same: in a pool each thread's heap would keep a batch's worth of memory
        self._thread = thread
        self._runs: list[Run] = []
        self._told: list[OutputEvent] = []
        self._committed_s = self._looked_s = time.monotonic()
        self._more = False
        self._ticker = Ticker(config.kafka.tick_interval_ms)
        self._own = Source(config.topics.journal, view.shard)

    async def round(self) -> None:
        """Fetch, apply, and commit where it is time to. Raises as `ShardLoop.run`."""
        await self._inputs.fetch(0 if self._more else FETCH_WAIT_MS)
        records = await self._inputs.take(self._kafka.batch_records_max)
        self._more = len(records) == self._kafka.batch_records_max
        if records:
            await self._apply(records)
            self._view.records.update(Counter(record.topic for record in records))
        await self._tick()
        now_s = time.monotonic()
        if self._told or (now_s - self._committed_s) * 1000 >= self._kafka.commit_interval_ms:
            await self.commit()
        if now_s - self._looked_s >= LOOK_SECONDS:
            self._look()

    async def _apply(self, records: Sequence[Record]) -> None:
        outputs = await self._aside(self._engine.apply, records)
        self._told += outputs.events
        self._runs += runs_of(records)

    async def _tick(self) -> None:
        """Let the engine know that time has passed, where that is due; the journal says so in a run of its own."""
        inputs, applied = self._inputs, self._engine.offsets
        at_ms = self._ticker.step(
            time.time_ns() // 1_000_000,
            applied.get(self._own, NO_TICK),
            inputs.ends,
            lambda ends: inputs.reached(ends, applied),
        )
        if at_ms is not None:
            await self._apply([tick_record(self._own, at_ms)])

    async def commit(self) -> None:
        """One transaction with all that happened since the last one; none where nothing did."""
        self._committed_s = begun_s = time.monotonic()
        if not self._runs:
            return
        changes = await self._aside(self._engine.changes)
        await self._transactions.commit([*self._outputs(), *self._entries(changes), *self._journal()])
        self._runs, self._layout_changed = [], False
        view = self._view
        view.published.update(event.event_type for event in self._told)
        self._told = []
        sizes = {**view.state_bytes, **{key: len(value or b"") for key, value in changes.items()}}
        view.state_bytes = {key: size for key, size in sizes.items() if size}
        view.commits += 1
        self._committed_s = time.monotonic()
        view.committed(self._committed_s - begun_s)

    async def _aside(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Let the engine work in its thread: the worker's heartbeats and /livez go on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments))

    def _outputs(self) -> list[Message]:
        return [message for event in self._told for message in messages_of(event, self._topics)]

    def _entries(self, changes: Mapping[str, bytes | None]) -> list[Message]:
        entries = dict(changes)
        if self._layout_changed:
            entries[LAYOUT_KEY] = seal_layout(self._layout)
        shard = self._view.shard
        return [Message(self._topics.state, key.encode(), value, (), shard) for key, value in entries.items()]

    def _journal(self) -> list[Message]:
        shard = self._view.shard
        return [Message(self._topics.journal, None, value, (), shard) for value in encode_runs(self._runs)]

    def _look(self) -> None:
        """Show how it is, at most each second; and see whether the topics are as they were."""
        self._looked_s = time.monotonic()
        self._inputs.check_partitions(self._layout)
        view = self._view
        view.counters, view.status = dict(self._engine.counters), self._engine.status()
        view.lag_records = self._inputs.lag_records()


def messages_of(event: OutputEvent, topics: Topics) -> list[Message]:
    """`event` on its way to its topic, and to the compacted topic of what is open now, which forgets what is over."""
    name = getattr(topics, event.topic.value)
    messages = (
        [] if name == topics.incidents else [Message(name, event.key.encode(), event.value, event.headers)]
    )
    if event.standing is not None:
        value = None if event.is_over else event.value  # its headers still tell which event ended it
        messages.append(Message(topics.incidents, event.standing.encode(), value, event.headers))
    return messages
