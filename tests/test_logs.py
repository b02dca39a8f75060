"""The log: one line per event in the chosen form, whoever logged it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from driftd.shells.logs import TALKATIVE, set_up_logs


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def test_json_is_one_object_per_line_for_our_events_and_for_libraries() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    structlog.get_logger("driftd.test").info("alert_opened", model="churn", panes=3)
    logging.getLogger("aiokafka.consumer").warning("partition %s is\ngone", 7)
    ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (ours["event"], ours["model"], ours["panes"]) == ("alert_opened", "churn", 3)
    assert (theirs["event"], theirs["logger"]) == ("partition 7 is\ngone", "aiokafka.consumer")
    assert {"time", "level", "logger"} <= ours.keys() & theirs.keys()


def test_text_cannot_be_forged_by_what_came_in() -> None:
    stream = io.StringIO()
    set_up_logs("info", "text", stream)
    structlog.get_logger("driftd.test").info("alert_opened", model="a\x1b[2J\nb\ud800")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\\x1b[2J\\nb\\ud800" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_local_variable(form: str) -> None:
    stream = io.StringIO()
    set_up_logs("info", "json" if form == "json" else "text", stream)
    password = str(7**9)  # it stands nowhere in the source, which the traceback shows
    try:
        raise OSError(len(password))  # noqa: TRY301  the traceback is what is tested
    except OSError:
        structlog.get_logger("driftd.test").exception("stopped")
    assert "OSError" in stream.getvalue()
    assert password not in stream.getvalue()


def test_libraries_tell_about_themselves_only_when_debugging() -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    set_up_logs("info", "json", quiet)
    logging.getLogger("faust.app").info("started")
    set_up_logs("debug", "json", loud)
    logging.getLogger("faust.app").info("started")
    assert quiet.getvalue() == ""
    assert loud.getvalue().count("\n") == 1


def test_what_is_less_important_than_the_level_is_not_written() -> None:
    stream = io.StringIO()
    set_up_logs("warning", "json", stream)
    structlog.get_logger("driftd.test").info("no")
    structlog.get_logger("driftd.test").warning("yes")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes"]
