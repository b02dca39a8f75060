"""`driftd import`: tables of logged predictions become recordings in true order, and what is left out is told."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from driftd.cli.app import main
from driftd.contract.record import Record
from driftd.shells.recording import RecordingReader

FIRST_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z"""
Events: TypeAlias = list[dict[str, Any]]
LOANS = """\
at,id,amount,purpose,owner,decision,probability,repaid
2024-05-01T10:00:00Z,a7,1200,car,true,yes,0.9,yes
2024-05-01T10:01:00Z,a8,,house,false,no,0.7,
2024-05-01T10:02:00Z,a9,300.5,car,true,yes,,no
"""
MAY_MS = 1_714_557_600_000
"""2024-05-01T10:00:00Z"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `driftd import table.csv --model m ... -o out.jsonl` in a directory of its own, with no configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTD_CONFIG", raising=False)

    def import_table(content: str | bytes, *options: str, model: str = "m") -> int:
        Path("table.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        return main(["import", "table.csv", "--model", model, "--out", "out.jsonl", *options])

    return import_table


def records(path: str = "out.jsonl") -> list[Record]:
    """All records of a recording."""
    return [record for chunk in RecordingReader(Path(path)) for record in chunk]


def events(path: str = "out.jsonl", topic: str = "predictions") -> Events:
    """The events of one topic of a recording."""
    return [json.loads(record.value or b"") for record in records(path) if record.topic == topic]


def csv_of(header: str, *rows: str) -> str:
    """The text of a CSV file."""
    return "\n".join((header, *rows, ""))


def test_every_option_finds_its_place_in_the_events(run: Callable[..., int]) -> None:
    options = ["--prediction", "decision", "--time", "at", "--id", "id", "--label", "repaid"]
    options += ["--label-delay", "90s", "--score", "probability", "--ignore", "owner", "--model-version", "3"]
    assert run(LOANS, *options) == 0
    assert [json.loads(record.value or b"") for record in records()] == [
        {
            "prediction_id": "a7",
            "model": "m",
            "model_version": "3",
            "at_ms": MAY_MS,
            "features": {"amount": 1200, "purpose": "car"},
            "prediction": "yes",
            "scores": {"yes": 0.9},
        },
        {
            "prediction_id": "a8",
            "model": "m",
            "model_version": "3",
            "at_ms": MAY_MS + 60_000,
            "features": {"amount": None, "purpose": "house"},
            "prediction": "no",
            "scores": {"no": 0.7},
        },
        {"prediction_id": "a7", "model": "m", "label": "yes", "at_ms": MAY_MS + 90_000},
        {
            "prediction_id": "a9",
            "model": "m",
            "model_version": "3",
            "at_ms": MAY_MS + 120_000,
            "features": {"amount": 300.5, "purpose": "car"},
            "prediction": "yes",
        },
        {"prediction_id": "a9", "model": "m", "label": "no", "at_ms": MAY_MS + 210_000},
    ]


def test_records_carry_key_time_and_offsets_as_a_producer_would_give_them(run: Callable[..., int]) -> None:
    run(LOANS, "--prediction", "decision", "--time", "at", "--label", "repaid")
    assert [(r.topic, r.partition, r.offset, r.key) for r in records()] == [
        ("predictions", 0, 0, b"m"),
        ("labels", 0, 0, b"m"),
        ("predictions", 0, 1, b"m"),
        ("predictions", 0, 2, b"m"),
        ("labels", 0, 1, b"m"),
    ]
    assert all(r.timestamp_ms == json.loads(r.value or b"")["at_ms"] for r in records())


def test_without_a_time_column_there_is_one_event_a_second_from_a_fixed_start(
    run: Callable[..., int],
) -> None:
    run(csv_of("x,y", "1,0", "2,1", "3,0"), "--prediction", "y")
    told = events()
    assert [event["at_ms"] for event in told] == [FIRST_MS, FIRST_MS + 1000, FIRST_MS + 2000]
    assert [event["prediction_id"] for event in told] == ["m-1", "m-2", "m-3"]


TIMES = {
    "2020-01-01T00:00:00Z": FIRST_MS,
    "2020-01-01T01:00:00+01:00": FIRST_MS,
    "2020-01-01 00:00:00.250": FIRST_MS + 250,
    "2020-01-01": FIRST_MS,
    "20200101": FIRST_MS,
    "1577836800": FIRST_MS,
    "1577836800.5": FIRST_MS + 500,
    "1577836800000": FIRST_MS,
}


@pytest.mark.parametrize(("written", "at_ms"), TIMES.items())
def test_a_time_is_iso_8601_or_seconds_or_milliseconds(
    run: Callable[..., int], written: str, at_ms: int
) -> None:
    assert run(csv_of("t,y", f"{written},1"), "--prediction", "y", "--time", "t") == 0
    assert events()[0]["at_ms"] == at_ms


@pytest.mark.parametrize(
    "written", ["noon", "", "nan", "inf", "-5", "0001-01-01", "9999-12-31", "1e300", "2020-13-01"]
)
def test_a_row_without_a_readable_time_is_told_and_left_out(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], written: str
) -> None:
    assert run(csv_of("t,y", "1577836800,1", f"{written},2"), "--prediction", "y", "--time", "t") == 0
    assert [event["prediction"] for event in events()] == [1]
    told = f'table.csv:3: "{written}" is no time: neither seconds nor milliseconds nor ISO 8601; skipped\n'
    assert told in capsys.readouterr().err


def test_rows_out_of_order_are_sorted_by_time_and_keep_their_numbers(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run(csv_of("t,y", "1577836802,a", "1577836801,b", "1577836801,c"), "--prediction", "y", "--time", "t")
    assert [event["prediction_id"] for event in events()] == ["m-2", "m-3", "m-1"]
    assert "table.csv: 2 rows are earlier than a row before them: sorted by time\n" in capsys.readouterr().err


CELLS: dict[str, tuple[Sequence[str], Sequence[object]]] = {
    "numbers": (["1", "2.5", "-3e2", "+4"], [1, 2.5, -300.0, 4]),
    "not finite": (["1", "nan", "inf", "1e999"], [1, None, None, None]),
    "booleans": (["true", "False", "TRUE", ""], [True, False, True, None]),
    "one text makes all text": (["1", "true", "?", ""], ["1", "true", "?", None]),
    "an underscore is no number": (["1_000", "1"], ["1_000", "1"]),
    "empty": (["", "", " "], [None, None, None]),
    "more digits than a float holds": (["12345678901234567890"], [12345678901234567890.0]),
    "quoted": (['"a, ""b"""', '"two\nlines"'], ['a, "b"', "two\nlines"]),
}


