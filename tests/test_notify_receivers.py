"""Receivers that misbehave, on real sockets: nothing is lost, nobody else waits, and nobody is led astray."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from driftd.config_notify import Notify
from driftd.contract.events_out import AlertData
from driftd.notify.alertmanager import AlertmanagerView
from driftd.notify.notice import Place
from driftd.notify.past import Past
from driftd.notify.receiver import Receiver
from driftd.notify.signature import read_secrets, signed_headers
from driftd.notify.view import ReceiverView
from driftd.shells.notify import Deliveries
from driftd.shells.notify_http import Alertmanager, PagerDuty, Webhook
from notify_receiver import HANG, HANG_UP, TRICKLE, Answer, WebhookReceiver
from notify_setup import SECRET, alert, event, notice, resolved

NOTHING = Past((), (), {})


def config(url: str, kind: str = "webhook", **more: Any) -> Notify:
    quick = {"timeout_ms": 200, "retry_ms_max": 20, "allow": ("127.0.0.1",)}
    key = {"secret_env": "KEY"} if kind == "pagerduty" else {}
    return Notify.model_validate({"name": "r", "type": kind, "url": url, **quick, **key, **more})


class Told:
    """Deliveries to one receiver, with what was committed and what they show."""

    def __init__(self, settings: Notify, receiver: Receiver, **more: Any) -> None:
        self.committed: list[int] = []
        self.view = ReceiverView("r")
        self.deliveries = Deliveries(settings, receiver, self.view, self._commit, **more)
        self._offset = 0

    async def _commit(self, _: str, __: int, offset: int) -> bool:
        self.committed.append(offset)
        return True

    async def tell(self, *alerts: AlertData) -> None:
        """Let the log go on with `alerts`."""
        for data in alerts:
            await self.deliveries.take(event(data)[0], Place("driftd.alerts", 0, self._offset, 0))
            self._offset += 1

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it happened, or our own code has failed."""
        async with asyncio.timeout(20):
            while not happened():
                if self.deliveries.crashed.done():
                    self.deliveries.crashed.result()
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def telling(
    settings: Notify, receiver: Receiver, past: Past | None = NOTHING, **more: Any
) -> AsyncIterator[Told]:
    told = Told(settings, receiver, **more)
    await told.deliveries.begin(past)
    try:
        yield told
    finally:
        await told.deliveries.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Answer(500), "status_5xx"),
        (Answer(429, {"Retry-After": "0"}), "status_429"),
        (Answer(302, {"Location": "/elsewhere"}), "status_3xx"),
        (HANG, "timeout"),
        (TRICKLE, "timeout"),
        (HANG_UP, "connection"),
    ],
)
def test_a_receiver_that_fails_is_told_again_under_the_same_key(fault: Answer, reason: str) -> None:
    async def scenario() -> None:
        settings = config(hook.url)
        async with telling(settings, Webhook(settings, hook.url, read_secrets(SECRET))) as told:
            await told.tell(alert())
            await told.until(lambda: told.committed == [1])
            assert told.view.failed_attempts == {reason: 2}
            assert (told.view.delivered, told.view.failing, told.view.waiting) == (1, "", 0)

    with WebhookReceiver(lambda number: fault if number < 2 else Answer()) as hook:
        asyncio.run(scenario())
        assert [request.path for request in hook.requests] == ["/hook"] * 3
        assert {request.headers["idempotency-key"] for request in hook.requests} == {"inc-1-1"}
        for request in hook.requests:
            sent_s = int(request.headers["webhook-timestamp"])
            right = signed_headers("inc-1-1", sent_s, request.body, read_secrets(SECRET))
            assert request.headers["webhook-signature"] == right["webhook-signature"]
            assert request.headers["content-type"].startswith("application/cloudevents+json")
            assert request.body == event(alert())[0]


