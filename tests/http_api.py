"""The API's pages without a broker, for tests: the real pages on a port, over views and a board that a test fills."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiohttp import ClientSession, StreamReader
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from driftd.api.board import Board
from driftd.api.documents import Placed
from driftd.api.standing import Standing
from driftd.config import Http
from driftd.contract.cloudevents import EventType
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.state import State
from driftd.shard_view import Phase, ServiceView, ShardView
from driftd.shells.http import build_site
from driftd.shells.http_api import Api
from driftd.shells.http_streams import Streams
from streams import FIRST_MS, label, prediction, small_config

INCIDENTS = "driftd.incidents"
OUTSIDE = Http(host="0.0.0.0", token_env="TOKEN")


def entry(key: str, event_id: str, offset: int = 0, **data: object) -> Record:
    """A record of the compacted topic: an event about the entry `key`, as much of it as the pages look at."""
    subject, _, rest = key.partition("/")
    kind = {
        "incident": EventType.ALERT_OPENED,
        "request": EventType.RETRAINING_REQUESTED,
        "silence": EventType.SILENCE_BEGUN,
    }[subject]
    document = {
        "id": event_id,
        "type": kind.value,
        "data": {"model": rest.partition("/")[0] or "*", f"{subject}_id": rest.rpartition("/")[2], **data},
    }
    return Record(INCIDENTS, 0, offset, 0, key.encode(), json.dumps(document).encode())


def over(key: str, by: str | None = None, offset: int = 0) -> Record:
    """The record that ends the entry `key`; `by` is the id of the event that did."""
    headers: tuple[tuple[str, bytes], ...] = ()
    if by is not None:
        headers = (("ce_id", by.encode()), ("ce_type", EventType.ALERT_RESOLVED.value.encode()))
    return Record(INCIDENTS, 0, offset, 0, key.encode(), None, headers)


def drifting(events: int = 1_500) -> list[Record]:
    """Predictions of model m with half of their labels; the input has shifted in the last hundred of 1,500 events."""
    draw = random.Random(7)
    records: list[Record] = []
    for number in range(events):
        at_ms = FIRST_MS + 200 * number
        value = draw.gauss(2.0 if number > 1_400 else 0.0, 1.0)
        records.append(prediction(number, at_ms, features={"a": value}))
        if number % 2:
            records.append(label(number // 2, at_ms, f"p{number}", "no" if number % 20 == 1 else "yes"))
    return records


@cache
def watch(events: int = 1_500) -> tuple[ShardView, tuple[Record, ...]]:
    """A shard whose engine has watched `drifting`, and what it wrote to the compacted topic."""
    engine = Engine(small_config(), State({}))
    records = drifting(events)
    standing = [event for event in engine.apply(records).events if event.standing is not None]
    written = [
        Record(
            INCIDENTS,
            0,
            offset,
            0,
            (one.standing or "").encode(),
            None if one.is_over else one.value,
            one.headers,
        )
        for offset, one in enumerate(standing)
    ]
    view = ShardView(0, Phase.RUNNING, counters=dict(engine.counters), status=engine.status())
    return view, tuple(written)


@dataclass
class Pages:
    """The pages, and what they are made of. What is written to the control topic is in `written`."""

    http: Http = field(default_factory=Http)
    token: str | None = None
    view: ServiceView = field(default_factory=ServiceView)
    board: Board = field(default_factory=lambda: Board(Standing()))
    heartbeat_seconds: float = 15.0
    write_error: Exception | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    written: list[tuple[bytes, dict[str, Any], Sequence[int | None]]] = field(default_factory=list)

    async def _write(self, key: bytes, value: bytes, partitions: Sequence[int | None]) -> list[Placed]:
        if self.write_error is not None:
            raise self.write_error
        self.written.append((key, json.loads(value), partitions))
        return [Placed(topic="driftd.control", partition=one or 0, offset=7) for one in partitions]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[ClientSession, str]]:
        """A client, and the address of the pages."""
        streams = Streams(self.board, self.heartbeat_seconds)
        api = Api(self.http, self.token, self.view, self.board, self._write, streams.page)
        pages = api.application()
        pages.on_shutdown.append(streams.close)
        server = TestServer(build_site(self.view, CollectorRegistry(), pages), host="127.0.0.1")
        self.stop = pages.shutdown  # what the port does first when the daemon stops
        async with TestClient(server) as client:
            yield client.session, str(server.make_url("")).rstrip("/")


@dataclass(frozen=True)
class Answer:
    """Status, headers and document of a page."""

    status: int
    headers: Mapping[str, str]
    document: Any


def ask(
    pages: Pages,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: object = None,
    raw: bytes | None = None,
) -> Answer:
    """One request. `body` is sent as JSON, `raw` as it is, as JSON too unless `headers` say otherwise."""

    async def talk() -> Answer:
        async with pages.open() as (client, address):
            data = raw if body is None else json.dumps(body).encode()
            typed = {"Content-Type": "application/json"} if data is not None else {}
            async with client.request(
                method, address + path, data=data, headers={**typed, **(headers or {})}
            ) as answer:
                text = await answer.text()
                return Answer(answer.status, dict(answer.headers), json.loads(text) if text else None)

    return asyncio.run(talk())


def stream(
    pages: Pages, work: Callable[["Reading"], Awaitable[None]], headers: Mapping[str, str] | None = None
) -> None:
    """Let `work` read the stream of changes."""

    async def talk() -> None:
        async with (
            pages.open() as (client, address),
            client.get(f"{address}/api/v1/events", headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            assert answer.headers["Content-Type"] == "text/event-stream"
            await asyncio.wait_for(work(Reading(answer.content)), 30)

    asyncio.run(talk())


@dataclass(frozen=True)
class Sent:
    """A server-sent event; a comment has only a name."""

    name: str
    event_id: str = ""
    document: Any = None


class Reading:
    """Reads server-sent events."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content

    async def next(self) -> Sent:
        """The next event. Raises EOFError at the end of the stream."""
        lines: list[str] = []
        while line := await self._content.readline():
            if line == b"\n":
                fields = {name: text.strip() for name, _, text in (one.partition(":") for one in lines)}
                if "" in fields:
                    return Sent(fields[""])
                return Sent(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            lines.append(line.decode().rstrip("\n"))
        raise EOFError
