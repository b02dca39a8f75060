"""From an alert in Kafka to the webhook that takes it: a real broker, the real notifier, one transaction per alert.

`python -m benchmarks.notify_latency` publishes alerts as the daemon does, at several rates, and looks at when each
comes to a receiver in this process. Counted from the record's timestamp (when it was sent, before its transaction
ended) and from the end of its transaction (when it can be seen). All of it shares one machine and one clock.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer

import benchmarks.service  # noqa: F401  puts the tests' own harness on the path
from benchmarks.report import Row, arguments, publish
from broker import Broker
from kafka_install import kafka_install
from notify_receiver import WebhookReceiver
from notify_setup import Notifier, NotifySetup, alert, event

RATES = (2.0, 20.0, 100.0)
SECONDS_MAX = 60.0


class TimedReceiver(WebhookReceiver):
    """Takes everything, and notes when."""

    def __init__(self) -> None:
        self.arrived_s: dict[str, float] = {}
        super().__init__()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._exchange(reader, writer)
        self.arrived_s.setdefault(self.requests[-1].headers["webhook-id"], time.time())


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--alerts", type=int, default=200, help="alerts at each rate")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="alerts a second")
    chosen = parser.parse_args(argv)
    rows: list[Row] = []
    with TimedReceiver() as receiver, running(receiver) as setup:
        asyncio.run(send(setup, "warm-up", 20, 20.0))
        for rate in chosen.rates:
            sent = asyncio.run(send(setup, f"at-{rate:g}", chosen.alerts, rate))
            wait_for(receiver, [*sent])
            for since, index in (("its timestamp", 0), ("its commit", 1)):
                ms = [(receiver.arrived_s[key] - times[index]) * 1000 for key, times in sent.items()]
                p50, p99 = np.percentile(ms, (50, 99))
                rows.append(
                    {"alerts_per_s": rate, "since": since, "p50_ms": p50, "p99_ms": p99, "max_ms": max(ms)}
                )
    publish("notify_latency", rows, {"alerts": chosen.alerts}, chosen.json)
    return rows


@contextlib.contextmanager
def running(receiver: WebhookReceiver) -> Iterator[NotifySetup]:
    """The notifier, at work."""
    with tempfile.TemporaryDirectory() as folder, Broker(kafka_install(), Path(folder, "broker")) as broker:
        table = (
            f'[[notify]]\nname = "hook"\ntype = "webhook"\nurl = "{receiver.url}"\nallow = ["127.0.0.1"]\n'
        )
        setup = NotifySetup(Path(folder), broker.bootstrap, "", table)
        setup.create_topics()
        with Notifier(setup) as notifier:
            notifier.wait_for("follows the log")
            yield setup
            notifier.stop()


async def send(setup: NotifySetup, name: str, count: int, rate: float) -> dict[str, tuple[float, float]]:
    """Send `count` alerts about 50 incidents; of each, when it was sent and when its transaction ended, in seconds."""
    producer = AIOKafkaProducer(bootstrap_servers=setup.bootstrap, transactional_id="benchmark", linger_ms=0)
    await producer.start()
    sent: dict[str, tuple[float, float]] = {}
    try:
        due_s = time.time()
        for number in range(count):
            due_s += 1 / rate
            await asyncio.sleep(max(due_s - time.time(), 0.0))
            data = alert(f"{name}-{number % 50}", number)
            value, headers = event(data)
            sent_s = time.time()
            async with producer.transaction():
                await producer.send(setup.config.topics.alerts, value, key=b"churn", headers=list(headers))
            sent[f"{data.incident_id}-{number}"] = (sent_s, time.time())
    finally:
        await producer.stop()
    return sent


def wait_for(receiver: TimedReceiver, keys: Sequence[str]) -> None:
    """Wait until all came. Raises TimeoutError."""
    deadline = time.monotonic() + SECONDS_MAX
    while not {*keys} <= receiver.arrived_s.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len({*keys} - receiver.arrived_s.keys())} alerts did not come")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
