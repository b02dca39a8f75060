"""The command line: exit codes, what goes to stdout and what to stderr, and what is imported for it."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import driftd
from driftd.cli import app
from driftd.errors import BadInput, BrokerUnavailable, ConfigError, RecordingError

HEAVY = ("aiokafka", "faust", "kafka", "msgspec", "numpy", "pydantic", "river", "structlog")


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`driftd ARGUMENTS...` as a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "DRIFTD_CONFIG"}
    source = str(Path(driftd.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "driftd", *arguments],
        cwd=cwd,
        env=inherited | {"PYTHONPATH": source} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_and_every_exit_code() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in app.COMMANDS:
        assert f" {command.partition(' ')[0]} " in done.stdout
    assert "69 broker or daemon unavailable" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom driftd.cli.app import main\nmain(['--help'])\nmain(['topcis'])\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "commands = {name for name in sys.modules if name.startswith('driftd.cli.')}\n"
        "loaded += commands - {'driftd.cli.app', 'driftd.cli.output'}\n"
        "sys.exit(repr(loaded) if loaded else 0)\n"
    )
    source = str(Path(driftd.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("command", "row"), app.COMMANDS.items(), ids=app.COMMANDS.keys())
def test_every_command_is_there_and_has_help(command: str, row: tuple[str, str]) -> None:
    module, _, function = row[0].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    done = run(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: driftd {command}")


USAGE = {
    "chek": 'driftd: there is no command "chek". Did you mean "check"?\n',
    "topics pan": 'driftd: there is no command "topics pan". Did you mean "plan"?\n',
    "schema zzz": 'driftd: there is no command "schema zzz". There is: check, show, write.\n',
    "check --formt json": (
        "driftd: Unknown option: --formt. Did you mean --format?\nTry `driftd check --help`.\n"
    ),
}


@pytest.mark.parametrize(("arguments", "message"), USAGE.items())
def test_a_wrong_call_exits_with_2_and_says_what_would_be_right(arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_value_that_is_no_choice_exits_with_2() -> None:
    done = run("check", "--format", "xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "text" in done.stderr
    assert "json" in done.stderr


def test_a_wrong_configuration_exits_with_78_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[http]\n\nprt = 1\n")
    done = run("check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == 'config.toml:3: http.prt: unknown key. Did you mean "port"?\n'


def test_a_configuration_that_is_not_there_exits_with_78(tmp_path: Path) -> None:
    done = run("check", "--config", "none.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (78, "none.toml: cannot be read: No such file or directory.\n")


def test_a_configuration_in_latin_1_exits_with_78(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'[log]\nlevel = "\xe9"\n')
    done = run("check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (78, "config.toml: not a UTF-8 text (byte 15).\n")


def test_check_finds_the_file_by_option_then_variable_then_directory(tmp_path: Path) -> None:
    for name, port in (("config", 1), ("named", 2), ("given", 3)):
        (tmp_path / f"{name}.toml").write_text(f"[http]\nport = {port}\n")

    def port_of(*arguments: str, **environment: str) -> object:
        done = run("check", "--format", "json", *arguments, cwd=tmp_path, **environment)
        return json.loads(done.stdout)["http"]["port"]

    assert port_of() == 1
    assert port_of(DRIFTD_CONFIG="named.toml") == 2
    assert port_of("--config", "given.toml", DRIFTD_CONFIG="named.toml") == 3


def test_check_without_a_file_shows_the_defaults(tmp_path: Path) -> None:
    done = run("check", "--strict", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no file, all defaults: ok\n")


UNWISE = {
    "http.host: 0.0.0.0 can be reached from outside: the token goes in the clear": (
        '[http]\nhost = "0.0.0.0"\ntoken_env = "PATH"\n'
    ),
    "http.token_env: NOBODY_SETS_THIS is not set here": '[http]\ntoken_env = "NOBODY_SETS_THIS"\n',
    "kafka.security_protocol: the login goes to kafka:9092 in the clear": (
        '[kafka]\nbrokers = ["kafka:9092"]\nsecurity_protocol = "SASL_PLAINTEXT"\n'
        'sasl_mechanism = "PLAIN"\nsasl_username = "me"\nsasl_password_env = "SECRET"\n'
    ),
    "model churn: reference.file: there is no normal.json": (
        '[[models]]\nname = "churn"\n[models.reference]\nfile = "normal.json"\n'
    ),
    "defaults: features: a is both ignored and included": (
        '[defaults.features]\nignore = ["a"]\ninclude = ["a", "b"]\n'
    ),
    "defaults: detectors: none": "[defaults]\ndetectors = []\n",
}


@pytest.mark.parametrize(("warning", "text"), UNWISE.items())
def test_what_is_unwise_is_a_warning_and_exits_with_3_when_strict(
    tmp_path: Path, warning: str, text: str
) -> None:
    (tmp_path / "config.toml").write_text(text)
    lenient, strict = run("check", cwd=tmp_path), run("check", "--strict", cwd=tmp_path)
    assert (lenient.returncode, strict.returncode) == (0, 3)
    assert lenient.stderr.startswith(f"warning: {warning}")
    assert lenient.stdout


def test_check_shows_what_holds_for_each_model(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[[models]]\nname = "churn"\n[models.panes]\nevents = 64\n')
    shown = run("check", cwd=tmp_path).stdout.splitlines()
    (churn,) = [line for line in shown if line.startswith("churn ")]
    assert "64 events" in churn
    document = json.loads(run("check", "--format", "json", cwd=tmp_path).stdout)
    assert document["models"]["churn"]["panes"] == {"events": 64, "window_events": 1024}


def test_version_tells_driftd_python_and_the_libraries() -> None:
    done = run("version", "--format", "json")
    versions = json.loads(done.stdout)
    assert versions["driftd"] == driftd.__version__ == run("--version").stdout.strip()
    assert versions["river"][0].isdigit()
    assert "not installed" not in versions.values()


FAILURES: dict[str, tuple[BaseException, int, str]] = {
    "configuration": (ConfigError(["a:1: b", "c"]), 78, "a:1: b\nc\n"),
    "broker": (BrokerUnavailable("no broker at 127.0.0.1:1."), 69, "driftd: no broker at 127.0.0.1:1.\n"),
    "input": (BadInput("no such file."), 2, "driftd: no such file.\n"),
    "recording": (RecordingError("a.jsonl:3: cut."), 2, "driftd: a.jsonl:3: cut.\n"),
    "ours": (
        ZeroDivisionError("division\nby zero"),
        70,
        (
            "driftd: internal error: ZeroDivisionError: division by zero."
            " Run again with --debug for the traceback.\n"
        ),
    ),
    "interrupted": (KeyboardInterrupt(), 130, ""),
}


def fail(which: str) -> None:
    """A command that ends with one of FAILURES."""
    raise FAILURES[which][0]


@pytest.fixture
def failing_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "COMMANDS", {"fail": (f"{__name__}:fail", "")})


@pytest.mark.usefixtures("failing_command")
@pytest.mark.parametrize("which", FAILURES)
def test_every_kind_of_error_has_its_exit_code_and_no_traceback(
    which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, code, message = FAILURES[which]
    assert app.main(["fail", which]) == code
    assert capsys.readouterr() == ("", message)


@pytest.mark.usefixtures("failing_command")
@pytest.mark.parametrize("arguments", [["--debug", "fail", "ours"], ["fail", "ours", "--debug"]])
def test_debug_anywhere_shows_the_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(arguments) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    source = str(Path(driftd.__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "driftd", "version"],
        env=os.environ | {"PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_an_interrupt_exits_with_130() -> None:
    program = (
        "import sys, os, signal\nfrom driftd.cli import app\n"
        "def fail(): os.kill(os.getpid(), signal.SIGINT)\n"
        "app.COMMANDS = {'fail': ('__main__:fail', '')}\nsys.exit(app.main(['fail']))\n"
    )
    source = str(Path(driftd.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_schemas_are_written_checked_and_shown(tmp_path: Path) -> None:
    missing = run("schema", "check", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "driftd: schemas: no such directory. `driftd schema write schemas` makes it.\n"
    written = [Path(line).name for line in run("schema", "write", cwd=tmp_path).stdout.splitlines()]
    assert run("schema", "check", cwd=tmp_path).returncode == 0
    for name in written:
        shown = run("schema", "show", name.removesuffix(".json"), cwd=tmp_path)
        assert shown.stdout == (tmp_path / "schemas" / name).read_text(encoding="utf-8")


def test_schemas_that_differ_are_findings(tmp_path: Path) -> None:
    first, second, *_ = run("schema", "write", "out", cwd=tmp_path).stdout.splitlines()
    (tmp_path / first).unlink()
    (tmp_path / second).write_text("{}\n")
    (tmp_path / "out" / "old.json").write_text("{}\n")
    done = run("schema", "check", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == sorted(
        [f"{first}: missing", f"{second}: differs from this version", "out/old.json: not one of this version"]
    )


def test_an_unknown_schema_is_told_which_there_are() -> None:
    done = run("schema", "show", "zzz")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('driftd: no schema is called "zzz". There is: ')
