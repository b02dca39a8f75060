"""The real service behind a real broker, for benchmarks. Rule: how far it is, is read from what it committed.

Its journal tells, record by record, which offsets each commit covered; the broker's timestamps on those
records tell when. Nothing is asked of the service itself, so nothing in it is slowed down.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition

from benchmarks.report import Row
from benchmarks.stream import Shape, events

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))  # the broker harness is the tests' own

from broker import Broker  # noqa: E402  as above
from kafka_install import kafka_install  # noqa: E402  as above

IDLE_SECONDS_MAX = 60.0
BATCH_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the service: predictions covered up to now, and the broker's time of it."""

    predictions: int
    at_ms: int


@contextmanager
def broker_with(count: int, shape: Shape) -> Iterator[Broker]:
    """A broker whose topics exist and whose `predictions` holds `count` events (and `labels` theirs)."""
    with tempfile.TemporaryDirectory() as folder, Broker(kafka_install(), Path(folder, "broker")) as broker:
        write_config(broker.bootstrap, Path(folder, "config.toml"))
        driftd(Path(folder, "config.toml"), "topics", "create").wait(60)
        asyncio.run(produce(broker.bootstrap, count, shape))
        yield broker


def write_config(bootstrap: str, path: Path) -> Path:
    """The defaults, with one partition, at `bootstrap`."""
    path.write_text(
        f'[kafka]\nbrokers = ["{bootstrap}"]\n[topics]\ninput_partitions = 1\n'
        # the events are of 2023: the default retention would take them away while they are read
        "retention_ms = 1000000000000\n[http]\nenabled = false\n",
        encoding="utf-8",
    )
    return path


def driftd(config: Path, *words: str) -> subprocess.Popen[bytes]:
    """`driftd WORDS` with `config`, started; what it says goes to a file beside the configuration."""
    with config.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "driftd", *words, "--config", str(config)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
            stdout=log,
            stderr=log,
        )


async def produce(bootstrap: str, count: int, shape: Shape) -> None:
    """Send `count` events of `shape`."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        linger_ms=20,
        max_batch_size=BATCH_BYTES,
        acks=1,
        enable_idempotence=False,
    )
    await producer.start()
    try:
        for chunk in events(count, shape):
            last = None
            for record in chunk:
                last = await producer.send(
                    record.topic, record.value, partition=0, timestamp_ms=record.timestamp_ms
                )
            if last is not None:
                await last
        await producer.flush()
    finally:
        await producer.stop()


@contextmanager
def service(bootstrap: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running `driftd run`, ended with SIGTERM."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(bootstrap, Path(folder, "config.toml"))
        process = driftd(config, "run")
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
            if process.returncode not in (0, -15, 143):
                print(config.with_suffix(".log").read_text(encoding="utf-8")[-3000:], file=sys.stderr)


def commits(bootstrap: str, count: int) -> Iterator[Commit]:
    """The service's commits, until `count` predictions are covered. Raises TimeoutError where none come."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, group_id=None
    )
    try:
        journal = TopicPartition("driftd.journal", 0)
        consumer.assign([journal])
        consumer.seek_to_beginning(journal)
        covered, progress_at = 0, monotonic()
        while covered < count:
            for record in (one for polled in consumer.poll(timeout_ms=200).values() for one in polled):
                for topic, _, _, last in json.loads(record.value)["runs"]:
                    covered = last + 1 if topic == "predictions" else covered
                progress_at = monotonic()
                yield Commit(covered, record.timestamp)
            if monotonic() - progress_at > IDLE_SECONDS_MAX:
                raise TimeoutError(
                    f"the service committed nothing for {IDLE_SECONDS_MAX:g} s, after {covered} events"
                )
    finally:
        consumer.close()


def sampled_service(count: int, shape: Shape, samples: int) -> Iterator[Row]:
    """A row for each `samples`-th part of `count` events that the service committed."""
    from benchmarks.memory import resident_bytes  # noqa: PLC0415  it imports this file when asked for the service

    with broker_with(count, shape) as broker, service(broker.bootstrap) as process:
        due = count / samples
        for commit in commits(broker.bootstrap, count):
            if commit.predictions >= due:
                due += count / samples
                yield {"events": commit.predictions, "rss_mb": resident_bytes(process.pid) / 1e6}
        sleep(1.0)
        yield {"events": count, "rss_mb": resident_bytes(process.pid) / 1e6}
