"""The layout is as the design says, and each rule can fail: it is given an offender."""

import ast
from pathlib import Path

import pytest

import architecture
from architecture import ROOT


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


MODULES = {
    name: path for path in architecture.python_files() if (name := architecture.module_name(path)) is not None
}


def test_pure_code_knows_no_world_a_shell_no_other_shell_and_only_cli_wires() -> None:
    complaints = [
        c for name, path in MODULES.items() for c in architecture.import_complaints(name, read(path))
    ]
    assert not complaints, "\n".join(complaints)


def test_the_pure_parts_are_there() -> None:
    first = {name.split(".")[0] for name in MODULES}
    assert set(architecture.PURE) | {*architecture.SHELLS, "cli"} <= first
    assert [name for name in MODULES if name.startswith(architecture.RIVER)]


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("engine.join", "import time", "pure code imports time"),
        (
            "engine.join",
            "def now():\n    from datetime import datetime",
            "join:2: pure code imports datetime",
        ),
        ("config_text", "from pathlib import Path", "pure code imports pathlib"),
        ("suggestion", "import os.path", "pure code imports os"),
        ("detectors.distances", "import kafka.admin as admin", "pure code imports kafka"),
        (
            "reference.build",
            "from driftd.shells.store import read_store",
            "imports a shell (driftd.shells.store",
        ),
        ("contract.record", "from driftd.cli import app", "imports driftd.cli"),
        (
            "shells.loop",
            "from driftd.shells.store import read_store",
            "a shell imports another (driftd.shells.store",
        ),
        ("shells.loop", "from driftd.shells import store", "a shell imports another (driftd.shells.store"),
        ("shells.loop", "from driftd.cli.output import say", "imports driftd.cli"),
        ("shard", "import driftd.shells.store", "imports a shell"),
        ("shells.http", "from driftd.subscribe.reading import read_to_end", "a shell imports another"),
        ("subscribe.reading", "from driftd.shells.recorder import TopicReader", "a shell imports another"),
        ("engine.commands", "from driftd import subscribe", "imports a shell (driftd.subscribe)"),
        ("detectors.distances", "from river.drift import ADWIN", "imports river"),
        ("cli.run", "import river", "imports river"),
        ("engine.join", "from .panes import Pane", "relative import"),
    ],
)
def test_an_import_over_a_border_is_found(module: str, source: str, complaint: str) -> None:
    found = architecture.import_complaints(module, source)
    assert any(complaint in one for one in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine.join", "import heapq\nfrom driftd.contract.record import Record"),
        ("shells.loop", "import asyncio\nfrom driftd.engine.engine import Engine"),
        ("cli.run", "from driftd.shells.loop import ShardLoop\nfrom driftd.cli.output import say"),
        ("detectors.river_drift", "from river import drift"),
        ("__main__", "from driftd.cli.app import main"),
        ("subscribe.aio", "import asyncio\nfrom driftd.subscribe.events import Alert"),
        ("cli.tail", "from driftd import subscribe"),
    ],
)
def test_an_import_within_the_borders_is_none_of_our_business(module: str, source: str) -> None:
    assert architecture.import_complaints(module, source) == []


def test_files_and_functions_are_short() -> None:
    complaints = [
        c for path in architecture.python_files() for c in architecture.size_complaints(str(path), read(path))
    ]
    assert not complaints, "\n".join(complaints)


def test_a_long_file_and_a_long_function_are_found() -> None:
    at_most = "def f():\n" + "    pass\n" * (architecture.FUNCTION_LINES_MAX - 1)
    assert architecture.size_complaints("a.py", at_most) == []
    assert "f has 71 lines" in architecture.size_complaints("a.py", at_most + "    pass\n")[0]
    assert architecture.size_complaints("a.py", "x = 1\n" * 300) == []
    assert "301 lines" in architecture.size_complaints("a.py", "x = 1\n" * 301)[0]
    assert "301 lines" in architecture.size_complaints("a.py", "x = 1\n" * 300 + "x = 1")[0]


