"""The notifier's port: /livez, /readyz, /metrics. Rule: it only reads."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftd.config import Notifier
from driftd.http_site import add_pages, open_port
from driftd.notify.view import NotifierView

DELIVERY_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)


class NotifierCollector(Collector):
    """Makes metrics of the view whenever they are asked for."""

    def __init__(self, view: NotifierView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """All metrics but the histogram."""
        delivered = CounterMetricFamily(
            "driftd_notify_delivered_total", "Notices delivered.", labels=["receiver"]
        )
        refused = CounterMetricFamily(
            "driftd_notify_refused_total",
            "Notices that the receiver will never take: given up.",
            labels=["receiver"],
        )
        unreadable = CounterMetricFamily(
            "driftd_notify_unreadable_total", "Records that are no events of driftd.", labels=["receiver"]
        )
        failed = CounterMetricFamily(
            "driftd_notify_failed_attempts_total",
            "Attempts that are repeated.",
            labels=["receiver", "reason"],
        )
        not_told = CounterMetricFamily(
            "driftd_notify_not_told_total",
            "Notices that were not for the receiver.",
            labels=["receiver", "reason"],
        )
        waiting = GaugeMetricFamily("driftd_notify_waiting", "Notices that wait for it.", labels=["receiver"])
        failing = GaugeMetricFamily(
            "driftd_notify_failing", "1 where the latest attempt was in vain.", labels=["receiver"]
        )
        for one in self._view.receivers:
            delivered.add_metric([one.name], one.delivered)
            refused.add_metric([one.name], one.refused)
            unreadable.add_metric([one.name], one.unreadable)
            waiting.add_metric([one.name], one.waiting)
            failing.add_metric([one.name], bool(one.failing))
            for reason, count in one.failed_attempts.items():
                failed.add_metric([one.name, reason], count)
            for reason, count in one.not_told.items():
                not_told.add_metric([one.name, reason], count)
        yield from (delivered, refused, unreadable, failed, not_told, waiting, failing)


def notifier_registry(view: NotifierView) -> CollectorRegistry:
    """The registry with all metrics of `view`, whose receivers observe the time that deliveries take."""
    registry = CollectorRegistry()
    seconds = Histogram(
        "driftd_notify_delivery_seconds",
        "From the record's timestamp to its delivery.",
        ["receiver"],
        buckets=DELIVERY_SECONDS,
        registry=registry,
    )
    for one in view.receivers:
        one.took = seconds.labels(one.name).observe
    registry.register(NotifierCollector(view))
    return registry


def notifier_site(view: NotifierView, registry: CollectorRegistry) -> web.Application:
    """The pages."""

    async def ready(_: web.Request) -> web.Response:
        reasons = view.unready()
        receivers = {one.name: {"waiting": one.waiting, "failing": one.failing} for one in view.receivers}
        document = {"status": "not ready" if reasons else "ready", "receivers": receivers, "reasons": reasons}
        return web.json_response(document, status=503 if reasons else 200)

    site = web.Application()
    add_pages(site, registry)
    site.add_routes([web.get("/readyz", ready)])
    return site


@asynccontextmanager
async def notifier_port(config: Notifier, view: NotifierView) -> AsyncIterator[int | None]:
    """The port while it is open, None where it is off. Raises ConfigError where it cannot be opened."""
    if not config.enabled:
        yield None
        return
    site = notifier_site(view, notifier_registry(view))
    async with open_port(site, config.host, config.port, "notifier") as port:
        yield port
