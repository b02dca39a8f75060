"""driftd status, models and top: what a person is shown of a running daemon, and what where none runs."""

import asyncio
import json
import os
import pty
import re
import select
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from broker import free_ports
from driftd.api.board import Board
from driftd.api.standing import Standing
from driftd.cli.app import main
from driftd.cli.running import changed, connect, look
from driftd.cli.status import status_lines
from driftd.cli.top import STYLES, Frame
from driftd.engine.status import EngineStatus
from driftd.errors import BadInput
from driftd.shard_view import Phase, ServiceView, ShardView
from driftd.shells.api_client import ApiClient
from driftd_process import command, environment
from http_api import OUTSIDE, Pages, entry, watch


@contextmanager
def running(pages: Pages) -> Iterator[str]:
    """The pages on a port, served from another thread, as a daemon's are from another process; their address."""
    opened, ended = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        async with pages.open() as (_, url):
            address.append(url)
            opened.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert opened.wait(30)
        yield address[0]
    finally:
        ended.set()
        thread.join()


def one_model() -> Pages:
    """A daemon that watches model m, of which an incident is open."""
    view, written = watch()
    pages = Pages(view=ServiceView({0: view}))
    for record in written:
        pages.board.take(record)
    return pages


def told(capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> str:
    """What `driftd WORDS` prints."""
    code = main(words)
    out, err = capsys.readouterr()
    assert code == expect, err
    return out


def picture(pages: Pages, width: int = 150) -> str:
    """What `driftd top` shows of it, as text."""
    with running(pages) as url:
        seen = look(ApiClient(url, None))
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Frame(seen))
    console.file.close()
    return console.export_text()


def test_status_shows_the_worker_its_models_and_what_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    with running(one_model()) as url:
        text = told(capsys, "status", "--url", url)
        document = json.loads(told(capsys, "status", "--url", url, "--format", "json"))
    assert f"at {url}: ready\n" in text
    assert "1 model here: 1 with an incident" in text
    (incident,) = document["incidents"]["incidents"]
    line = next(line for line in text.splitlines() if line.endswith(incident["incident_id"]))
    assert line.split()[:3] == ["warning", "data_drift", "m"]
    assert "features.a shifted up" in line
    assert document["worker"]["ready"] is True
    assert document["models"]["models"][0]["name"] == "m"


def test_a_daemon_that_is_not_ready_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    pages = Pages(view=ServiceView({0: ShardView(0, Phase.RETRYING, "no broker answers")}), board=Board())
    with running(pages) as url:
        text = told(capsys, "status", "--url", url, expect=1)
    assert "not ready\n  shard 0 is retrying: no broker answers\n" in text
    assert "what is open is not known yet: " in text
    assert "no incident is open" not in text


def test_a_stand_by_tells_what_is_open_everywhere() -> None:
    pages = one_model()
    pages.view = ServiceView({})
    with running(pages) as url:
        lines = status_lines(look(ApiClient(url, None)))
    assert lines[0].endswith("a ready stand-by")
    assert any("data_drift" in line for line in lines)
    assert "no models here yet; other shards are at other workers" in lines


def test_what_is_stale_is_called_so() -> None:
    pages = one_model()
    pages.board.stale_since_ms = 1_764_000_000_000
    with running(pages) as url:
        assert "STALE: the brokers have not answered since 2025-11-24 16:00 UTC" in "\n".join(
            status_lines(look(ApiClient(url, None)))
        )
    assert "what is open is old: the brokers have not answered since" in picture(pages)


def test_models_are_told_in_short_and_one_of_them_at_length(capsys: pytest.CaptureFixture[str]) -> None:
    with running(one_model()) as url:
        short, long = told(capsys, "models", "--url", url), told(capsys, "models", "m", "--url", url)
        document = json.loads(told(capsys, "models", "m", "--url", url, "--format", "json"))
        main(["models", "nobody", "--url", url])
        assert "This worker watches no model nobody" in capsys.readouterr().err
    row = short.splitlines()[-1].split()
    assert row[:4] == ["m", "-", "incident", "data_drift"]
    assert "accuracy 0.9" in short
    assert "m, version -: incident (watching)" in long
    assert "cannot judge: it is not over" in long
    assert document["phase"] == "watching"


def test_a_model_that_cannot_be_judged_is_never_shown_in_green() -> None:
    view, _ = watch(15)
    assert "cannot judge" in picture(Pages(view=ServiceView({0: view})))
    assert "learned: " in picture(Pages(view=ServiceView({0: view})))
    assert [state for state, style in STYLES.items() if "green" in style] == ["quiet"]


