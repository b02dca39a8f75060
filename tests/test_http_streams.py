"""The stream of changes: what a client is sent first, what when it comes back, and what when it does not read."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from aiohttp import ClientPayloadError

from driftd.api.board import Board
from driftd.api.changes import Changes
from driftd.api.standing import Standing
from driftd.shells import http_streams
from driftd.shells.http_streams import LAGS, QUEUE_MAX, STOPS, Stream
from http_api import Pages, Reading, entry, over, stream

A, B = "incident/churn/i1", "incident/churn/i2"


@pytest.fixture
def pages() -> Iterator[Pages]:
    """Pages whose board has seen one incident open, change, and another one open."""
    made = Pages()
    for record in (entry(A, "e1"), entry(A, "e2"), entry(B, "e3")):
        made.board.take(record)
    yield made
    assert not made.board.listeners, "a stream that is over still listens"


def test_a_new_client_is_told_all_that_is_open_and_then_each_change(pages: Pages) -> None:
    async def read(events: Reading) -> None:
        snapshot = await events.next()
        assert (snapshot.name, snapshot.event_id) == ("snapshot", "e3")
        assert [one["id"] for one in snapshot.document["incidents"]] == ["e2", "e3"]
        assert (snapshot.document["requests"], snapshot.document["silences"]) == ([], [])
        pages.board.take(entry("silence/s1", "e4"))
        pages.board.take(entry("silence/s1", "e4"))
        pages.board.take(over(A, by="e5"))
        changed, ended = await events.next(), await events.next()
        assert (changed.name, changed.event_id, changed.document["id"]) == ("changed", "e4", "e4")
        assert (ended.name, ended.event_id, ended.document["id"]) == ("over", "e5", "i1")

    stream(pages, read)


def test_a_client_that_comes_back_is_told_what_it_missed_and_nothing_else(pages: Pages) -> None:
    async def read(events: Reading) -> None:
        assert [(one.name, one.event_id) for one in (await events.next(), await events.next())] == [
            ("changed", "e2"), ("changed", "e3")
        ]  # fmt: skip
        pages.board.take(over(B, by="e4"))
        assert (await events.next()).event_id == "e4"

    stream(pages, read, {"Last-Event-ID": "e1"})


def test_a_client_that_missed_nothing_waits_for_the_next_change(pages: Pages) -> None:
    async def read(events: Reading) -> None:
        assert (await events.next()).name == "heartbeat"
        pages.board.take(over(B, by="e4"))
        assert (await events.next()).event_id == "e4"

    stream(pages, read, {"Last-Event-ID": "e3"})


def test_a_client_that_was_away_for_too_long_is_told_all_that_is_open(pages: Pages) -> None:
    pages.board.changes = Changes(events_max=1)
    pages.board.take(entry(B, "e4"))

    async def read(events: Reading) -> None:
        assert (await events.next()).name == "snapshot"

    stream(pages, read, {"Last-Event-ID": "e3"})


def test_where_the_topic_was_read_anew_all_is_told_anew(pages: Pages) -> None:
    async def read(events: Reading) -> None:
        await events.next()
        fresh = Standing()
        fresh.apply(entry(B, "e9"))
        pages.board.replace(fresh)
        told = await events.next()
        assert (told.name, [one["id"] for one in told.document["incidents"]]) == ("snapshot", ["e9"])

    stream(pages, read)


def test_while_nothing_changes_there_are_heartbeats(pages: Pages) -> None:
    pages.heartbeat_seconds = 0.01

    async def read(events: Reading) -> None:
        await events.next()
        assert {(await events.next()).name for _ in range(3)} == {"heartbeat"}

    stream(pages, read)


def test_what_does_not_fit_ends_a_stream_with_the_reason() -> None:
    async def fill() -> bytes:
        made = Stream()
        for number in range(QUEUE_MAX + 5):
            made.offer(b"%d" % number)
        assert (made.ended, made.waiting.qsize()) == (LAGS, 1)
        return made.waiting.get_nowait()

    sent = asyncio.run(fill())
    assert sent.startswith(b"event: dropped\n")
    assert json.loads(sent.partition(b"data: ")[2])["reason"] == LAGS


def test_a_client_that_does_not_read_is_dropped_and_nobody_else_notices(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_streams, "WRITE_SECONDS_MAX", 0.2)

    async def talk() -> None:
        async with (
            pages.open() as (client, address),
            client.get(f"{address}/api/v1/events") as slow,
            client.get(f"{address}/api/v1/events") as quick,
        ):
            events = Reading(quick.content)
            assert (await events.next()).name == "snapshot"
            large, number = "x" * 200_000, 0
            while len(pages.board.listeners) == 2:
                number += 1
                pages.board.take(entry(A, f"n{number}", text=large))
                assert (await asyncio.wait_for(events.next(), 10)).event_id == f"n{number}"
                assert number < 2_000, "more than any socket buffers was never read"
            assert pages.board.streams_dropped == 1
            pages.board.take(over(A, by="end"))
            assert (await events.next()).event_id == "end"
            with pytest.raises(ClientPayloadError):  # cut off: nobody waits until it has read
                await slow.content.read()

    asyncio.run(asyncio.wait_for(talk(), 60))


def test_there_are_only_so_many_streams(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_streams, "STREAMS_MAX", 1)

    async def talk() -> None:
        async with pages.open() as (client, address):
            async with client.get(f"{address}/api/v1/events") as first:
                await Reading(first.content).next()
                async with client.get(f"{address}/api/v1/events") as second:
                    assert (second.status, second.content_type) == (429, "application/problem+json")
            while pages.board.listeners:
                pages.board.take(entry(A, str(id(object()))))
                await asyncio.sleep(0.01)
            async with client.get(f"{address}/api/v1/events") as third:
                assert third.status == 200

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_when_the_daemon_stops_each_client_is_told() -> None:
    pages = Pages(board=Board(Standing()))

    async def talk() -> None:
        async with pages.open() as (client, address):
            answer = await client.get(f"{address}/api/v1/events")
            events = Reading(answer.content)
            await events.next()
            assert pages.stop is not None
            await pages.stop()
            told = await events.next()
            assert (told.name, told.document) == ("dropped", {"reason": STOPS})
            with pytest.raises(EOFError):
                await events.next()

    asyncio.run(asyncio.wait_for(talk(), 30))
