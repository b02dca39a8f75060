"""Recordings: what was written is read back the same, and of a damaged file what came before the damage."""

import gzip
import io
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from driftd.contract.record import Record
from driftd.errors import RecordingError
from driftd.shells import recording
from driftd.shells.recording import RecordingReader, RecordingWriter

NAMES = ("r.jsonl", "r.jsonl.gz", "r.jsonl.zst")
KCAT = (
    '{"topic":"predictions","partition":3,"offset":41,"tstype":"create","ts":1700000000123,"broker":0,'
    '"headers":["trace","a1","empty",null],"key":"churn","payload":"{\\"model\\":\\"churn\\"}"}\n'
)
RECORDS = st.builds(
    Record,
    st.sampled_from(["predictions", "labels", "an.other-topic_1"]),
    st.integers(0, 5),
    st.integers(0, 2**62),
    st.integers(-1, 2**52),
    st.none() | st.binary(max_size=20) | st.text(max_size=20).map(str.encode),
    st.none() | st.binary(max_size=80) | st.text(max_size=80).map(str.encode),
    st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3).map(tuple),
)


def read(path: Path) -> list[Record]:
    """All records of a recording."""
    return [record for chunk in RecordingReader(path) for record in chunk]


def numbered(count: int, payload: bytes = b"{}") -> list[Record]:
    """Records that differ by their offset."""
    return [Record("predictions", 0, offset, 1000 + offset, None, payload) for offset in range(count)]


def write(path: Path, records: list[Record]) -> Path:
    """`path`, with the records in it."""
    with RecordingWriter(path) as writer:
        writer.write(records)
    return path


@pytest.mark.parametrize("name", NAMES)
@given(records=st.lists(RECORDS, max_size=12))
def test_what_was_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, records: list[Record]
) -> None:
    path = tmp_path_factory.mktemp("recording") / name
    assert read(write(path, records)) == records
    once = path.read_bytes()
    assert write(path, records).read_bytes() == once


def test_a_compressed_recording_is_known_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    for name in NAMES:
        written = write(tmp_path / name, numbered(5))
        assert read(written.rename(tmp_path / "renamed")) == numbered(5)


def test_compressed_recordings_may_be_written_one_behind_the_other(tmp_path: Path) -> None:
    for name in NAMES:
        one = write(tmp_path / name, numbered(5))
        one.write_bytes(one.read_bytes() * 2)
        assert read(one) == numbered(5) * 2


def test_a_line_of_kcat_is_a_record(tmp_path: Path) -> None:
    path = tmp_path / "kcat.jsonl"
    path.write_text(KCAT)
    (record,) = read(path)
    assert record == Record(
        "predictions",
        3,
        41,
        1700000000123,
        b"churn",
        b'{"model":"churn"}',
        (("trace", b"a1"), ("empty", None)),
    )


def test_our_lines_are_as_kcat_writes_them(tmp_path: Path) -> None:
    written = write(tmp_path / "r.jsonl", [Record("t", 1, 2, 3, b"k", b"v", (("h", b"x"),))])
    assert json.loads(written.read_text()) == {
        "topic": "t", "partition": 1, "offset": 2, "tstype": "create", "ts": 3,
        "headers": ["h", "x"], "key": "k", "payload": "v",
    }  # fmt: skip


def test_bytes_that_are_no_utf_8_stand_beside_in_base64(tmp_path: Path) -> None:
    written = write(tmp_path / "r.jsonl", [Record("t", 0, 0, 0, b"\xff", b"\xfe\xff", (("h", b"\x80"),))])
    line = json.loads(written.read_text())
    assert (line["key_base64"], line["payload_base64"], line["headers_base64"]) == (
        "/w==",
        "/v8=",
        ["h", "gA=="],
    )
    assert not {"key", "payload", "headers"} & line.keys()


def test_lines_without_offsets_are_counted_per_partition_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "BLOCK_BYTES", 64)
    path = tmp_path / "r.jsonl"
    places = [("a", 0), ("b", 0), ("a", 0), ("a", 1), ("a", 0), ("b", 0)]
    path.write_text(
        "".join(json.dumps({"topic": t, "partition": p, "payload": "x"}) + "\n" for t, p in places)
    )
    assert [record.offset for record in read(path)] == [0, 0, 1, 0, 2, 1]


def test_empty_lines_and_windows_lines_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'\n{"topic":"a"}\r\n\r\n{"topic":"a"}\n\n')
    assert [record.offset for record in read(path)] == [0, 1]


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()
    reader = RecordingReader(tmp_path / "r.jsonl")
    assert (list(reader), reader.cut_line) == ([], None)


