"""`driftd replay`: what goes where, what is told of a recording, and what it exits with."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from driftd.cli.app import main
from driftd.contract.record import Record
from driftd.shells.recording import RecordingWriter
from streams import FIRST_MS, SMALL, Story, prediction

QUIET = [
    prediction(offset, FIRST_MS + offset * 1000, features={"a": float(offset % 7)}) for offset in range(300)
]
DRIFTED = [
    prediction(offset, FIRST_MS + offset * 1000, features={"a": 50.0 + offset % 7})
    for offset in range(300, 500)
]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of its own for each test, with a configuration that learns quickly."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTD_CONFIG", raising=False)
    Path("config.toml").write_text(SMALL)


def written(name: str, records: Sequence[Record]) -> str:
    with RecordingWriter(Path(name)) as writer:
        writer.write(records)
    return name


def test_json_is_one_cloudevent_a_line_and_then_the_periods_of_a_model_with_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", written("r.jsonl", Story(3, 800).tell()), "--format", "json"]) == 0
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    events = [line for line in lines if line["type"] != "periods"]
    assert [line["model"] for line in lines[len(events) :]] == ["m1"]
    assert {event["specversion"] for event in events} == {"1.0"}
    assert {event["type"].split(".")[2] for event in events} == {"alert", "retraining", "event"}
    assert len({event["id"] for event in events}) == len(events)
    assert "records in " in told.err


def test_the_files_hold_what_is_printed_each_topic_in_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    recording = written("r.jsonl.zst", Story(5, 800).tell())
    assert main(["replay", recording, "--format", "json", "--out", "verdicts"]) == 0
    told = capsys.readouterr().out.splitlines()
    printed = [line for line in told if json.loads(line)["type"] != "periods"]
    files = {name: Path("verdicts", f"{name}.jsonl") for name in ("alerts", "retraining", "rejected")}
    lines = {name: path.read_text().splitlines() for name, path in files.items()}
    assert sorted(line for each in lines.values() for line in each) == sorted(printed)
    for name, word in (("alerts", "alert"), ("retraining", "retraining"), ("rejected", "event")):
        assert lines[name] == [line for line in printed if f'"type":"dev.driftd.{word}.' in line]


def test_text_tells_a_person_what_happened_when_and_where_to_go_back_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", written("r.jsonl", [*QUIET, *DRIFTED])]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(
        "2023-11-14 22:18  opened    data_drift     warning   m   go back to data\n"
        "                  since 2023-11-14 22:18: features.a shifted up: mean 2.975 -> 19.5\n"
        "2023-11-14 22:18  updated   data_quality   critical  m   go back to deployment\n"
        "                  since 2023-11-14 22:18: features.a out of the reference's range in 100 % of the events: mean"
    )
    assert "predictions 500, labels 0 (joined 0), rejected 0\n" in told.err
    assert max(map(len, told.out.splitlines())) <= 120


def test_rejected_events_are_counted_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    bad = [
        Record("predictions", 0, offset, FIRST_MS, None, value)
        for offset, value in enumerate((b"{", b"{", None))
    ]
    assert main(["replay", written("r.jsonl", bad)]) == 0
    assert "rejected 3 (malformed_json 2, null_value 1)\n" in capsys.readouterr().err


@pytest.mark.parametrize(("records", "code"), [(QUIET, 0), ([*QUIET, *DRIFTED], 1)], ids=["quiet", "drifted"])
def test_fail_on_alert_exits_with_1_where_an_alert_was_opened(records: Sequence[Record], code: int) -> None:
    assert main(["replay", written("r.jsonl", records), "--fail-on", "alert"]) == code
    assert main(["replay", "r.jsonl"]) == 0


def test_several_recordings_are_replayed_as_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    records = Story(6, 600).tell()
    parts = [written("a.jsonl", records[:500]), written("b.jsonl.gz", records[500:])]
    whole = written("whole.jsonl", records)
    assert main(["replay", *parts, "--format", "json"]) == 0
    in_parts = capsys.readouterr().out
    assert main(["replay", whole, "--format", "json"]) == 0
    assert capsys.readouterr().out == in_parts


def test_a_recording_that_is_cut_off_is_replayed_up_to_there_and_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path(written("r.jsonl", QUIET))
    path.write_bytes(path.read_bytes()[:-40])
    assert main(["replay", "r.jsonl"]) == 0
    told = capsys.readouterr().err
    assert "r.jsonl:300: the recording is cut off in this line; all lines before it were replayed.\n" in told
    assert "predictions 299," in told


def test_a_model_that_cannot_be_judged_is_told_and_never_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", written("r.jsonl", QUIET[:100])]) == 0
    assert "model m: cannot judge yet, 20 events of its reference are missing\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "none.jsonl: cannot be read: No such file or directory"),
        ("nonsense\n", "none.jsonl:1: "),
        ('{"topic":"predictions"}\n{"topic":7}\n', "none.jsonl:2: "),
    ],
)
def test_a_file_that_is_no_recording_exits_with_2(
    content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path("none.jsonl").write_text(content)
    assert main(["replay", "none.jsonl"]) == 2
    assert message in capsys.readouterr().err


def test_the_replay_command_of_an_alert_names_the_record_that_decided(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", written("r.jsonl", [*QUIET, *DRIFTED]), "--format", "json"]) == 0
    alert = json.loads(capsys.readouterr().out.splitlines()[0])["data"]
    place = alert["detected"]
    name = f"{place['topic']}:{place['partition']}:{place['offset']}"
    assert (
        alert["replay"]
        == f"driftd record --until {name} -o incident.jsonl.gz && driftd replay incident.jsonl.gz"
    )
    shorter = written("until.jsonl", [*QUIET, *DRIFTED][: place["offset"] + 1])
    assert main(["replay", shorter, "--format", "json"]) == 0
    again = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    assert alert in again
