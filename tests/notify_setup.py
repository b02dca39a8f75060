"""Alerts as the daemon publishes them, and `driftd notify` as a process, for tests."""

import asyncio
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition

from driftd.config_text import load_config
from driftd.contract.cloudevents import EventType, Headers, encode_cloudevent
from driftd.contract.events_out import AlertData, PlaceData
from driftd.notify.notice import Alert, Notice, Place, Request
from driftd_process import SECONDS_MAX, Running, command, environment

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's own examples


def alert(incident: str = "inc-1", number: int = 1, **more: Any) -> AlertData:
    """An alert with what `more` says."""
    place = PlaceData(at_ms=1_700_000_000_000, topic="predictions", partition=0, offset=7)
    document = {
        "incident_id": incident,
        "model": "churn",
        "model_version": "3",
        "kind": "data_drift",
        "kinds": ["data_drift"],
        "severity": "critical",
        "stage": "data",
        "phase": "open",
        "cause": "held",
        "page": True,
        "number": number,
        "summary": "features.age is shifted since noon",
        "advice": "Look at the producer of age.",
        "onset": place,
        "detected": place,
        "decided": place,
        "opened_at_ms": 1_700_000_000_000,
        "reopened": 0,
        "acknowledged_by": None,
        "silenced_by": None,
        "request_id": None,
        "contributors": [],
        "contributors_total": 0,
        "replay": "driftd replay x.jsonl",
    }
    return AlertData.model_validate({**document, **more})


def resolved(incident: str = "inc-1", number: int = 2, **more: Any) -> AlertData:
    """Its end."""
    return alert(incident, number, **{"phase": "resolved", "cause": "quiet", "page": False, **more})


def event(data: AlertData, event_id: str | None = None) -> tuple[bytes, Headers]:
    """Value and headers of its CloudEvent."""
    kind = EventType.ALERT_OPENED if data.number == 1 else EventType.ALERT_UPDATED
    if data.phase == "resolved":
        kind = EventType.ALERT_RESOLVED
    name = event_id or f"{data.incident_id}-{data.number}"
    return encode_cloudevent(kind, name, "driftd/test", data.model, data.onset.at_ms, data)


def notice(data: AlertData | Request, offset: int = 0, timestamp_ms: int = 0) -> Notice:
    """The notice of an alert, or of a request."""
    place = Place("driftd.alerts", 0, offset, timestamp_ms)
    if isinstance(data, Request):
        return Notice(
            f"{data.request_id}-{data.phase}", "dev.driftd.retraining.requested.v1", b"", data, place
        )
    value, _ = event(data)
    read = msgspec.convert(data.model_dump(), Alert)
    return Notice(f"{data.incident_id}-{data.number}", "dev.driftd.alert.opened.v1", value, read, place)


class NotifySetup:
    """A configuration with topics of its own, and what is published to them."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        prefix: str,
        receivers: str,
        *,
        notifier_port: int | None = None,
        check: bool = True,
        more_kafka: str = "",
    ) -> None:
        """`receivers` are [[notify]] tables; where they are wrong, `check` is False and there is no `config`."""
        self.bootstrap = bootstrap
        self.path = folder / "notify.toml"
        self.prefix = prefix
        topics = ("alerts", "retraining", "incidents", "rejected", "state", "journal", "shards", "control")
        names = "".join(f'{name} = "{prefix}{name}"\n' for name in topics)
        port = "enabled = false" if notifier_port is None else f"port = {notifier_port}"
        self.path.write_text(
            f'[kafka]\nbrokers = ["{bootstrap}"]\ninstance = "{prefix}driftd"\nsession_timeout_ms = 1000\n{more_kafka}'
            f'[topics]\npredictions = ["{prefix}predictions"]\nlabels = []\ninput_partitions = 1\n{names}'
            f"[notifier]\n{port}\n"
            f'[log]\nformat = "text"\n{receivers}',
            encoding="utf-8",
        )
        if check:
            self.config = load_config(self.path.read_text(encoding="utf-8"), str(self.path))

    def create_topics(self) -> None:
        """Make them."""
        words = [*command("topics", "create"), "--config", str(self.path)]
        subprocess.run(words, env=environment(), check=True, capture_output=True, timeout=SECONDS_MAX)

    def publish(self, alerts: Sequence[AlertData], *, aborted: Sequence[AlertData] = ()) -> None:
        """Publish each in a transaction of its own, with the record of what is open; then `aborted` in vain."""
        asyncio.run(self._publish(alerts, aborted))

    async def _publish(self, alerts: Sequence[AlertData], aborted: Sequence[AlertData]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, transactional_id=f"{self.prefix}test")
        await producer.start()
        try:
            for data in alerts:
                async with producer.transaction():
                    await self._send(producer, data)
            if aborted:
                await producer.begin_transaction()
                for data in aborted:
                    await self._send(producer, data)
                await producer.flush()
                await producer.abort_transaction()
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, data: AlertData) -> None:
        value, headers = event(data)
        topics, key = self.config.topics, data.model.encode()
        await producer.send(topics.alerts, value, key=key, headers=list(headers))
        kept = None if data.phase == "resolved" else value
        name = f"incident/{data.model}/{data.incident_id}".encode()
        await producer.send(topics.incidents, kept, key=name, headers=list(headers) if kept else [])

    def committed(self, receiver: str) -> int | None:
        """Up to where the receiver's alerts are settled."""
        group = f"driftd.{self.config.kafka.instance}.notify.{receiver}"
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        try:
            offset: int | None = consumer.committed(TopicPartition(self.config.topics.alerts, 0))
        finally:
            consumer.close()
        return offset


class Notifier(Running):
    """A running `driftd notify`."""

    def __init__(
        self, setup: NotifySetup, name: str = "notifier", more: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(setup.path, ["notify"], name, [("DRIFTD_TEST_SECRET", SECRET), *more])
