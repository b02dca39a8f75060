"""The HTTP port: /livez, /readyz, /metrics, and the API. Rule: it answers also while a shard is at work.

/livez says that the process turns; /readyz that each shard it owns is running, and why not where one is not: a
worker that cannot judge is never shown as ready.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from driftd.api.commands import BODY_BYTES_MAX
from driftd.api.openapi import PREFIX
from driftd.config import Http
from driftd.errors import ConfigError
from driftd.shard_view import ServiceView

log = structlog.get_logger(__name__)


def build_site(view: ServiceView, registry: CollectorRegistry, api: web.Application) -> web.Application:
    """The pages, those of `api` below its prefix."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_: web.Request) -> web.Response:
        reasons = view.unready()
        status = "ready" if not reasons else "not ready"
        shards = sorted(view.shards or {})
        return web.json_response(
            {"status": status, "shards": shards, "reasons": reasons}, status=503 if reasons else 200
        )

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    site = web.Application(client_max_size=BODY_BYTES_MAX)
    site.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/metrics", metrics)])
    site.add_subapp(PREFIX, api)
    return site


@asynccontextmanager
async def http_port(
    http: Http, view: ServiceView, registry: CollectorRegistry, api: web.Application
) -> AsyncIterator[int | None]:
    """The port while it is open, None where it is switched off. Raises ConfigError where it cannot be opened."""
    if not http.enabled:
        yield None
        return
    runner = web.AppRunner(build_site(view, registry, api), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, http.host, http.port)
        try:
            await listener.start()
        except OSError as error:
            raise ConfigError(
                [f"http.port: {http.host}:{http.port} cannot be used: {error.strerror}. Take another, or 0."]
            ) from None
        port: int = runner.addresses[0][1]
        log.info("http port is open", host=http.host, port=port)
        yield port
    finally:
        await runner.cleanup()
