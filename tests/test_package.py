"""What is installed: the wheel holds all that the program reads, and make says clearly where it cannot go on."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from architecture import ROOT
from driftd import __version__
from kafka_install import NoBroker
from kafka_setup import first_that_works

INFO = f"driftd-{__version__}.dist-info"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("driftd-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_the_demo_and_the_commented_options(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    package = {str(path.relative_to(ROOT / "daemon")) for path in (ROOT / "daemon" / "driftd").rglob("*.py")}
    assert package <= names
    demos = {"elec2.jsonl.gz", "elec2.json", "speech.jsonl.zst", "speech.json", "NOTICE"}
    assert {f"driftd/demo/{name}" for name in demos} <= names
    assert wheel.read("driftd/config.toml") == (ROOT / "config.toml").read_bytes()
    assert {name.partition("/")[0] for name in names} == {"driftd", INFO}


def test_the_wheel_s_command_is_driftd(wheel: zipfile.ZipFile) -> None:
    points = wheel.read(f"{INFO}/entry_points.txt").decode()
    assert "driftd = driftd.cli.app:main" in points


def test_make_alone_lists_what_can_be_made() -> None:
    told = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    untold = {"install", "tools", "broker", "prometheus"}  # steps of the others
    assert set(re.findall(r"^  make ([a-z]+) ", told, re.MULTILINE)) == set(phony) - untold


def test_without_a_python_that_is_new_enough_make_says_what_to_install(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    command = ["make", "-C", str(ROOT), f"VENV={venv}", "PYTHON=false", f"{venv}/.python"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'driftd needs Python 3.11 or newer, with venv; of "false" none is that.' in done.stderr
    assert "apt-get install" in done.stderr
    assert not venv.exists()


def test_ci_runs_what_developers_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"


def test_a_broker_that_cannot_be_had_is_a_failure_that_tells_all_that_was_tried() -> None:
    tried = []

    def works() -> None:
        tried.append("works")
        raise NoBroker("There is no Java.")

    def remedy() -> None:
        tried.append("remedy")
        raise NoBroker("Not root.")

    with pytest.raises(NoBroker, match=r"Not root\.\nThere is no Java\."):
        first_that_works(works, remedy)
    assert tried == ["works", "remedy"]


def test_a_remedy_that_helps_is_the_last_that_is_tried() -> None:
    there: list[str] = []

    def works() -> None:
        if not there:
            raise NoBroker("There is no Java.")

    first_that_works(works, lambda: there.append("java"), lambda: there.append("another"))
    assert there == ["java"]
