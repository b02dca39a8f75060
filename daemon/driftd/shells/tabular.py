"""Tables in files: CSV and Parquet, row by row. Rule: a row that is no row is told and skipped, never guessed at.

A table can be read more than once. Its cells are text in a CSV file, which may be compressed with gzip (`typed` is
False), and values in Parquet.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Protocol, TypeAlias

from driftd.errors import BadInput

Cell: TypeAlias = str | int | float | bool | None
PARQUET_MAGIC: Final = b"PAR1"
GZIP_MAGIC: Final = b"\x1f\x8b"
BATCH_ROWS: Final = 10_000


class Row(NamedTuple):
    """One row: its number (1 is the first below the header), the line it ends in, and its cells."""

    number: int
    line: int
    cells: list[Any]


@dataclass(frozen=True, slots=True)
class RaggedLine:
    """A row that has not as many cells as the header."""

    line: int
    problem: str


class Table(Protocol):
    """What both kinds of file are."""

    path: Path
    columns: tuple[str, ...]
    typed: bool
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Row | RaggedLine]:
        """The rows in the order of the file, from the first."""
        ...


def open_table(path: Path, delimiter: str) -> Table:
    """The table in `path`, Parquet where the file begins as such, else CSV. Raises BadInput."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(PARQUET_MAGIC))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    if magic == PARQUET_MAGIC:
        return ParquetTable(path)
    return CsvTable(path, delimiter, compressed=magic.startswith(GZIP_MAGIC))


class CsvTable:
    """A CSV file with a header; UTF-8, with or without a byte order mark."""

    typed = False
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, delimiter: str, *, compressed: bool = False) -> None:
        """Read the header of `path`. Raises BadInput."""
        self.path = path
        self.delimiter = delimiter
        self.compressed = compressed
        header: Any = next(self._lines(), (0, []))[1]
        self.columns: tuple[str, ...] = (
            tuple(name.strip() for name in header) if isinstance(header, list) else ()
        )
        if not any(self.columns):
            raise BadInput(f"{path}: there is no header: its first line should name the columns.")
        _no_doubles(path, self.columns)

    def __iter__(self) -> Iterator[Row | RaggedLine]:
        """The rows below the header."""
        lines = self._lines()
        next(lines)
        for number, (line, cells) in enumerate(lines, 1):
            if isinstance(cells, str):
                yield RaggedLine(line, cells)
            elif len(cells) != len(self.columns):
                yield RaggedLine(line, f"{len(cells)} cells came, {len(self.columns)} were expected")
            else:
                yield Row(number, line, cells)

    def _lines(self) -> Iterator[tuple[int, Any]]:
        """Line number and cells of all lines that are not empty; instead of the cells, what is wrong with them."""
        line = 0
        try:
            with self._opened() as file:
                reader = csv.reader(file, delimiter=self.delimiter)
                while True:
                    try:
                        cells = next(reader)
                    except StopIteration:
                        return
                    except csv.Error as error:
                        yield reader.line_num, f"{error}"
                        continue
                    line = reader.line_num
                    if cells:
                        yield line, cells
        except UnicodeDecodeError:
            raise BadInput(
                f"{self.path}: no UTF-8 text, somewhere after line {line}. Convert it to UTF-8."
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"{self.path}: cannot be unpacked after line {line}: {error}") from None
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be read: {error.strerror}.") from None

    def _opened(self) -> IO[str]:
        if self.compressed:
            return gzip.open(self.path, "rt", encoding="utf-8-sig", newline="")
        return self.path.open(encoding="utf-8-sig", newline="")


class ParquetTable:
    """A Parquet file. Columns of lists and structures are left out, and `notes` says so."""

    typed = True

    def __init__(self, path: Path) -> None:
        """Read the schema of `path`. Raises BadInput, also where the package that reads Parquet is missing."""
        try:
            import pyarrow as arrow  # noqa: ICN001, PLC0415  optional, and slow to import
            from pyarrow import parquet  # noqa: PLC0415  as above
        except ImportError:
            raise BadInput(
                f'{path}: reading Parquet needs the package pyarrow: pip install "driftd[parquet]".'
            ) from None
        self.path = path
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, arrow.ArrowException) as error:
            raise BadInput(f"{path}: cannot be read as Parquet: {error}") from None
        schema = self._file.schema_arrow
        nested = [field.name for field in schema if arrow.types.is_nested(field.type)]
        self.columns: tuple[str, ...] = tuple(name for name in schema.names if name not in nested)
        self.notes: tuple[str, ...] = tuple(
            f"column {name} holds lists or structures: ignored" for name in nested
        )
        self._damaged = arrow.ArrowException
        _no_doubles(path, self.columns)

    def __iter__(self) -> Iterator[Row | RaggedLine]:
        """The rows."""
        number = 0
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=list(self.columns)):
                # by name: a batch has the file's order of columns, whatever was asked for
                columns = [
                    [plain_value(cell) for cell in batch.column(name).to_pylist()] for name in self.columns
                ]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, number, list(cells))
        except (OSError, self._damaged) as error:
            raise BadInput(f"{self.path}: cannot be read after row {number}: {error}") from None


def plain_value(cell: Any) -> Cell:
    """A Parquet cell as what JSON knows: number, text, true, false; None where it is missing or no finite number."""
    if isinstance(cell, float | Decimal):
        return float(cell) if math.isfinite(cell) else None
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)


def _no_doubles(path: Path, columns: tuple[str, ...]) -> None:
    double = sorted({name for name in columns if name and columns.count(name) > 1})
    if double:
        raise BadInput(f"{path}: two columns have the same name: {', '.join(double)}.")