@pytest.mark.parametrize(("written", "read"), CELLS.values(), ids=CELLS.keys())
def test_a_column_has_the_type_of_all_its_cells_and_empty_cells_are_null(
    run: Callable[..., int], written: Sequence[str], read: Sequence[object]
) -> None:
    run(csv_of("x,y", *(f"{cell},1" for cell in written)), "--prediction", "y")
    found = [event["features"]["x"] for event in events()]
    assert (found, [type(value) for value in found]) == (list(read), [type(value) for value in read])


def test_an_id_of_digits_keeps_its_zeros(run: Callable[..., int]) -> None:
    run(csv_of("id,y", "007,1", ",0"), "--prediction", "y", "--id", "id")
    assert [event["prediction_id"] for event in events()] == ["007", "m-2"]


def test_named_features_are_the_only_ones_and_may_be_given_more_than_once(run: Callable[..., int]) -> None:
    run(
        csv_of("a,b,c,y", "1,2,3,0"),
        "--prediction",
        "y",
        "--feature",
        "c",
        "--feature",
        "a",
        "--feature",
        "c",
    )
    assert events()[0]["features"] == {"c": 3, "a": 1}


def test_an_empty_prediction_is_a_prediction_of_nothing(run: Callable[..., int]) -> None:
    run(csv_of("x,y,s", "1,,0.5"), "--prediction", "y", "--score", "s")
    assert events()[0]["prediction"] is None
    assert "scores" not in events()[0]


def test_the_topics_come_from_the_configuration(run: Callable[..., int]) -> None:
    Path("my.toml").write_text('[topics]\npredictions = ["scored"]\nlabels = ["truth"]\n')
    run(csv_of("y,l", "1,1"), "--prediction", "y", "--label", "l", "--config", "my.toml")
    assert [record.topic for record in records()] == ["scored", "truth"]


