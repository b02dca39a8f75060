"""Server-sent events of what is open. Rule: a client that lags is dropped with a reason; nobody waits for it.

Each client has a queue of its own, bounded; what does not fit ends its stream. Who comes back with Last-Event-ID goes
on where it was.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog
from aiohttp import web

from driftd.api.board import Board
from driftd.api.changes import HEARTBEAT, change_message, message, snapshot_message
from driftd.api.problems import ApiProblem
from driftd.api.standing import Change

STREAMS_MAX: Final = 64
QUEUE_MAX: Final = 256
HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS_MAX: Final = 10.0
LAGS: Final = "the client reads more slowly than things change; come back with Last-Event-ID"
STOPS: Final = "the daemon stops; come back with Last-Event-ID"
log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Stream:
    """What waits for one client; after `ended` nothing is added any more."""

    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    ended: str = ""

    def offer(self, event: bytes) -> None:
        """Let `event` wait, or end the stream where too much does."""
        if self.ended:
            return
        try:
            self.waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.end(LAGS)

    def end(self, reason: str) -> None:
        """Let nothing wait but the reason."""
        self.ended = reason
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(message("dropped", "", msgspec.json.encode({"reason": reason})))


class Streams:
    """The open streams."""

    def __init__(self, board: Board, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._board = board
        self._heartbeat_seconds = heartbeat_seconds
        self._open: set[Stream] = set()

    @property
    def count(self) -> int:
        """How many clients there are."""
        return len(self._open)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Stream until the client goes, lags, or the daemon stops. Raises ApiProblem where there are too many."""
        if len(self._open) >= STREAMS_MAX:
            raise ApiProblem(429, f"There are {STREAMS_MAX} streams already. Close one, or try later.")
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
        response = web.StreamResponse(headers=headers)
        with contextlib.suppress(ConnectionError):  # the client has gone
            await response.prepare(request)
            async with self._listening(request.headers.get("Last-Event-ID", "")) as stream:
                await self._send(request, response, stream)
        return response

    async def close(self, _: web.Application) -> None:
        """End all streams."""
        for stream in tuple(self._open):
            stream.end(STOPS)

    @contextlib.asynccontextmanager
    async def _listening(self, last_id: str) -> AsyncIterator[Stream]:
        stream = Stream()
        board = self._board

        def snapshot() -> bytes:
            assert board.standing is not None
            return snapshot_message(board.standing, board.changes.last_id)

        def listen(change: Change | None) -> None:
            stream.offer(snapshot() if change is None else change_message(change))

        missed = board.changes.since(last_id) if last_id else None
        stream.offer(snapshot() if missed is None else b"".join(map(change_message, missed)) or HEARTBEAT)
        board.listeners.add(listen)
        self._open.add(stream)
        try:
            yield stream
        finally:
            board.listeners.discard(listen)
            self._open.discard(stream)
            if stream.ended == LAGS:
                board.streams_dropped += 1

    async def _send(self, request: web.Request, response: web.StreamResponse, stream: Stream) -> None:
        while True:
            try:
                event = await asyncio.wait_for(stream.waiting.get(), self._heartbeat_seconds)
            except TimeoutError:
                event = HEARTBEAT
            try:
                async with asyncio.timeout(WRITE_SECONDS_MAX):
                    await response.write(event)
            except TimeoutError:
                stream.end(LAGS)
                log.warning("stream is dropped", client=request.remote, reason="it does not read")
                if request.transport is not None:
                    request.transport.abort()
                return
            if stream.ended and stream.waiting.empty():
                log.info("stream is ended", client=request.remote, reason=stream.ended)
                return
