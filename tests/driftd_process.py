"""`driftd run` as a process, for tests. Rule: how far it is, is read from what it committed, not asked of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition

from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.journal import decode_runs
from streams import SMALL
from topic_io import Message, consume_all, produce

ROOT = Path(__file__).parent.parent
SECONDS_MAX = 60.0


class Setup:
    """A configuration of topics of its own on a broker, and the commands that run with it."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        prefix: str,
        *,
        outputs: str = "",
        partitions: int = 2,
        more_kafka: str = "",
        more_topics: str = "",
        http_port: int | None = None,
        tick_interval_ms: int = 0,
        models: str = SMALL,
    ) -> None:
        """`prefix` begins the names of all topics; `outputs` comes between it and the names of those written.

        There are no ticks unless they are asked for: what they lead to depends on when the daemon ran.
        """
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.path = folder / f"{outputs or 'driftd'}.toml"
        written = ("alerts", "retraining", "incidents", "rejected", "state", "journal", "shards")
        names = "".join(f'{name} = "{prefix}{outputs}{name}"\n' for name in written)
        http = "enabled = false" if http_port is None else f"port = {http_port}"
        self.path.write_text(
            f"""
[kafka]
brokers = ["{bootstrap}"]
instance = "{prefix}{outputs}driftd"
session_timeout_ms = 1000
tick_interval_ms = {tick_interval_ms}
{more_kafka}
[topics]
predictions = ["{prefix}predictions"]
labels = ["{prefix}labels"]
control = "{prefix}control"
{names}input_partitions = {partitions}
retention_ms = 1000000000000
{more_topics}
[http]
{http}
[log]
format = "text"
{models}""",
            encoding="utf-8",
        )
        self.config = load_config(self.path.read_text(encoding="utf-8"), str(self.path))

    def driftd(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """`driftd WORDS` with this configuration, until it ends."""
        done = subprocess.run(
            [*command(*words), "--config", str(self.path)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        if expect is not None:
            assert done.returncode == expect, done.stderr
        return done

    def send(self, records: Iterable[Record], partitions: int = 2) -> None:
        """Send `records` as a client of the model would: by key, which is the model; here by turns where none."""
        messages = [
            Message(
                self.prefix + record.topic.removeprefix("driftd."),
                record.value,
                record.key or b"-",  # kafka-python sends no record without both key and value
                index % partitions,
                (),
                record.timestamp_ms,
            )
            for index, record in enumerate(records)
        ]
        produce(self.bootstrap, messages)

    def outputs(self) -> dict[str, list[bytes | None]]:
        """All that was published, read committed, in order."""
        topics = self.config.topics
        return {
            name: [record.value for record in consume_all(self.bootstrap, getattr(topics, name))]
            for name in ("alerts", "retraining", "rejected")
        }

    def open_now(self) -> dict[bytes | None, bytes]:
        """What the compacted topic holds: the last value of each key that is not forgotten."""
        records = consume_all(self.bootstrap, self.config.topics.incidents)
        last = {record.key: record.value for record in records}
        return {key: value for key, value in last.items() if value is not None}

    def applied(self) -> dict[tuple[str, int], int]:
        """The last offset of each input partition that a commit covers."""
        journal = consume_all(self.bootstrap, self.config.topics.journal)
        runs = [run for record in journal for run in decode_runs(record.value)]
        own = self.config.topics.journal  # its runs are ticks
        return {(source.topic, source.partition): last for source, _, last in runs if source.topic != own}

    def ends(self) -> dict[tuple[str, int], int]:
        """The last offset that is in each input partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False)
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in self.config.topics.inputs
                for number in consumer.partitions_for_topic(topic)
            ]
            ends = consumer.end_offsets(partitions)
        finally:
            consumer.close()
        return {(part.topic, part.partition): end - 1 for part, end in ends.items() if end}

    def is_done(self) -> bool:
        """Whether all that is in the input topics has been applied."""
        return self.applied() == self.ends()


class Running:
    """A running `driftd WORDS`; killed at the end where it still runs."""

    def __init__(
        self, path: Path, words: Sequence[str], name: str, more: Iterable[tuple[str, str]] = ()
    ) -> None:
        """With the configuration at `path`, and `more` environment variables; its log is beside that, by `name`."""
        self.log_file = path.with_suffix(f".{name}.log")
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command(*words), "--config", str(path)],
                env={**environment(), **dict(more)},
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill9()
        if kind is not None:
            sys.stderr.write(f"--- {self.log_file.name}\n{self.log()[-4000:]}\n")

    def kill9(self) -> None:
        """End it as the kernel would when memory is short."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS_MAX)

    def log(self) -> str:
        """All that it said."""
        return self.log_file.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        """Wait until it says `text`."""
        wait_until(lambda: text in self.log() or self.process.poll() is not None, text)
        assert text in self.log(), self.log()


class Daemon(Running):
    """A running `driftd run`."""

    def __init__(self, setup: Setup, name: str = "daemon") -> None:
        super().__init__(setup.path, ["run"], name)


def wait_until(happened: Callable[[], bool], what: str, seconds_max: float = SECONDS_MAX) -> None:
    """Wait until `happened`. Raises TimeoutError."""
    deadline = time.monotonic() + seconds_max
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds_max:g} s")
        time.sleep(0.05)


def command(*words: str) -> list[str]:
    """The command line of `driftd WORDS`."""
    return [sys.executable, "-m", "driftd", *words]


def environment() -> Mapping[str, str]:
    """The environment in which this checkout's driftd is found, and starts as fast as an installed one.

    Without bytecode on disk, as some environments want it, each start would compile all modules: 0.15 s more.
    """
    return {**os.environ, "PYTHONPATH": str(ROOT / "daemon"), "PYTHONDONTWRITEBYTECODE": ""}
