"""`driftd notify`: the notifier, wired together."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from driftd import __version__
from driftd.cli.config_file import find_config, read_config
from driftd.config import Config, Notify
from driftd.config_notify import PAGERDUTY_URL, url_problem
from driftd.errors import EXIT_OK, ConfigError
from driftd.kafka_settings import KafkaSettings, kafka_settings
from driftd.notify.alertmanager import AlertmanagerView
from driftd.notify.signature import BadSecret, read_secrets
from driftd.notify.view import NotifierView, ReceiverView
from driftd.shells.logs import set_up_logs
from driftd.shells.notify import Deliveries
from driftd.shells.notify_http import Alertmanager, PagerDuty, Webhook
from driftd.shells.notify_port import notifier_port
from driftd.shells.notify_service import ReceiverApp, group_of, serve_receivers
from driftd.shells.notify_topics import LogReader
from driftd.shells.topics import Cluster, check_topics, wanted_topics

log = structlog.get_logger(__name__)


def notify(*, config: Path | None = None) -> int:
    """Tell the receivers of [[notify]] what is published, until SIGTERM or Ctrl-C.

    Parameters
    ----------
    config
        The configuration file.
    """
    settings = read_config(config)
    if not settings.notify:
        raise ConfigError(
            ["notify: there is nobody to tell. Add a [[notify]] table; docs/notify.md shows how."]
        )
    secrets = {one.name: Secrets(one, os.environ) for one in settings.notify}
    kafka = kafka_settings(settings.kafka, os.environ)
    set_up_logs(settings.log.level, settings.log.format)
    log.info(
        "driftd notify starts", version=__version__, brokers=kafka.addresses, config=str(find_config(config))
    )
    with Cluster(kafka) as cluster:
        found = cluster.find(list(wanted_topics(settings.topics)))
        check_topics(found, settings.topics)
    partitions = {name: topic.partitions for name, topic in found.items()}
    asyncio.run(_serve(settings, kafka, partitions, secrets))
    return EXIT_OK


class Secrets:
    """What a receiver has in the environment. Raises ConfigError, which never repeats it."""

    def __init__(self, receiver: Notify, environment: Mapping[str, str]) -> None:
        where = f'notify "{receiver.name}"'
        self.url = receiver.url or (PAGERDUTY_URL if receiver.url_env is None else "")
        self.secret = ""
        self.keys: tuple[bytes, ...] = ()
        if receiver.url_env is not None:
            self.url = _variable(environment, f"{where}: url_env", receiver.url_env, "URL")
            if (problem := url_problem(receiver.type, self.url, receiver.allow)) is not None:
                raise ConfigError([f"{where}: {receiver.url_env}: {problem}"])
        if receiver.secret_env is None:
            return
        self.secret = _variable(environment, f"{where}: secret_env", receiver.secret_env, "secret")
        if receiver.type == "webhook":
            try:
                self.keys = read_secrets(self.secret)
            except BadSecret as error:
                right = 'Write "whsec_" and 24 to 64 random bytes in base64: openssl rand -base64 32'
                raise ConfigError([f"{where}: {receiver.secret_env}: {error}. {right}"]) from None


def _variable(environment: Mapping[str, str], where: str, name: str, what: str) -> str:
    if not (value := environment.get(name, "").strip()):
        raise ConfigError([f"{where}: the environment variable {name} is not set; it holds the {what}."])
    return value


async def _serve(
    config: Config, kafka: KafkaSettings, partitions: Mapping[str, int], secrets: Mapping[str, Secrets]
) -> None:
    views = tuple(ReceiverView(receiver.name) for receiver in config.notify)
    apps = []
    for receiver, view in zip(config.notify, views, strict=True):
        reader = LogReader(kafka, config.topics, partitions, group_of(config.kafka, receiver.name))
        app = ReceiverApp(receiver.name, config.kafka, config.topics, kafka, reader)
        app.follow(_deliveries(receiver, view, app, secrets[receiver.name]))
        apps.append(app)
    async with notifier_port(config.notifier, NotifierView(views)):
        await serve_receivers(apps, views)


def _deliveries(config: Notify, view: ReceiverView, app: ReceiverApp, own: Secrets) -> Deliveries:
    if config.type == "webhook":
        return Deliveries(config, Webhook(config, own.url, own.keys), view, app.commit)
    if config.type == "pagerduty":
        return Deliveries(config, PagerDuty(config, own.url, own.secret), view, app.commit)
    if config.type == "alertmanager":
        alertmanager = Alertmanager(config, own.url, AlertmanagerView(config.resend_ms))
        return Deliveries(config, alertmanager, view, app.commit, repeater=alertmanager)
    apprise = _apprise(config, own.url)
    return Deliveries(config, apprise, view, app.commit, send_digest=apprise.send_digest)


def _apprise(config: Notify, url: str) -> Any:
    from driftd.shells.notify_apprise import AppriseReceiver  # noqa: PLC0415  who has none needs no extra

    return AppriseReceiver(config, url)