@pytest.mark.parametrize("body", [b"moved away", b""])
def test_what_a_receiver_will_never_take_is_given_up_and_told_where_it_is(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        settings = config(hook.url)
        async with telling(settings, Webhook(settings, hook.url, ())) as told:
            await told.tell(alert())
            await told.until(lambda: told.committed == [1])
            assert (told.view.refused, told.view.delivered) == (1, 0)

    with WebhookReceiver(lambda _: Answer(410, body=body)) as hook, caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
        assert len(hook.requests) == 1


def test_an_incident_that_cannot_be_told_holds_up_only_itself_and_the_offset() -> None:
    stuck = True

    async def scenario() -> None:
        settings = config(hook.url)
        async with telling(settings, Webhook(settings, hook.url, ())) as told:
            await told.tell(
                alert("stuck"), *[alert("fine", number) for number in range(1, 6)], alert("stuck", 2)
            )
            await told.until(lambda: told.view.delivered == 5)
            assert told.committed == [], "what was not taken would be lost"
            assert told.view.waiting == 7 - 5
            nonlocal stuck
            stuck = False
            await told.until(lambda: told.committed[-1:] == [7])

    class Choosy(WebhookReceiver):
        async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peek = await reader.readuntil(b"\r\n\r\n")
            is_stuck = stuck and b"idempotency-key: stuck" in peek.lower()
            self._answer = lambda _: Answer(500) if is_stuck else Answer()
            reader._buffer[:0] = peek  # type: ignore[attr-defined]  # looked at, and put back
            await super()._exchange(reader, writer)

    with Choosy() as hook:
        asyncio.run(scenario())
        keys = [request.headers["webhook-id"] for request in hook.taken()]
        assert keys[:5] == [f"fine-{number}" for number in range(1, 6)], "in their order"
        assert keys[5:] == ["stuck-1", "stuck-2"]


def test_what_is_dropped_is_not_committed_and_comes_again() -> None:
    async def scenario() -> None:
        settings = config(hook.url)
        async with telling(settings, Webhook(settings, hook.url, ())) as told:
            await told.tell(alert())
            await told.until(lambda: told.view.failed_attempts.total() > 0)
            await told.deliveries.drop()
            told._offset = 0
            late = asyncio.create_task(told.tell(alert()))  # before the new beginning: it waits
            await asyncio.sleep(0.05)
            assert (told.committed, late.done()) == ([], False)
            await told.deliveries.begin(NOTHING)
            await late
            await told.until(lambda: told.committed == [1])

    with WebhookReceiver(lambda number: HANG if number == 0 else Answer()) as hook:
        asyncio.run(scenario())


def test_a_log_that_goes_on_later_than_it_should_is_no_silent_loss() -> None:
    async def scenario() -> None:
        settings = config(hook.url)
        past = Past([notice(alert(), 0)], (), {0: None})
        async with telling(settings, Webhook(settings, hook.url, ()), past) as told:
            with pytest.raises(RuntimeError, match="offset 0 was not seen"):
                await told.deliveries.take(event(alert())[0], Place("driftd.alerts", 0, 5, 0))

    with WebhookReceiver() as hook:
        asyncio.run(scenario())


@pytest.mark.parametrize("host", ["localhost", "rebound.example.org"])
def test_a_name_that_leads_into_the_own_network_is_not_followed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = socket.getaddrinfo

    def rebound(name: Any, *arguments: Any, **more: Any) -> Any:
        return known("127.0.0.1" if name == host else name, *arguments, **more)

    async def scenario() -> None:
        url = f"http://{host}:{hook.port}/hook"
        settings = config("https://hooks.example.org", allow=())
        async with telling(settings, Webhook(settings, url, ())) as told:
            await told.tell(alert())
            await told.until(lambda: told.view.failed_attempts["refused_address"] > 1)
            assert "127.0.0.1 is a loopback address" in told.view.failing
            assert told.committed == []

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with WebhookReceiver() as hook:
        asyncio.run(scenario())
        assert hook.requests == []


def test_alertmanager_is_told_again_while_it_is_open_and_after_a_restart() -> None:
    async def scenario() -> None:
        settings = config(hook.url, "alertmanager", resend_ms=1_000)
        receiver = Alertmanager(settings, hook.url, AlertmanagerView(settings.resend_ms))
        opened = notice(alert(severity="warning"), 0)
        async with telling(settings, receiver, Past([opened], [opened], {0: 1}), repeater=receiver) as told:
            told._offset = 1
            await told.until(lambda: len(hook.requests) > 1)
            await told.tell(alert("inc-1", 2, cause="severity_raised"))
            await told.until(lambda: told.committed == [2])
            await told.tell(resolved("inc-1", 3))
            await told.until(lambda: told.committed[-1:] == [3])

    with WebhookReceiver() as hook:
        asyncio.run(scenario())
        assert {request.path for request in hook.requests} == {"/hook/api/v2/alerts"}
        sent = [[one["labels"]["severity"] for one in request.document] for request in hook.requests]
        assert sent[:2] == [["warning"], ["warning"]], "again, before anything new came"
        assert ["warning", "critical"] in sent
        assert sent[-1] == ["critical"]
        (end,) = hook.requests[-1].document
        assert end["labels"]["alertname"] == "DriftdIncident"
        assert {*end["labels"]} == {"alertname", "model", "kind", "incident_id", "severity"}
        assert {*end["annotations"]} == {"summary", "description", "advice", "stage", "replay"}


def test_a_notifier_that_has_no_alerts_sends_none_again() -> None:
    async def scenario() -> None:
        settings = config(hook.url, "alertmanager")
        receiver = Alertmanager(settings, hook.url, AlertmanagerView(settings.resend_ms))
        opened = notice(alert())
        past = Past([opened], [opened], {0: 1})
        async with telling(settings, receiver, past, repeater=receiver) as told:
            await told.until(lambda: len(hook.requests) == 1)
            await told.deliveries.drop()
            before = len(hook.requests)
            await told.deliveries.begin(None)
            await asyncio.sleep(0.1)
            assert len(hook.requests) == before

    with WebhookReceiver() as hook:
        asyncio.run(scenario())


def test_a_pager_gets_its_key_and_the_end_of_what_woke_it() -> None:
    async def scenario() -> None:
        settings = config(hook.url, "pagerduty")
        async with telling(settings, PagerDuty(settings, hook.url, "routing")) as told:
            await told.tell(alert(), alert("inc-2", page=False), resolved("inc-2"), resolved())
            await told.until(lambda: told.committed[-1:] == [4])
            assert told.view.not_told == {"no_page": 1, "never_told": 1}

    with WebhookReceiver(lambda _: Answer(202)) as hook:
        asyncio.run(scenario())
        documents = [request.document for request in hook.requests]
        assert [(one["event_action"], one["dedup_key"]) for one in documents] == [
            ("trigger", "inc-1"),
            ("resolve", "inc-1"),
        ]
        assert documents[0]["routing_key"] == "routing"


def test_a_record_that_is_no_event_is_counted_and_passed_by() -> None:
    async def scenario() -> None:
        settings = config(hook.url)
        async with telling(settings, Webhook(settings, hook.url, ())) as told:
            await told.deliveries.take(b"{", Place("driftd.alerts", 0, 0, 0))
            await told.deliveries.take(None, Place("driftd.alerts", 0, 1, 0))
            await told.until(lambda: told.committed[-1:] == [2])
            assert told.view.unreadable == 2

    with WebhookReceiver() as hook:
        asyncio.run(scenario())