def test_a_ragged_line_is_told_and_left_out_and_strict_exits_with_3(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    ragged = csv_of("x,y", "1,2", "3", "4,5,6", "7,8")
    assert run(ragged, "--prediction", "y") == 0
    assert [event["prediction_id"] for event in events()] == ["m-1", "m-4"]
    told = capsys.readouterr().err
    assert "table.csv:3: 1 cells came, 2 were expected; skipped\n" in told
    assert "table.csv:4: 3 cells came, 2 were expected; skipped\n" in told
    assert "out.jsonl: 2 predictions, 0 labels; 2 rows skipped\n" in told
    assert run(ragged, "--prediction", "y", "--force", "--strict") == 3


def test_of_many_wrong_lines_the_first_twenty_are_told(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run(csv_of("x,y", "1,2", *["3"] * 25), "--prediction", "y")
    told = capsys.readouterr().err
    assert told.count("; skipped\n") == 20
    assert "... and 5 more rows skipped\n" in told


def test_what_was_understood_is_told_with_the_next_command(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run(csv_of("x,,z,y,l", "1,,a,yes,1"), "--prediction", "y", "--label", "l")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "table.csv: 1 column without a name: ignored\n"
        "out.jsonl: 1 predictions, 1 labels\n"
        "table.csv: predictions are text, labels number: they cannot be compared\n"
        "features: x (number), z (text)\n"
        "Replay them: driftd replay out.jsonl\n"
    )


Y = ("--prediction", "y")
REFUSED: dict[str, tuple[bytes, Sequence[str], str]] = {
    "empty file": (b"", Y, "table.csv: there is no header: its first line should name the columns."),
    "no names": (b",,\n1,2,3\n", Y, "table.csv: there is no header: its first line should name the columns."),
    "endless header": (b'"' + b"x" * 200_000, Y, "table.csv: there is no header"),
    "header only": (b"x,y\n", Y, "table.csv: there is no row with a prediction in it."),
    "doubles": (b"x,y,x,y\n", Y, "table.csv: two columns have the same name: x, y."),
    "unknown prediction": (
        b"amount,decision\n1,2\n",
        ("--prediction", "decison"),
        'table.csv: --prediction: there is no column "decison". Did you mean "decision"?',
    ),
    "unknown time": (b"x,y\n", (*Y, "--time", "q"), '--time: there is no column "q". There is: x, y.'),
    "unknown feature": (b"x,y\n", (*Y, "--feature", "q"), '--feature: there is no column "q".'),
    "unknown ignored": (b"x,y\n", (*Y, "--ignore", "q"), '--ignore: there is no column "q".'),
    "not UTF-8": (b"x,y\n1,2\n\xe9,3\n", Y, "no UTF-8 text"),
    "wrong duration": (
        b"x,y\n1,2\n",
        (*Y, "--label-delay", "half an hour"),
        '--label-delay: "half an hour" is no duration. Write a number and its unit: 500ms, 30s, 30m, 2h or 1d.',
    ),
    "wrong delimiter": (
        b"x,y\n",
        (*Y, "--delimiter", "::"),
        '--delimiter: "::" should be one character, or tab.',
    ),
    "cut gzip": (gzip.compress(b"x,y\n" + b"1,2\n" * 99)[:-9], Y, "table.csv: cannot be unpacked after line"),
    "no real Parquet": (b"PAR1 and nothing more", Y, "table.csv: cannot be read as Parquet"),
}


@pytest.mark.parametrize(("content", "options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_imported_exits_with_2_says_why_and_writes_nothing(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    options: Sequence[str],
    message: str,
) -> None:
    assert run(content, *options) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert "internal error" not in told.err
    assert sorted(path.name for path in Path().iterdir()) == ["table.csv"]


@pytest.mark.parametrize("model", ["", "my model", "m" * 101, "mod\u00e8le"])
def test_a_name_that_no_event_could_carry_is_refused(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], model: str
) -> None:
    assert run("x,y\n1,2\n", *Y, model=model) == 2
    assert f'--model: "{model}" is no model name: 1 to 100 printable ASCII' in capsys.readouterr().err
