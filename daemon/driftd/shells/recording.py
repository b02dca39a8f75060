"""A recording: records in applied order, in a file. Rule: what was written is read back to the same bytes.

One JSON object per line, as `kcat -J` prints messages (topic, partition, offset, ts, headers, key, payload), plain or
compressed as .gz or .zst. kcat cannot print bytes that are no UTF-8; here they stand in base64 beside the names
`key_base64` and `payload_base64`.
"""

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec
import zstandard

from driftd.contract.record import Record, Source
from driftd.errors import RecordingError

CHUNK_RECORDS: Final = 10_000
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
BLOCK_BYTES: Final = 1 << 18
ZSTD_READ_BYTES: Final = 1 << 14
"""Packed bytes at a time: what they unpack to is held at once, and of zeros that is thirty thousand times as much."""


class Line(msgspec.Struct, gc=False):
    """One line."""

    topic: str
    partition: int = 0
    offset: int = -1
    ts: int = -1
    headers: list[str | None] | None = None
    key: str | None = None
    payload: str | None = None
    key_base64: str | None = None
    payload_base64: str | None = None
    headers_base64: list[str | None] | None = None


_LINE = msgspec.json.Decoder(Line)


class RecordingReader:
    """Reads one recording, in chunks of records. After reading, `cut_line` is the line that is cut off, if one is."""

    def __init__(self, path: Path, chunk_records: int = CHUNK_RECORDS) -> None:
        """Read `path` in chunks of `chunk_records`."""
        self.path = path
        self.chunk_records = chunk_records
        self.cut_line: int | None = None
        self._next_offset: dict[Source, int] = {}

    def __iter__(self) -> Iterator[list[Record]]:
        """The records in order. Raises RecordingError where the file is no recording."""
        waiting: list[Record] = []
        number = 1
        for block in self._blocks():
            waiting += self._records(block, number)
            number += block.count(b"\n")
            while len(waiting) >= self.chunk_records:
                yield waiting[: self.chunk_records]
                del waiting[: self.chunk_records]
        if waiting:
            yield waiting

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, many at a time; where the file ends amid compressed data, what could be read of it."""
        number, rest = 1, b""
        try:
            with self.path.open("rb") as file:
                for data in _unpacked(file):
                    end = data.rfind(b"\n") + 1
                    if not end:
                        rest += data
                        continue
                    block = rest + data[:end]
                    rest = data[end:]
                    number += block.count(b"\n")
                    yield block
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise RecordingError(f"{self.path}: this is no gzip file: {error}") from None
            raise RecordingError(f"{self.path}: cannot be read: {error.strerror}") from None
        except (EOFError, zlib.error, zstandard.ZstdError):
            self.cut_line = number
            return
        if rest:
            yield rest

    def _records(self, block: bytes, number: int) -> list[Record]:
        """The records of `block`, whose first line has that number."""
        try:
            return self._records_of((0, line) for line in _LINE.decode_lines(block))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._records_of(self._one_by_one(block, number))  # slower, and says which line it is

    def _records_of(self, lines: Iterable[tuple[int, Line]]) -> list[Record]:
        """The records of `lines`, which come with their numbers. Raises ValueError, and then has changed nothing."""
        source, next_offset, records = Source("", -1), 0, []
        counted = dict(self._next_offset)
        for at, fields in lines:
            if fields.topic != source.topic or fields.partition != source.partition:
                counted[source] = next_offset
                source = Source(fields.topic, fields.partition)
                next_offset = counted.get(source, 0)
            offset = fields.offset if fields.offset >= 0 else next_offset
            next_offset = offset + 1
            try:
                value = None if fields.payload is None else fields.payload.encode()
                if fields.payload_base64 is not None:
                    value = base64.b64decode(fields.payload_base64, validate=True)
                key = _key(fields)
                headers = _headers(fields) if fields.headers or fields.headers_base64 else ()
            except ValueError as error:
                if not at:
                    raise
                raise RecordingError(f"{self.path}:{at}: this is no record: {error}.") from None
            records.append(Record(fields.topic, fields.partition, offset, fields.ts, key, value, headers))
        counted[source] = next_offset
        self._next_offset = counted
        return records

    def _one_by_one(self, block: bytes, number: int) -> Iterator[tuple[int, Line]]:
        """Number and fields of each line; a line that is cut off because the file ends in it is left out."""
        for at, line in enumerate(block.splitlines(keepends=True), number):
            if not line.strip():
                continue
            try:
                yield at, _LINE.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                if not line.endswith(b"\n"):
                    self.cut_line = at
                    return
                raise RecordingError(
                    f"{self.path}:{at}: this is no record: {error}. "
                    'A line is a JSON object like {"topic": "predictions", "payload": "..."}, as kcat -J prints it.'
                ) from None


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a recording, some at a time, all that can be had. Raises EOFError where more should come."""
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            while data := stream.read1(
                BLOCK_BYTES
            ):  # read() would lose what it has when the file ends too early
                yield data
    elif magic == ZSTD_MAGIC:
        yield from _unpacked_zstd(file)
    else:
        while data := file.read(BLOCK_BYTES):
            yield data


