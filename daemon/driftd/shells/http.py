"""The HTTP port: /livez, /readyz, /metrics, and the API. Rule: it answers also while a shard is at work.

/livez says that the process turns; /readyz that each shard it owns is running, and why not where one is not: a
worker that cannot judge is never shown as ready.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry

from driftd.api.commands import BODY_BYTES_MAX
from driftd.api.openapi import PREFIX
from driftd.config import Http
from driftd.http_site import add_pages, open_port
from driftd.shard_view import ServiceView


def build_site(view: ServiceView, registry: CollectorRegistry, api: web.Application) -> web.Application:
    """The pages, those of `api` below its prefix."""

    async def ready(_: web.Request) -> web.Response:
        reasons = view.unready()
        status = "ready" if not reasons else "not ready"
        shards = sorted(view.shards or {})
        return web.json_response(
            {"status": status, "shards": shards, "reasons": reasons}, status=503 if reasons else 200
        )

    site = web.Application(client_max_size=BODY_BYTES_MAX)
    add_pages(site, registry)
    site.add_routes([web.get("/readyz", ready)])
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
    async with open_port(build_site(view, registry, api), http.host, http.port, "http") as port:
        yield port
