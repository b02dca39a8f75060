"""A receiver of webhooks that fails as receivers do: it hangs, answers 500, trickles, hangs up. Rule: it tells all.

A server of plain sockets in a thread of its own, since an HTTP library would not let it misbehave.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is answered. `trickle_s`: pause before each byte of the answer; None: it never comes."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trickle_s: float | None = 0.0
    hangs_up: bool = False


HANG = Answer(trickle_s=None)
TRICKLE = Answer(trickle_s=0.05)
HANG_UP = Answer(hangs_up=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. `taken`: whether it was answered 2xx as a whole."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    taken: bool

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


TURNS_TO_CLOSE = 20


class WebhookReceiver:
    """A server on loopback; `answer` says how each request is answered, by its number from 0."""

    def __init__(self, answer: Callable[[int], Answer] = lambda _: Answer()) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def taken(self) -> list[Request]:
        """The requests that were answered 2xx."""
        return [request for request in self.requests if request.taken]

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks[asyncio.create_task(self._talk(reader, writer))] = writer

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        for _ in range(
            TURNS_TO_CLOSE
        ):  # asyncio leaves a connection open that was accepted, but not begun, before this
            await asyncio.sleep(0)
        server.close()
        # one that is aborted closes a turn later
        for _ in range(TURNS_TO_CLOSE):
            for task, writer in tasks.items():
                task.cancel()
                writer.transport.abort()  # a task that is cancelled before it began does not do it
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # it has hung up
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        headers = {name.lower(): value for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        answer = self._answer(self._count)
        self._count += 1

        def note(*, taken: bool) -> None:
            self.requests.append(Request(head[0].split(" ")[1], headers, body, taken))

        if answer.hangs_up or answer.trickle_s is None:
            note(taken=False)
            await asyncio.sleep(0 if answer.hangs_up else 3600)
            raise ConnectionResetError
        lines = [f"HTTP/1.1 {answer.status} x", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body
        if answer.trickle_s == 0:
            writer.write(data)
            note(taken=200 <= answer.status < 300)
            await writer.drain()
            return
        note(taken=False)  # who waits for the last byte has waited for too long
        for byte in data:
            await asyncio.sleep(answer.trickle_s)
            writer.write(bytes([byte]))
            await writer.drain()
