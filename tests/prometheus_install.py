"""Where the tests' promtool and Alertmanager come from. Rule: nothing is installed; packages are unpacked, once.

The machine's own programs are taken where they are on the PATH. Else apt-get, as the machine has it set up, fetches the
packages into the user's cache, which needs no root; with lists of its own where the machine's are missing or old. On a
machine without apt-get the tests that need them skip; on a Debian they fail where the packages cannot be had.

    python tests/prometheus_install.py      # fetches what is missing, prints where it is
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kafka_install import cache_folder, locked

PACKAGES = {"prometheus": "promtool", "prometheus-alertmanager": "prometheus-alertmanager"}
"""Debian's packages, and the program that is wanted of each."""
TEMPLATES_INSTALLED = b"/usr/share/prometheus/alertmanager"
TEMPLATES_UNPACKED = b".////share/prometheus/alertmanager"
"""Debian's Alertmanager has the folder of its templates built in, where only an installed package leaves them. One
that is unpacked looks below the folder that it is started in; the path has to be of the same length."""


class NoApt(Exception):
    """This machine has neither the programs nor apt-get; the message says what to install."""


class NoPackage(Exception):
    """apt-get could not bring them; the message has what it said."""


@dataclass(frozen=True, slots=True)
class PrometheusInstall:
    """The programs. `alertmanager` is to be started in its own folder."""

    promtool: str
    alertmanager: str


def on_the_path() -> PrometheusInstall | None:
    """What the machine has itself; Debian calls its Alertmanager prometheus-alertmanager."""
    promtool = shutil.which("promtool")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return PrometheusInstall(promtool, alertmanager) if promtool and alertmanager else None


def apt_options(work: Path) -> list[str]:
    """Lists and locks below `work`, so that `apt-get update` needs no root; the sources stay the machine's."""
    lists, cache = work / "lists", work / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]


def apt(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs apt-get in `work`, where `download` leaves the packages."""
    environment = {**os.environ, "LC_ALL": "C"}
    command = ["apt-get", "-q", *arguments]
    return subprocess.run(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def download(work: Path) -> list[Path]:
    """The packages' files. Raises NoPackage."""
    done = apt(work, "download", *PACKAGES)
    if done.returncode != 0:
        options = apt_options(work)
        apt(work, *options, "update")
        done = apt(work, *options, "download", *PACKAGES)
    found = sorted(work.glob("*.deb"))
    if done.returncode != 0 or len(found) != len(PACKAGES):
        raise NoPackage(
            f"apt-get could not download {' and '.join(PACKAGES)}:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return found


def fetch(target: Path) -> None:
    """Leaves the programs in `target`, all or none. Raises NoApt, NoPackage."""
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise NoApt(
            f"promtool and Alertmanager are not on the PATH, and {' and '.join(missing)}, which would fetch them, not "
            "either. Install Prometheus and its Alertmanager, and put both on the PATH."
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as folder:
        work = Path(folder)
        for package in download(work):
            unpacked = subprocess.run(
                ["dpkg-deb", "--extract", str(package), str(work / "unpacked")],
                capture_output=True,
                text=True,
                check=False,
            )
            if unpacked.returncode != 0:
                raise NoPackage(f"{package.name} could not be unpacked:\n{unpacked.stderr[-2000:]}")
        programs, unpacked_in = work / "programs", work / "unpacked" / "usr"
        templates = Path("share", "prometheus", "alertmanager")
        (programs / templates).parent.mkdir(parents=True)
        (unpacked_in / templates).rename(programs / templates)
        for program in PACKAGES.values():
            content = (unpacked_in / "bin" / program).read_bytes()
            (programs / program).write_bytes(content.replace(TEMPLATES_INSTALLED, TEMPLATES_UNPACKED))
            (programs / program).chmod(0o755)
        programs.rename(target)


def prometheus_install() -> PrometheusInstall:
    """Programs that can be started, fetched first where they are not in the cache. Raises NoApt, NoPackage."""
    if (own := on_the_path()) is not None:
        return own
    folder = cache_folder() / "prometheus"
    target = folder / "programs"
    with locked(folder):
        if not target.is_dir():
            fetch(target)
    return PrometheusInstall(*(str(target / program) for program in PACKAGES.values()))


if __name__ == "__main__":
    try:
        print(prometheus_install())
    except NoApt as reason:
        print(f"{reason}\nUntil then the tests that need them skip.")
    except NoPackage as reason:
        sys.exit(str(reason))