@pytest.mark.parametrize("name", NAMES)
def test_lines_longer_than_a_block_are_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    records = [Record("t", 0, n, n, None, b"x" * (n % 7) * 100) for n in range(60)]
    path = write(tmp_path / name, records)
    assert read(path) == records
    monkeypatch.setattr(recording, "BLOCK_BYTES", 64)
    assert read(path) == records
    assert [len(chunk) for chunk in RecordingReader(path, chunk_records=25)] == [25, 25, 10]


@pytest.mark.parametrize("block_bytes", [64, 1 << 18])
def test_of_a_file_that_ends_in_a_line_all_lines_before_it_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(recording, "BLOCK_BYTES", block_bytes)
    whole = write(tmp_path / "r.jsonl", numbered(4)).read_bytes()
    line = len(whole) // 4
    for end in range(1, len(whole) + 1):
        (tmp_path / "cut.jsonl").write_bytes(whole[:end])
        reader = RecordingReader(tmp_path / "cut.jsonl")
        found = [record for chunk in reader for record in chunk]
        complete = (end + 1) // line  # only the last newline may be missing
        assert found == numbered(complete)
        assert reader.cut_line == (None if end % line in (0, line - 1) else complete + 1)


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.9999])
def test_of_compressed_data_that_is_cut_off_the_lines_before_are_read(
    tmp_path: Path, name: str, share: float
) -> None:
    records = [Record("t", 0, n, n, None, str(n * 7919**5 % 10**16).encode()) for n in range(30_000)]
    whole = write(tmp_path / name, records).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    reader = RecordingReader(tmp_path / name)
    found = [record for chunk in reader for record in chunk]
    assert found == records[: len(found)]
    assert len(found) > 30_000 * (share - 0.07)  # what is packed together goes together
    assert reader.cut_line == len(found) + 1


def test_a_small_zst_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole = write(tmp_path / "r.jsonl.zst", numbered(3)).read_bytes()
    for end in range(1, len(whole)):
        (tmp_path / "r.jsonl.zst").write_bytes(whole[:end])
        reader = RecordingReader(tmp_path / "r.jsonl.zst")
        found = [record for chunk in reader for record in chunk]
        assert reader.cut_line == len(found) + 1


NO_RECORDS = {
    "no JSON": b"hello",
    "a list": b"[1]",
    "a number": b"7",
    "no topic": b'{"payload":"x"}',
    "an object as payload": b'{"topic":"a","payload":{"model":"m"}}',
    "an offset of text": b'{"topic":"a","offset":"1"}',
    "no base64": b'{"topic":"a","payload_base64":"?"}',
    "an odd list of headers": b'{"topic":"a","headers":["h"]}',
    "a lone surrogate": b'{"topic":"a","payload":"\\ud800"}',
    "two thousand deep": b'{"topic":"a","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
}


@pytest.mark.parametrize("line", NO_RECORDS.values(), ids=NO_RECORDS.keys())
@pytest.mark.parametrize("block_bytes", [64, 1 << 18])
def test_a_line_that_is_no_record_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, block_bytes: int
) -> None:
    monkeypatch.setattr(recording, "BLOCK_BYTES", block_bytes)
    path = tmp_path / "r.jsonl"
    good = b'{"topic":"a","payload":"fine"}\n'
    path.write_bytes(good * 9 + b"\n" + good + line + b"\n" + good)
    with pytest.raises(RecordingError, match=f"{path}:12: "):
        read(path)


def test_a_file_of_another_kind_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(b"\x1f\x8bno gzip at all" * 10)
    with pytest.raises(RecordingError, match="this is no gzip file"):
        read(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\n\xff\xff\n")
    with pytest.raises(RecordingError, match=f"{path}:1: this is no record"):
        read(path)


def test_a_file_that_is_not_there_or_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.jsonl: cannot be read: No such file or directory"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(RecordingError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_a_recording_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"

    def fail_midway() -> None:
        with RecordingWriter(path) as writer:
            writer.write(numbered(3))
            assert not path.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    assert list(tmp_path.iterdir()) == []


def test_compressed_recordings_are_what_their_tools_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "r.jsonl", numbered(9)).read_bytes()
    assert gzip.decompress(write(tmp_path / "r.jsonl.gz", numbered(9)).read_bytes()) == plain
    packed = write(tmp_path / "r.jsonl.zst", numbered(9)).read_bytes()
    assert zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read() == plain
