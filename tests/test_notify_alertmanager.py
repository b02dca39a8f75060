"""What the notifier sends, as a real Alertmanager with docker's configuration understands it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from alertmanager import alertmanager, people
from driftd.config_notify import Notify
from driftd.notify.alertmanager import AlertmanagerView
from driftd.notify.attempts import Delivered
from driftd.shells.notify_http import Alertmanager
from notify_setup import alert, notice, resolved
from prometheus_install import PrometheusInstall


async def until(happened: Callable[[], bool], what: str) -> None:
    """Wait until it happened. Raises AssertionError."""
    for _ in range(600):
        await asyncio.sleep(0.05)
        if happened():
            return
    raise AssertionError(what)


def test_an_incident_that_gets_worse_is_a_page_and_ends_the_ticket_and_all_ends_with_it(
    prometheus: PrometheusInstall, tmp_path: Path
) -> None:
    async def scenario(url: str) -> None:
        settings = Notify.model_validate(
            {"name": "am", "type": "alertmanager", "url": url, "allow": ("127.0.0.1",), "resend_ms": 60_000}
        )
        receiver = Alertmanager(settings, url, AlertmanagerView(settings.resend_ms))
        try:
            assert await receiver.send(notice(alert(severity="warning"))) == Delivered()
            await until(lambda: len(heard.notifications("tickets", "firing")) == 1, "the ticket")
            assert await receiver.send(notice(alert(number=2, kind="performance"))) == Delivered()
            await until(lambda: len(heard.notifications("people", "firing")) == 1, "the page")
            await until(lambda: len(heard.notifications("tickets", "resolved")) == 1, "the ticket's end")
            assert await receiver.send_again() == Delivered()
            assert await receiver.send(notice(resolved(number=3, kind="performance"))) == Delivered()
            await until(lambda: len(heard.notifications("people", "resolved")) == 1, "the page's end")
            ahead = alert("inc-9", opened_at_ms=int(time.time() * 1000) + 10**7)
            assert await receiver.send(notice(ahead)) == Delivered(), "events may be ahead of its clock"
        finally:
            await receiver.close()

    with people() as heard, alertmanager(prometheus, tmp_path, heard) as running:
        asyncio.run(scenario(running.url))
        (page,) = heard.notifications("people", "firing")[0]["alerts"]
        assert page["labels"]["kind"] == "data_drift", "that of the opening"
        assert page["annotations"]["advice"] == "Look at the producer of age."