def test_names_say_what_a_thing_is() -> None:
    complaints = [
        c for path in architecture.python_files() for c in architecture.name_complaints(str(path), read(path))
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("daemon/driftd/utils.py", ""),
        ("daemon/driftd/misc/join.py", ""),
        ("tests/topic_helpers.py", ""),
        ("a.py", "class StateManager: ..."),
        ("a.py", "async def join_util(): ..."),
    ],
)
def test_a_name_that_says_nothing_is_found(path: str, source: str) -> None:
    assert len(architecture.name_complaints(path, source)) == 1


def test_every_file_has_a_head() -> None:
    complaints = [
        c
        for path in architecture.python_files()
        for c in architecture.docstring_complaints(str(path), read(path))
    ]
    assert not complaints, "\n".join(complaints)
    assert architecture.docstring_complaints("a.py", "import os  # 'no head'")
    assert architecture.docstring_complaints("a.py", "")


def test_committed_text_is_finished_and_names_no_registry_and_no_machine() -> None:
    complaints = [
        c for path in architecture.text_files() for c in architecture.text_complaints(str(path), read(path))
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = 1\n# TO" + "DO: later", "a:2: 'TO" + "DO' is unfinished"),
        ("FIX" + "ME", "is unfinished"),
        ("index = https://py" + "pi.org/simple", "registry"),
        ("https://files.python" + "hosted.org/x.whl", "registry"),
        ("https://repo1.ma" + "ven.org/x", "registry"),
        ("FROM docker.i" + "o/library/python", "registry"),
        ("cd /wor" + "k/main", "path of one machine"),
        ("'/ho" + "me/someone/x'", "path of one machine"),
        ("(/ro" + "ot/.cache)", "path of one machine"),
    ],
)
def test_text_that_does_not_belong_is_found(text: str, what: str) -> None:
    (complaint,) = architecture.text_complaints("a", text)
    assert what in complaint


@pytest.mark.parametrize(
    "text", ["https://example.org/work/x", "./work/x", "xxx", "~/.cache", "$ROOT/work/y"]
)
def test_text_that_only_looks_like_it_is_left_alone(text: str) -> None:
    assert architecture.text_complaints("a", text) == []


def test_the_top_level_is_what_the_design_says() -> None:
    there = {path.parts[0] for path in architecture.committed()}
    assert there <= architecture.TOP_LEVEL, f"what are these? {there - architecture.TOP_LEVEL}"
    assert there >= architecture.TOP_LEVEL, f"where are these? {architecture.TOP_LEVEL - there}"


def test_daemon_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "daemon" / "__init__.py").exists()
    assert {path.parts[1] for path in architecture.committed() if path.parts[0] == "daemon"} == {"driftd"}


LOCKS = {
    "requirements.lock": ("parquet", "notify", "build"),
    "requirements-dev.lock": ("parquet", "notify", "build", "dev"),
}


@pytest.mark.parametrize("name", [*LOCKS, "requirements-java.lock"])
def test_a_lock_has_hashes_and_says_nothing_of_an_index(name: str) -> None:
    text = read(Path(name))
    assert architecture.pinned(text)
    assert architecture.lock_complaints(name, text) == []


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_a_lock_has_all_that_is_asked_for(name: str, extras: tuple[str, ...]) -> None:
    missing = architecture.required(*extras) - architecture.pinned(read(Path(name))).keys()
    assert not missing, f"make lock: {name} lacks {missing}"


def test_what_is_tested_is_what_is_installed() -> None:
    installed, tested = (architecture.pinned(read(Path(name))) for name in LOCKS)
    assert {name: tested[name] for name in installed} == installed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a==1\n", "has no hash"),
        ("a>=1 --hash=sha256:" + "0" * 64, "not pinned"),
        ("a==1 \\\n    --hash=sha256:" + "0" * 64 + "\nb==2\n", "b==2 has no hash"),
        ("--index-url x\n", "index"),
        ("-f wheels\n", "index"),
        ("# from https://example.org\n", "address"),
    ],
)
def test_an_open_lock_is_found(text: str, complaint: str) -> None:
    found = architecture.lock_complaints("lock", text)
    assert any(complaint in one for one in found), found


def test_every_import_form_is_seen() -> None:
    source = (
        "import a.b as c\nfrom d import e\nfrom . import f\ntry:\n    import g\nexcept ImportError:\n    pass"
    )
    names = {name for _, name in architecture.imports(ast.parse(source))}
    assert {"a.b", "d", "d.e", ".", "g"} <= names
