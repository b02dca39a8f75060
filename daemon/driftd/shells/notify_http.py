"""Receivers that are spoken to by HTTP: webhooks, Alertmanager, PagerDuty. Rule: no answer can hold or mislead us.

The time of an attempt is bounded as a whole, the answer is not read beyond an excerpt, redirects are not followed,
and each connection is made only after its address was judged (so a name that leads elsewhere today is seen).
"""

import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from driftd import __version__
from driftd.config_notify import Notify
from driftd.contract.cloudevents import CONTENT_TYPE
from driftd.notify.addresses import refusal
from driftd.notify.alertmanager import AlertmanagerView
from driftd.notify.attempts import Delivered, Failed, Outcome, outcome
from driftd.notify.messages import pagerduty_event
from driftd.notify.notice import Alert, Notice
from driftd.notify.signature import signed_headers

CONNECTIONS_MAX: Final = 8
EXCERPT_BYTES: Final = 300
DNS_CACHE_SECONDS: Final = 10
JSON: Final = {"Content-Type": "application/json"}
ALERTS_PATH: Final = "/api/v2/alerts"


class RefusedAddress(OSError):
    """The receiver's name leads to an address that it may not have."""


class Poster:
    """Sends bodies to one URL."""

    def __init__(self, config: Notify, url: str) -> None:
        """To be made where the event loop runs."""
        self._url = url
        host = urlsplit(url).hostname or ""

        def judged(address: Any) -> socket.socket:
            family, kind, protocol, _, (ip, *_rest) = address
            if (why := refusal(host, ip, config.allow)) is not None:
                raise RefusedAddress(why)
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX, ttl_dns_cache=DNS_CACHE_SECONDS, socket_factory=judged
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=config.timeout_ms / 1000),
            headers={"User-Agent": f"driftd/{__version__}"},
            auto_decompress=False,
            trust_env=False,
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One attempt."""
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                if 200 <= response.status < 300:
                    return Delivered()  # by its status line; what follows may be as long or slow as it likes
                told = await _excerpt(response)
                return outcome(response.status, response.headers, told, time.time())
        except TimeoutError:
            return Failed("timeout", "no answer in time (timeout_ms)")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, RefusedAddress):
                return Failed("refused_address", str(error.os_error))
            return Failed("connection", str(error.os_error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # no message of theirs: it may have the URL in it, which may be a secret
            return Failed("connection", type(error).__name__)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


class Webhook:
    """A receiver that takes the CloudEvent as it is, signed."""

    def __init__(self, config: Notify, url: str, secrets: Sequence[bytes]) -> None:
        self._poster = Poster(config, url)
        self._secrets = tuple(secrets)

    async def send(self, notice: Notice) -> Outcome:
        """One attempt; its timestamp and signature are its own, the key is that of all attempts."""
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Idempotency-Key": notice.event_id,
            **signed_headers(notice.event_id, int(time.time()), notice.value, self._secrets),
        }
        return await self._poster.post(notice.value, headers)

    async def close(self) -> None:
        """End all connections."""
        await self._poster.close()


class PagerDuty:
    """PagerDuty's Events API v2."""

    def __init__(self, config: Notify, url: str, routing_key: str) -> None:
        self._poster = Poster(config, url)
        self._routing_key = routing_key

    async def send(self, notice: Notice) -> Outcome:
        """One attempt."""
        assert isinstance(notice.data, Alert)  # routing gives it nothing else
        event = pagerduty_event(notice, notice.data, self._routing_key)
        return await self._poster.post(
            msgspec.json.encode(event), {**JSON, "Idempotency-Key": notice.event_id}
        )

    async def close(self) -> None:
        """End all connections."""
        await self._poster.close()


class Alertmanager:
    """Alertmanager's API v2, below the URL of its start page."""

    def __init__(self, config: Notify, url: str, view: AlertmanagerView) -> None:
        self._poster = Poster(config, url.rstrip("/") + ALERTS_PATH)
        self._view = view

    async def send(self, notice: Notice) -> Outcome:
        """One attempt."""
        assert isinstance(notice.data, Alert)  # routing gives it nothing else
        alerts = self._view.changes(notice.data, _now_ms())
        result = await self._post(alerts, {"Idempotency-Key": notice.event_id})
        if isinstance(result, Delivered):
            self._view.note(notice.data)
        return result

    def recall(self, told: Iterable[Notice], open_ids: set[str]) -> None:
        """Know what it was told, and which incidents of that are open now."""
        self._view.begin(notice.data for notice in told if isinstance(notice.data, Alert))
        self._view.keep(open_ids)

    async def send_again(self) -> Outcome:
        """Send all that is open again."""
        return await self._post(self._view.again(_now_ms()), {})

    async def _post(self, alerts: Sequence[dict[str, Any]], headers: Mapping[str, str]) -> Outcome:
        if not alerts:
            return Delivered()
        return await self._poster.post(msgspec.json.encode(alerts), {**JSON, **headers})

    async def close(self) -> None:
        """End all connections."""
        await self._poster.close()


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """What the answer says, for a log line; an answer that does not end says what its status says."""
    try:
        excerpt = await response.content.read(EXCERPT_BYTES)
    except (TimeoutError, aiohttp.ClientError):
        return ""
    return " ".join(excerpt.decode("utf-8", "replace").split())


def _now_ms() -> int:
    return int(time.time() * 1000)
