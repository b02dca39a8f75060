"""What a Faust app of ours is like: no web server, no folders, no topics of its own. Rule: one place tames Faust.

Nothing here connects; both hosts of Faust, the worker and the notifier, start what is made here.
"""

from collections.abc import Iterable
from typing import Any, Final

import faust
from faust.app.base import BootStrategy

from driftd.config import Kafka
from driftd.kafka_settings import KafkaSettings

LEAVE_SECONDS_MAX: Final = 3.0
HEARTBEATS_PER_SESSION: Final = 3


class Boot(BootStrategy):  # type: ignore[misc]  # mode's and Faust's types are not read by mypy
    """Faust's parts without its web server; the app's host starts before the group is joined."""

    enable_web = False

    def server(self) -> Iterable[Any]:
        """What a worker starts, in this order."""
        return [self.app.driftd_host, *super().server()]


def make_app(group: str, kafka: Kafka, settings: KafkaSettings, host: Any, **more: Any) -> Any:
    """A Faust app of the consumer group `group`, with `host` (a mode.Service) in it; `more` are Faust's settings."""
    session_s = kafka.session_timeout_ms / 1000
    app: Any = faust.App(
        group,
        broker=[f"kafka://{address}" for address in settings.brokers],
        broker_credentials=_credentials(settings),
        # Faust's own timeouts would leave a partition alone for a minute after its worker died
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / HEARTBEATS_PER_SESSION,
        broker_rebalance_timeout=max(session_s, LEAVE_SECONDS_MAX + 1.0),
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        autodiscover=False,
        loghandlers=[],
        **more,
    )
    app.BootStrategy = Boot
    app.boot_strategy = Boot(app)
    app.driftd_host = host
    app._create_directories = lambda: None  # noqa: SLF001  Faust keeps tables in a folder; we have none
    return app


def _credentials(settings: KafkaSettings) -> Any:
    if settings.sasl_mechanism is not None:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=settings.ssl_context,
        )
    if settings.ssl_context is not None:
        return faust.SSLCredentials(settings.ssl_context)
    return None