def test_on_a_narrow_terminal_states_and_what_changed_are_shown_in_full() -> None:
    view, _ = watch(15)
    pages = one_model()
    pages.view = ServiceView({0: view})
    narrow, wide = picture(pages, 80), picture(pages)
    for text in (narrow, wide):
        assert "cannot judge" in text.partition("models")[2]
        assert "features.a" in text
        assert "learned: " in " ".join(text.split())
    assert "predictions" in wide
    assert "predictions" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80


def test_top_prints_one_picture_when_asked_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    with running(one_model()) as url:
        text = told(capsys, "top", "--once", "--url", url)
        document = json.loads(told(capsys, "top", "--once", "--url", url, "--format", "json"))
    assert ": ready" in text
    assert "data_drift" in text
    assert document["worker"]["shards"][0]["phase"] == "running"


def test_top_in_a_terminal_ends_with_q_and_gives_the_screen_back() -> None:
    with running(one_model()) as url:
        terminal, screen = pty.openpty()
        words = command("top", "--interval-seconds", "0.2", "--url", url)
        process = subprocess.Popen(
            words, stdin=screen, stdout=screen, stderr=screen, env={**environment(), "TERM": "xterm"}
        )
        os.close(screen)
        seen, deadline, pressed = b"", time.monotonic() + 60, False
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    seen += os.read(terminal, 65_536)
                except OSError:  # Linux says so where nobody holds the other end any more
                    break
            if b"data_drift" in seen and not pressed:
                os.write(terminal, b"q")
                pressed = True
        code = process.wait(60)
        os.close(terminal)
    assert (pressed, code) == (True, 0)
    assert seen.rstrip().endswith(b"\x1b[?1049l")


@pytest.mark.parametrize("words", [["status"], ["models"], ["top"], ["top", "--once", "--format", "json"]])
def test_where_no_daemon_answers_it_ends_with_69_and_the_address(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    assert main([*words, "--url", f"http://127.0.0.1:{port}"]) == 69
    out, err = capsys.readouterr()
    assert out == ""
    address = re.escape(f"http://127.0.0.1:{port}")
    wanted = rf"driftd: no driftd answers at {address}: .*refused\. Is `driftd run` running\? --url names another.*\n"
    assert re.fullmatch(wanted, err), err


def test_an_address_comes_from_the_configuration_and_the_token_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = one_model()
    pages.http, pages.token = OUTSIDE, "right"
    path = tmp_path / "driftd.toml"
    with running(pages) as url:
        port = url.rpartition(":")[2]
        path.write_text(f'[http]\nhost = "0.0.0.0"\nport = {port}\ntoken_env = "TOKEN"\n', encoding="utf-8")
        monkeypatch.setenv("TOKEN", "right")
        assert f"http://127.0.0.1:{port}: ready" in told(capsys, "status", "--config", str(path))
        monkeypatch.setenv("TOKEN", "wrong")
        assert main(["status", "--config", str(path)]) == 2
        assert "The token is not the right one" in capsys.readouterr().err
    for written, said in (("enabled = false", "http.enabled is false"), ("port = 0", "http.port is 0")):
        path.write_text(f"[http]\n{written}\n", encoding="utf-8")
        with pytest.raises(BadInput, match=said):
            connect(path, None)
    with pytest.raises(BadInput, match="no address of the API"):
        connect(None, "file:///etc/passwd")
    path.write_text('[http]\nhost = "::1"\n', encoding="utf-8")
    assert connect(path, None).url == "http://[::1]:9464"


def test_names_cannot_steer_the_terminal() -> None:
    evil = "\x1b[2J[red]x"
    view, _ = watch()
    status = replace(view.status.models[0], absent=(f"features.{evil}",))
    shard = ShardView(0, Phase.RUNNING, status=EngineStatus(0, (status,)))
    board = Board(Standing())
    board.take(entry("incident/m/i1", "e1", severity="warning", kind="data_drift", summary=evil))
    text = picture(Pages(view=ServiceView({0: shard}), board=board))
    assert "\x1b" not in text
    assert "?[2J[red]x" in text


def test_what_changed_is_told_of_the_strongest_signals_first() -> None:
    signals = [{"signal": f"features.{name}", "change": "shifted up", "claim": None} for name in "abc"]
    assert changed({"contributors": signals, "contributors_total": 12}) == (
        "features.a shifted up; features.b shifted up; and 10 more"
    )
    claim = {"signal": "labels.swap", "change": "a and b go by each other's names", "claim": {}}
    assert changed({"contributors": [claim], "contributors_total": 1}) == "a and b go by each other's names"
    assert changed({"summary": "all of it"}) == "all of it"
