"""A recording: records in applied order, in a file. Rule: what was written is read back to the same bytes.

One JSON object per line, as `kcat -J` prints messages (topic, partition, offset, ts, headers, key, payload), plain or
compressed as .gz or .zst. kcat cannot print bytes that are no UTF-8; here they stand in base64 beside the names
`key_base64` and `payload_base64`.
"""

import base64
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import msgspec
import zstandard

from driftd.contract.record import Record, Source
from driftd.errors import RecordingError

CHUNK_RECORDS: Final = 10_000
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
NULL: Final = b"null"


class Line(msgspec.Struct, gc=False):
    """One line. The payload stays as it stands in the line: most of them need no more than their quotes removed."""

    topic: str
    partition: int = 0
    offset: int = -1
    ts: int = -1
    headers: list[str | None] | None = None
    key: str | None = None
    payload: msgspec.Raw = msgspec.Raw(NULL)
    key_base64: str | None = None
    payload_base64: str | None = None
    headers_base64: list[str | None] | None = None


_LINE = msgspec.json.Decoder(Line).decode
_TEXT = msgspec.json.Decoder(str | None).decode


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
        chunk: list[Record] = []
        number = 0
        lines = self._lines()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            record = self._record(line, number)
            if record is None:
                break
            chunk.append(record)
            if len(chunk) >= self.chunk_records:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _lines(self) -> Iterator[bytes]:
        """The lines; where the file ends amid compressed data, what could be read of it."""
        number = 0
        try:
            with self.path.open("rb") as file, _decompressed(file) as stream:
                for line in stream:
                    number += 1
                    yield line
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise RecordingError(f"{self.path}: this is no gzip file: {error}") from None
            raise RecordingError(f"{self.path}: cannot be read: {error.strerror}") from None
        except (EOFError, zlib.error, zstandard.ZstdError):
            self.cut_line = number + 1

    def _record(self, line: bytes, number: int) -> Record | None:
        """The record of a line; None where the line is cut off because the file ends in it."""
        try:
            fields = _LINE(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if not line.endswith(b"\n"):
                self.cut_line = number
                return None
            raise RecordingError(
                f"{self.path}:{number}: this is no record: {error}. "
                'A line is a JSON object like {"topic": "predictions", "payload": "..."}, as kcat -J prints it.'
            ) from None
        source = Source(fields.topic, fields.partition)
        offset = fields.offset if fields.offset >= 0 else self._next_offset.get(source, 0)
        self._next_offset[source] = offset + 1
        try:
            return Record(
                fields.topic,
                fields.partition,
                offset,
                fields.ts,
                _key(fields),
                _payload(fields),
                _headers(fields),
            )
        except (msgspec.MsgspecError, ValueError) as error:
            raise RecordingError(f"{self.path}:{number}: {error}") from None


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if magic == ZSTD_MAGIC:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(reader, 1 << 20)  # type: ignore[arg-type]
    return file


def _payload(fields: Line) -> bytes | None:
    if fields.payload_base64 is not None:
        return base64.b64decode(fields.payload_base64, validate=True)
    raw = bytes(fields.payload)
    if raw == NULL:
        return None
    # JSON within JSON: nearly always its only escapes are of quotes, and then replacing them is all there is to do
    if raw.startswith(b'"') and raw.count(b"\\") == raw.count(b'\\"'):
        return raw[1:-1].replace(b'\\"', b'"')
    text = _TEXT(raw)
    return None if text is None else text.encode()


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

    def __enter__(self) -> "RecordingWriter":
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
