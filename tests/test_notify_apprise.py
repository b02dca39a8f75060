"""Receivers that Apprise speaks to: at once, in a digest, judged, and never in the way."""

import asyncio
import socket
import sys
from typing import Any

import pytest

from driftd.config_notify import Notify
from driftd.contract.events_out import AlertData
from driftd.errors import ConfigError
from driftd.notify.attempts import Delivered, Failed
from driftd.notify.notice import Place
from driftd.notify.past import Past
from driftd.notify.view import ReceiverView
from driftd.shells.notify import Deliveries
from driftd.shells.notify_apprise import AppriseReceiver
from notify_receiver import HANG, Answer, WebhookReceiver
from notify_setup import alert, event, notice, resolved

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:apprise.*", "ignore:'imghdr' is deprecated:DeprecationWarning"
)  # its plugins import what Python is about to drop


def config(url: str, **more: Any) -> Notify:
    document = {"name": "chat", "type": "apprise", "url": url, "allow": ("127.0.0.1",), "retry_ms_max": 20}
    return Notify.model_validate({**document, **more})


def told_after(settings: Notify, alerts: list[AlertData], deliveries: int) -> list[int]:
    """Let `alerts` be published now, wait for so many deliveries; what was committed then."""
    committed: list[int] = []

    async def commit(_: str, __: int, offset: int) -> bool:
        committed.append(offset)
        return True

    async def scenario() -> None:
        receiver = AppriseReceiver(settings, str(settings.url))
        view = ReceiverView("chat")
        told = Deliveries(settings, receiver, view, commit, send_digest=receiver.send_digest)
        await told.begin(Past((), (), {}))
        for offset, data in enumerate(alerts):
            await told.take(event(data)[0], Place("driftd.alerts", 0, offset, 0))
        for _ in range(2_000):
            await asyncio.sleep(0.01)
            if view.delivered >= deliveries and committed:
                break
        await told.close()
        assert view.delivered >= deliveries

    asyncio.run(scenario())
    return committed


def test_what_is_critical_comes_at_once_and_warnings_in_one_message() -> None:
    warnings = [alert(f"inc-{n}", severity="warning", summary=f"story {n}") for n in range(2, 5)]
    with WebhookReceiver(lambda _: Answer(200)) as hook:
        settings = config(f"json://127.0.0.1:{hook.port}/", digest_ms=1)
        committed = told_after(settings, [alert(), *warnings, resolved("inc-2", severity="warning")], 4)
        documents = [request.document for request in hook.requests]
    critical = [one for one in documents if "CRITICAL" in one["title"]]
    assert [one["type"] for one in critical] == ["failure"]
    assert sum(("story 3" in one["message"]) + ("story 4" in one["message"]) for one in documents) == 2
    assert committed[-1] == 5


def test_what_apprise_cannot_deliver_is_tried_again() -> None:
    with WebhookReceiver(lambda number: Answer(500 if number == 0 else 200)) as hook:
        assert told_after(config(f"json://127.0.0.1:{hook.port}/"), [alert()], 1) == [1]
        assert len(hook.requests) == 2


def test_a_send_that_hangs_is_left_behind() -> None:
    async def scenario() -> None:
        settings = config(f"json://127.0.0.1:{hook.port}/?rto=5", timeout_ms=50)
        receiver = AppriseReceiver(settings, str(settings.url))
        results = [await receiver.send(notice(alert())) for _ in range(6)]
        assert all(isinstance(result, Failed) and result.reason == "timeout" for result in results)
        assert len(hook.requests) < 6, "there are at most a few that hang"

    with WebhookReceiver(lambda _: HANG) as hook:
        asyncio.run(scenario())


def test_its_connections_are_judged_and_ours_beside_them_are_not() -> None:
    async def scenario(allow: tuple[str, ...]) -> object:
        settings = config("slack://a/b/c", allow=allow)
        receiver = AppriseReceiver(settings, f"json://localhost:{hook.port}/")
        return await receiver.send(notice(alert()))

    with WebhookReceiver(lambda _: Answer(200)) as hook:
        refused = asyncio.run(scenario(()))
        assert isinstance(refused, Failed)
        assert refused.reason == "refused_address"
        assert hook.requests == []
        assert asyncio.run(scenario(("localhost",))) == Delivered()
        socket.create_connection(("127.0.0.1", hook.port)).close()


def test_without_apprise_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r'pip install "driftd\[notify\]"'):
        AppriseReceiver(config("slack://a/b/c"), "slack://a/b/c")


def test_a_url_that_apprise_does_not_know_is_told_without_the_url() -> None:
    with pytest.raises(ConfigError, match='"chat"') as caught:
        AppriseReceiver(config("slack://a/b/c"), "nosuch://secret")
    assert "secret" not in str(caught.value)
