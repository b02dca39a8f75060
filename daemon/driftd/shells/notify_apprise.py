"""Receivers that Apprise speaks to: chat, e-mail and a hundred more. Rule: a send that hangs takes nobody with it.

Apprise blocks, so each send has a thread of its own, which is left behind where it does not come back in time; there
are at most a few. Its connections are judged like ours, by a hook where sockets connect.
"""

import asyncio
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from driftd.config_notify import Notify
from driftd.errors import ConfigError
from driftd.notify.addresses import literal, refusal
from driftd.notify.attempts import Delivered, Failed, Outcome
from driftd.notify.messages import Message, digest_message, message
from driftd.notify.notice import Notice

THREADS_MAX: Final = 4
_guard = threading.local()
"""Of a thread that sends: `config` of its receiver, and `refused`, what the hook has said."""


class AppriseReceiver:
    """One URL of Apprise's."""

    def __init__(self, config: Notify, url: str) -> None:
        """Raises ConfigError where Apprise is not installed, or does not know the URL."""
        self._config = config
        self._host = urlsplit(url).hostname or ""
        self._target = _target(config, url)
        self._threads = 0
        _install_hook()

    async def send(self, notice: Notice) -> Outcome:
        """One attempt."""
        return await self._send(message(notice))

    async def send_digest(self, notices: Sequence[Notice]) -> Outcome:
        """One attempt at a message about all of `notices`."""
        return await self._send(digest_message(notices))

    async def close(self) -> None:
        """Threads that hang are daemons: they end with the process."""

    async def _send(self, told: Message) -> Outcome:
        if self._threads >= THREADS_MAX:
            return Failed("timeout", f"{THREADS_MAX} earlier sends have not come back yet")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Outcome] = loop.create_future()

        def came_back(result: Outcome) -> None:
            self._threads -= 1
            if not done.done():
                done.set_result(result)

        def work() -> None:
            result = self._notify(told)
            if not loop.is_closed():
                loop.call_soon_threadsafe(came_back, result)

        self._threads += 1
        threading.Thread(target=work, name=f"apprise {self._config.name}", daemon=True).start()
        try:
            return await asyncio.wait_for(asyncio.shield(done), self._config.timeout_ms / 1000)
        except TimeoutError:
            return Failed("timeout", "no answer in time (timeout_ms)")

    def _notify(self, told: Message) -> Outcome:
        _guard.config, _guard.host, _guard.refused = self._config, self._host, ""
        kind = (
            "success"
            if told.is_good
            else {"critical": "failure", "info": "info"}.get(told.severity, "warning")
        )
        try:
            taken = self._target.notify(body=told.body, title=told.title, notify_type=kind)
        except Exception as error:  # noqa: BLE001  a hundred plugins: whatever it is, the message was not taken
            return Failed("connection", _guard.refused or type(error).__name__)
        if taken:
            return Delivered()
        if _guard.refused:
            return Failed("refused_address", _guard.refused)
        return Failed("not_taken", "Apprise says no; its log lines tell why")


def _target(config: Notify, url: str) -> Any:
    try:
        import apprise  # noqa: PLC0415  an extra, and half a second to import
    except ImportError:
        raise ConfigError(
            [
                f'notify "{config.name}": receivers of type "apprise" need the extra: pip install "driftd[notify]".'
            ]
        ) from None
    target = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if target is None:
        raise ConfigError(
            [f'notify "{config.name}": Apprise does not know its URL; see "apprise --details".']
        )
    return target


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise where a thread of ours is about to connect to an address that its receiver may not have."""
    if (
        event not in ("socket.connect", "socket.sendto")
        or (config := getattr(_guard, "config", None)) is None
    ):
        return
    address = arguments[1]
    ip = literal(address[0]) if isinstance(address, tuple) else None
    why = "it is no internet address" if ip is None else refusal(_guard.host, ip, config.allow)
    if why is not None:
        _guard.refused = why
        raise PermissionError(why)


def _install_hook() -> None:
    global _is_installed  # noqa: PLW0603  an audit hook is for the process, and for ever
    if not _is_installed:
        sys.addaudithook(_judge)
        _is_installed = True


_is_installed = False
