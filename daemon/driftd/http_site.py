"""What the ports of the worker and of the notifier have in common: /livez, /metrics, and how a port is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from driftd.errors import ConfigError

log = structlog.get_logger(__name__)


def add_pages(site: web.Application, registry: CollectorRegistry) -> None:
    """Add /livez, which says that the process turns, and /metrics with all of `registry`."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    site.add_routes([web.get("/livez", live), web.get("/metrics", metrics)])


@asynccontextmanager
async def open_port(site: web.Application, host: str, port: int, table: str) -> AsyncIterator[int]:
    """The port while `site` is there. Raises ConfigError, which names the `table` of config.toml, where it is taken."""
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(
                [f"{table}.port: {host}:{port} cannot be used: {error.strerror}. Take another, or 0."]
            ) from None
        opened: int = runner.addresses[0][1]
        log.info("http port is open", host=host, port=opened)
        yield opened
    finally:
        await runner.cleanup()
