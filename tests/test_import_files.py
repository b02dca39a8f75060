"""`driftd import`: the files that it reads and writes. Rule: the same table gives the same bytes."""

import gzip
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from driftd.cli.app import main
from driftd.shells.recording import RecordingReader

HEAD = Path(__file__).parent / "data" / "elec2_head.csv"
ELEC2 = (
    "--model",
    "elec2",
    "--time",
    "at",
    "--prediction",
    "predicted",
    "--label",
    "price",
    "--label-delay",
    "30m",
)
TABLE = "x,y\n1,a\n2,b\n"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of its own for each test, with no configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTD_CONFIG", raising=False)


def imported(*arguments: str) -> int:
    """`driftd import ...` of the model m with predictions in y."""
    return main(["import", *arguments, "--model", "m", "--prediction", "y"])


def predictions(path: str) -> list[dict[str, Any]]:
    """The predictions of a recording."""
    records = [record for chunk in RecordingReader(Path(path)) for record in chunk]
    return [json.loads(record.value or b"") for record in records if record.topic == "predictions"]


def test_an_output_is_compressed_as_its_name_says_and_holds_the_same() -> None:
    Path("table.csv").write_text(TABLE)
    for name in ("out.jsonl", "out.jsonl.gz", "out.jsonl.zst"):
        assert imported("table.csv", "-o", name) == 0
    plain = Path("out.jsonl").read_bytes()
    assert plain.count(b"\n") == 2
    assert gzip.decompress(Path("out.jsonl.gz").read_bytes()) == plain
    reader = zstandard.ZstdDecompressor().decompressobj()
    assert reader.decompress(Path("out.jsonl.zst").read_bytes()) == plain


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
def test_the_same_table_gives_the_same_bytes(name: str) -> None:
    assert main(["import", str(HEAD), *ELEC2, "-o", name]) == 0
    once = Path(name).read_bytes()
    assert main(["import", str(HEAD), *ELEC2, "-o", name, "--force"]) == 0
    assert Path(name).read_bytes() == once


def test_a_recording_that_exists_is_kept_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(TABLE)
    Path("out.jsonl").write_text("precious")
    assert imported("table.csv", "-o", "out.jsonl") == 2
    assert (
        capsys.readouterr().err
        == "driftd: out.jsonl exists. Take another name, or --force to overwrite it.\n"
    )
    assert Path("out.jsonl").read_text() == "precious"
    assert imported("table.csv", "-o", "out.jsonl", "--force") == 0
    assert len(predictions("out.jsonl")) == 2


def test_a_table_is_never_overwritten_by_its_own_recording() -> None:
    Path("table.csv").write_text(TABLE)
    assert imported("table.csv", "-o", "table.csv", "--force") == 2
    assert Path("table.csv").read_text() == TABLE


def test_a_directory_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(TABLE)
    assert imported("table.csv", "-o", "nowhere/out.jsonl") == 2
    assert "nowhere/out.jsonl: cannot be written: No such file or directory" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert imported("none.csv", "-o", "out.jsonl") == 2
    assert capsys.readouterr().err == "driftd: none.csv: cannot be read: No such file or directory.\n"


def test_a_csv_file_may_be_compressed_whatever_its_name() -> None:
    Path("table.csv").write_text(TABLE)
    Path("packed").write_bytes(gzip.compress(TABLE.encode()))
    assert (imported("table.csv", "-o", "a.jsonl"), imported("packed", "-o", "b.jsonl")) == (0, 0)
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()


@pytest.mark.parametrize(("option", "between"), [("tab", "\t"), (";", ";"), ("|", "|")])
def test_cells_may_be_separated_by_something_else(option: str, between: str) -> None:
    Path("table.csv").write_text(TABLE.replace(",", between))
    assert imported("table.csv", "-o", "out.jsonl", "--delimiter", option) == 0
    assert [event["features"] for event in predictions("out.jsonl")] == [{"x": 1}, {"x": 2}]


def test_a_byte_order_mark_windows_lines_and_empty_lines_do_no_harm() -> None:
    Path("table.csv").write_bytes(b"\xef\xbb\xbfx,y\r\n1,a\r\n\r\n2,b\r\n")
    assert imported("table.csv", "-o", "out.jsonl") == 0
    assert [(e["features"], e["prediction"]) for e in predictions("out.jsonl")] == [
        ({"x": 1}, "a"),
        ({"x": 2}, "b"),
    ]


def write_parquet(columns: dict[str, Sequence[object]]) -> None:
    """The table as table.parquet."""
    parquet.write_table(pa.table({name: list(cells) for name, cells in columns.items()}), "table.parquet")


def test_parquet_keeps_its_types_and_what_is_missing_is_null() -> None:
    at = datetime(2024, 5, 1, 10, tzinfo=UTC)
    write_parquet(
        {
            "at": [at, at + timedelta(seconds=1)],
            "i": [1, None],
            "f": [0.5, float("nan")],
            "b": [True, None],
            "s": ["007", ""],
            "d": [Decimal("1.50"), None],
            "day": [at.date(), None],
            "blob": [b"\xff!", None],
            "y": ["yes", "no"],
        }
    )
    assert imported("table.parquet", "-o", "out.jsonl", "--time", "at") == 0
    first, second = predictions("out.jsonl")
    assert first["at_ms"] == 1_714_557_600_000
    assert first["features"] == {
        "i": 1, "f": 0.5, "b": True, "s": "007", "d": 1.5, "day": "2024-05-01", "blob": "\ufffd!",
    }  # fmt: skip
    assert second["at_ms"] == first["at_ms"] + 1000
    assert second["features"] == dict.fromkeys(first["features"]) | {"s": ""}


def test_a_column_of_lists_is_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet({"x": [1], "embedding": [[0.1, 0.2]], "y": [1]})
    assert imported("table.parquet", "-o", "out.jsonl") == 0
    assert predictions("out.jsonl")[0]["features"] == {"x": 1}
    assert "column embedding holds lists or structures: ignored\n" in capsys.readouterr().err


def test_parquet_and_csv_of_the_same_table_give_the_same_recording() -> None:
    Path("table.csv").write_text("t,x,y,l\n1577836803,1,a,b\n1577836801,,b,b\n")
    write_parquet({"t": [1577836803, 1577836801], "x": [1, None], "y": ["a", "b"], "l": ["b", "b"]})
    for name, out in (("table.csv", "a.jsonl"), ("table.parquet", "b.jsonl")):
        assert imported(name, "-o", out, "--time", "t", "--label", "l", "--label-delay", "1s") == 0
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()


def test_without_pyarrow_a_parquet_file_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_parquet({"y": [1]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what the import system takes for "cannot be imported"
    assert imported("table.parquet", "-o", "out.jsonl") == 2
    assert capsys.readouterr().err == (
        'driftd: table.parquet: reading Parquet needs the package pyarrow: pip install "driftd[parquet]".\n'
    )


def test_an_imported_stream_replays_without_a_rejection(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(HEAD), *ELEC2, "-o", "elec2.jsonl.gz"]) == 0
    assert "elec2.jsonl.gz: 300 predictions, 300 labels\n" in capsys.readouterr().err
    small = "[defaults.reference]\nlearn_events = 50\nreference_events = 100\nindependent_events_min = 0\n"
    small += "[defaults.panes]\nevents = 10\nwindow_events = 80\n"
    Path("small.toml").write_text(small)
    assert main(["replay", "elec2.jsonl.gz", "--config", "small.toml"]) == 0
    told = capsys.readouterr().err
    assert "predictions 300, labels 300 (joined 300), rejected 0\n" in told
    assert "cannot judge yet" not in told
