"""One receiver's agents and deliveries. Rule: an offset is committed only when all before it were taken or given up.

Each receiver has a Faust app of its own, and so a consumer group: one that hangs holds up nobody else, and each has its
own place in the log. Notices about different incidents go beside each other, those about one in their order.

Faust acknowledges nothing here. Its own bookkeeping takes the markers that transactions leave in a log for messages
that were acknowledged, and can commit beyond one that was not; so offsets are committed from our own ledger.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog

from driftd.config_notify import Notify
from driftd.notify.attempts import Delivered, Failed, Outcome, Refused, pause_ms
from driftd.notify.digest import Digest, Settle
from driftd.notify.ledger import Ledger
from driftd.notify.notice import Notice, Place, UnreadableNotice, read_notice
from driftd.notify.past import Past
from driftd.notify.receiver import Receiver, Repeater
from driftd.notify.routing import Decision, Told
from driftd.notify.view import ReceiverView

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 8
STALE_TAKES_MAX: Final = 8
Commit = Callable[[str, int, int], Awaitable[bool]]
Part = tuple[str, int]


class Deliveries:
    """The notices of one receiver, from the log to their end."""

    def __init__(
        self,
        config: Notify,
        receiver: Receiver,
        view: ReceiverView,
        commit: Commit,
        send_digest: Callable[[Sequence[Notice]], Awaitable[Outcome]] | None = None,
        repeater: Repeater | None = None,
    ) -> None:
        """`commit` gets topic, partition and offset. What has no digest and need not be repeated goes without."""
        self.crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._config = config
        self._receiver = receiver
        self._view = view
        self._commit = commit
        self._send_digest = send_digest
        self._repeater = repeater
        self._is_closed = False
        self._epoch = 0
        self._begun = asyncio.Event()
        self._places = asyncio.Semaphore(WAITING_MAX)
        self._attempts = asyncio.Semaphore(ATTEMPTS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._forget()

    def _forget(self) -> None:
        self._told = Told(self._config)
        self._digest = Digest(self._config.digest_ms)
        self._digest_changed = asyncio.Event()
        self._lanes: dict[str, deque[tuple[Notice, list[Settle]]]] = {}
        self._ledgers: dict[Part, Ledger] = {}
        self._reached: dict[Part, int] = {}
        self._reached_changed = asyncio.Event()
        self._next: dict[Part, int] = {}
        stale, self._places = self._places, asyncio.Semaphore(WAITING_MAX)
        for _ in range(STALE_TAKES_MAX):
            stale.release()  # who waits for a place finds that it was for nothing
        self._view.waiting = 0

    async def begin(self, past: Past | None) -> None:
        """Begin behind what `past` says was told; None: the alerts are another notifier's, and ours are requests only.

        What came since `drop` was waiting for this.
        """
        self._start(self._commit_reached())
        if past is not None:
            self._next = past.next_offsets()
            told = [notice for notice in past.told() if self._told.note(notice).is_told]
            if self._repeater is not None:
                self._repeater.recall(told, past.open_ids())
                self._start(self._send_again(self._repeater))
        if self._send_digest is not None:
            self._start(self._tell_digests(self._send_digest))
        self._view.is_at_work = True
        self._begun.set()

    async def drop(self) -> None:
        """End all that is on its way, with a last commit. What was not taken is not committed, so it comes again."""
        self._epoch += 1
        self._begun.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._commit_now()
        self._forget()

    async def tell_first(self, notices: Iterable[Notice]) -> None:
        """Tell a new receiver what is open, until it is taken."""
        self._view.is_at_work = True
        collected = []
        for notice in notices:
            decision = self._told.note(notice)
            if decision is Decision.COLLECT and self._send_digest is not None:
                collected.append(notice)
            elif decision.is_told:
                await self._until_taken(partial(self._receiver.send, notice), notice)
        if collected and self._send_digest is not None:
            await self._until_taken(partial(self._send_digest, collected), *collected)

    async def close(self) -> None:
        """End for good."""
        self._is_closed = True
        await self.drop()
        await self._receiver.close()

    async def take(self, value: bytes | None, place: Place) -> None:
        """Take the next record; returns when it is on its way, or there is nothing to tell."""
        epoch = self._epoch
        await self._begun.wait()
        places = self._places
        await places.acquire()
        # what was dropped meanwhile was not committed, so it comes again
        is_ours = epoch == self._epoch and not self._is_closed
        if not is_ours or (settle := self._enter(place)) is None:
            places.release()
            return
        try:
            notice = read_notice(value or b"", place)
        except UnreadableNotice as error:
            log.error("no event of driftd", receiver=self._config.name, **_where(place), reason=str(error))  # noqa: TRY400
            self._view.unreadable += 1
            settle()
            return
        decision = self._told.note(notice)
        if decision is Decision.COLLECT and self._send_digest is not None:
            self._digest.add(notice, settle)
            self._digest_changed.set()
        elif decision.is_told:
            self._enqueue(notice, [*self._digest.take(notice.lane), settle])
        else:
            self._view.not_told[decision.value] += 1
            settle()

    def _enter(self, place: Place) -> Settle | None:
        """Write it into the ledger; what is to be called when it is settled, None where it came before."""
        part = (place.topic, place.partition)
        if (due := self._next.pop(part, place.offset)) < place.offset:
            raise RuntimeError(f"the log goes on with {place}, offset {due} was not seen")
        ledger = self._ledgers.setdefault(part, Ledger())
        if not ledger.take(place.offset):
            return None
        self._view.waiting += 1
        return partial(self._settle, part, ledger, place.offset)

    def _enqueue(self, notice: Notice, settles: list[Settle]) -> None:
        lane = self._lanes.get(notice.lane)
        if lane is None:
            lane = self._lanes[notice.lane] = deque()
            self._start(self._follow(notice.lane, lane))
        lane.append((notice, settles))

    async def _follow(self, name: str, lane: deque[tuple[Notice, list[Settle]]]) -> None:
        """Tell what is in a lane, one after the other."""
        while lane:
            notice, settles = lane[0]
            await self._until_taken(partial(self._receiver.send, notice), notice)
            for settle in settles:
                settle()
            lane.popleft()
        del self._lanes[name]

    async def _tell_digests(self, send: Callable[[Sequence[Notice]], Awaitable[Outcome]]) -> None:
        while True:
            self._digest_changed.clear()
            due_ms = self._digest.due_in_ms(_now_ms())
            if due_ms != 0:
                wait_s = None if due_ms is None else due_ms / 1000
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._digest_changed.wait(), wait_s)
                continue
            entries = list(self._digest.take_all(_now_ms()))
            notices = [entry.latest for entry in entries]
            await self._until_taken(partial(send, notices), *notices)
            for settle in (one for entry in entries for one in entry.settle):
                settle()

    async def _send_again(self, repeater: Repeater) -> None:
        while True:
            result = await repeater.send_again()
            if not isinstance(result, Delivered):
                reason = result.reason if isinstance(result, Failed) else "refused"
                self._view.failed_attempts[reason] += 1
                log.warning(
                    "open incidents were not sent again", receiver=self._view.name, reason=str(result)
                )
            await asyncio.sleep(self._config.resend_ms / 1000)

    async def _until_taken(self, send: Callable[[], Awaitable[Outcome]], *notices: Notice) -> None:
        """Attempt it until the receiver has it, or says that it will never take it."""
        attempt = 0
        while True:
            attempt += 1
            async with self._attempts:
                result = await send()
            if isinstance(result, Failed):
                self._failed(result, attempt, notices)
                fraction = random.random()  # noqa: S311  it spreads load, it keeps no secret
                pause = pause_ms(attempt, self._config.retry_ms_max, fraction, result.retry_after_ms)
                await asyncio.sleep(pause / 1000)
                continue
            for notice in notices:
                self._ended(result, notice)
            return

    def _failed(self, failed: Failed, attempt: int, notices: Sequence[Notice]) -> None:
        view = self._view
        view.failed_attempts[failed.reason] += 1
        view.failing = f"{failed.reason}: {failed.detail}"
        if attempt & (attempt - 1) == 0:  # the 1st, 2nd, 4th, 8th ...: a night's outage is no thousand lines
            about = {
                "receiver": view.name,
                "reason": failed.reason,
                "detail": failed.detail,
                "attempt": attempt,
            }
            log.warning("not delivered yet", **about, event_id=notices[0].event_id, events=len(notices))

    def _ended(self, result: Delivered | Refused, notice: Notice) -> None:
        view = self._view
        if isinstance(result, Refused):
            view.refused += 1
            about = {"receiver": view.name, "reason": result.reason, "event_id": notice.event_id}
            log.error("refused by the receiver, given up", **about, **_where(notice.place))
            return
        view.failing = ""
        view.delivered += 1
        view.took(max(time.time() - notice.place.timestamp_ms / 1000, 0.0))

    def _settle(self, part: Part, ledger: Ledger, offset: int) -> None:
        self._places.release()
        self._view.waiting -= 1
        if (reached := ledger.settle(offset)) is not None:
            self._reached[part] = reached
            self._reached_changed.set()

    async def _commit_reached(self) -> None:
        while True:
            await self._reached_changed.wait()
            self._reached_changed.clear()
            if not await self._commit_now():
                await asyncio.sleep(1.0)
                self._reached_changed.set()

    async def _commit_now(self) -> bool:
        """Commit what was reached; whether the brokers took it."""
        reached, self._reached = self._reached, {}
        taken = True
        for (topic, partition), offset in reached.items():
            if not await self._commit(topic, partition, offset):
                self._reached.setdefault((topic, partition), offset)
                taken = False
        return taken

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.crashed.done():
            self.crashed.set_exception(error)


def _where(place: Place) -> dict[str, Any]:
    return {"topic": place.topic, "partition": place.partition, "offset": place.offset}


def _now_ms() -> int:
    return int(time.time() * 1000)