def _unpacked_zstd(file: IO[bytes]) -> Iterator[bytes]:
    """As `_unpacked`. The library's own stream takes a frame that is cut off for complete."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    while packed := file.read(ZSTD_READ_BYTES):
        while packed:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            if data := frame.decompress(packed):
                yield data
            packed = frame.unused_data
    if not frame.eof:
        raise EOFError


def _key(fields: Line) -> bytes | None:
    if fields.key_base64 is not None:
        return base64.b64decode(fields.key_base64, validate=True)
    return None if fields.key is None else fields.key.encode()


def _headers(fields: Line) -> tuple[tuple[str, bytes | None], ...]:
    if fields.headers_base64 is not None:
        names, values = fields.headers_base64[::2], fields.headers_base64[1::2]
        return tuple(
            (name or "", None if value is None else base64.b64decode(value, validate=True))
            for name, value in zip(names, values, strict=True)
        )
    if not fields.headers:
        return ()
    pairs = zip(fields.headers[::2], fields.headers[1::2], strict=True)
    return tuple((name or "", None if value is None else value.encode()) for name, value in pairs)


class RecordingWriter:
    """Writes a recording, compressed as its name says. It gets its name when it is complete, not before."""

    def __init__(self, path: Path) -> None:
        """Write to `path`."""
        self.path = path
        self._partial = path.with_name(f".{path.name}.partial")

    def __enter__(self) -> Self:
        """Begin. Raises RecordingError where the file cannot be written."""
        try:
            self._file = self._partial.open("wb")
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror}") from None
        self._stream: Any = self._file
        if self.path.suffix == ".gz":
            self._stream = gzip.GzipFile(filename="", fileobj=self._file, mode="wb", compresslevel=6, mtime=0)
        elif self.path.suffix == ".zst":
            self._stream = zstandard.ZstdCompressor(level=9).stream_writer(self._file, closefd=False)
        return self

    def write(self, records: Sequence[Record]) -> None:
        """Append `records`."""
        self._stream.write(b"".join([encode_line(record) for record in records]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a recording that failed midway leaves nothing behind."""
        if self._stream is not self._file:
            self._stream.close()
        self._file.close()
        if kind is None:
            self._partial.replace(self.path)
        else:
            self._partial.unlink(missing_ok=True)


def encode_line(record: Record) -> bytes:
    """The line of `record`, with its newline."""
    line: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "tstype": "create",
        "ts": record.timestamp_ms,
    }
    texts = [(name, _as_text(value)) for name, value in record.headers]
    if all(
        value is None or text is not None for (_, value), (_, text) in zip(record.headers, texts, strict=True)
    ):
        line["headers"] = [part for pair in texts for part in pair]
    else:
        encoded = [(name, None if value is None else _as_base64(value)) for name, value in record.headers]
        line["headers_base64"] = [part for pair in encoded for part in pair]
    for name, value in (("key", record.key), ("payload", record.value)):
        text = _as_text(value)
        if value is None or text is not None:
            line[name] = text
        else:
            line[f"{name}_base64"] = _as_base64(value)
    return msgspec.json.encode(line) + b"\n"


def _as_text(value: bytes | None) -> str | None:
    """`value` as text; None where it is null or no UTF-8."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _as_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
