"""`driftd import`: predictions that were logged in a table, as a recording. Rule: whatever is left out is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from driftd.cli.config_file import read_config
from driftd.cli.output import note, refuse_to_overwrite
from driftd.duration import parse_duration
from driftd.errors import EXIT_OK, EXIT_WARNINGS, BadInput
from driftd.event_time import parse_time
from driftd.shells.recording import RecordingWriter
from driftd.shells.tabular import RaggedLine, Row, Table, open_table
from driftd.suggestion import suggestion
from driftd.table_events import ColumnType, Naming, Roles, TimedRow, events_of, typed_value, widen

FIRST_MS: Final = 1_577_836_800_000
"""2020-01-01T00:00:00Z: where a table without times begins."""
STEP_MS: Final = 1000
SKIPS_TOLD: Final = 20
CHUNK_RECORDS: Final = 10_000


def import_file(
    file: Path,
    /,
    *,
    model: str,
    prediction: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    time: str | None = None,
    id: str | None = None,
    label: str | None = None,
    label_delay: str = "0s",
    score: str | None = None,
    feature: Annotated[Sequence[str], Parameter(negative=())] = (),
    ignore: Annotated[Sequence[str], Parameter(negative=())] = (),
    model_version: str | None = None,
    delimiter: str = ",",
    strict: bool = False,
    force: bool = False,
    config: Path | None = None,
) -> int:
    """Make a recording from a CSV or Parquet file of predictions.

    Columns that get no other meaning are features. In a CSV file a column holds numbers if all its cells that are
    not empty are numbers, booleans if all are true or false, else text. Empty cells are null; so are NaN and
    infinities. Rows that are not in the order of time are sorted.

    Parameters
    ----------
    file
        A CSV file with a header (UTF-8, also .gz), or a Parquet file.
    model
        The name of the model that made the predictions.
    prediction
        The column of what the model answered.
    out
        The recording to write: .jsonl, .jsonl.gz or .jsonl.zst.
    time
        The column of when: seconds or milliseconds since 1970, or ISO 8601 (UTC where it names no zone). Without
        it there is one event a second from 2020-01-01T00:00:00Z.
    id
        The column that identifies a prediction; without it "MODEL-ROW".
    label
        The column of what would have been right; an empty cell is a label that is not known.
    label_delay
        How long after its prediction a label became known: 500ms, 30s, 30m, 2h, 1d.
    score
        The column of the probability of the predicted class.
    feature
        A column that is a feature; may be repeated. Without it all other columns are.
    ignore
        A column to leave out; may be repeated.
    model_version
        The version of the model.
    delimiter
        What separates cells in a CSV file, "tab" for a tabulator.
    strict
        Exit with 3 if a row had to be left out.
    force
        Overwrite the file where it exists.
    config
        The configuration file, for the names of the topics.
    """
    _check(file, out, model, delimiter, force)
    topics = read_config(config).topics
    naming = Naming(model, model_version, topics.predictions[0], topics.labels[0], _delay(label_delay))
    table = open_table(file, "\t" if delimiter in ("tab", "\\t") else delimiter)
    roles = Columns(table).roles(prediction, feature, ignore, time=time, id=id, label=label, score=score)
    scan = import_table(table, roles, naming, out)
    return EXIT_WARNINGS if strict and scan.skipped else EXIT_OK


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, asked for by those who name them on the command line."""

    table: Table

    def roles(
        self, prediction: str, feature: Sequence[str], ignore: Sequence[str], **others: str | None
    ) -> Roles:
        """What each column is; `others` are those that need not be given: time, id, label, score. Raises BadInput."""
        return Roles(
            prediction=self.index(prediction, "--prediction"),
            features=self.features(feature, ignore, (prediction, *others.values())),
            **{name: self.optional(column, f"--{name}") for name, column in others.items()},
        )

    def index(self, name: str, option: str) -> int:
        """Where the column is. Raises BadInput saying which one may have been meant."""
        if name not in self.table.columns:
            known = [column for column in self.table.columns if column]
            raise BadInput(
                f'{self.table.path}: {option}: there is no column "{name}". {suggestion(name, known)}'
            )
        return self.table.columns.index(name)

    def optional(self, name: str | None, option: str) -> int | None:
        """Where the column is, None where none is named."""
        return None if name is None else self.index(name, option)

    def features(
        self, named: Sequence[str], ignored: Sequence[str], taken: Sequence[str | None]
    ) -> tuple[tuple[str, int], ...]:
        """The names of the features and where they are: the `named`, else all that are neither ignored nor taken."""
        left_out = {self.index(name, "--ignore") for name in ignored}
        if named:
            indices = [self.index(name, "--feature") for name in dict.fromkeys(named)]
        else:
            indices = [index for index, name in enumerate(self.table.columns) if name and name not in taken]
        return tuple((self.table.columns[index], index) for index in indices if index not in left_out)


@dataclass(slots=True)
class Scan:
    """What a first reading of the table finds."""

    types: list[ColumnType]
    rows: int = 0
    late: int = 0
    problems: list[str] = field(default_factory=list)
    skipped: int = 0


def scan_table(table: Table, roles: Roles) -> Scan:
    """Read the table once: the types of its columns, the order of its times, and the rows that cannot be taken."""
    scan = Scan([ColumnType.EMPTY] * len(table.columns))
    newest = -1
    for row in table:
        at_ms = row.problem if isinstance(row, RaggedLine) else time_of(row, roles)
        if isinstance(at_ms, str):
            scan.skipped += 1
            if len(scan.problems) < SKIPS_TOLD:
                scan.problems.append(f"{table.path}:{row.line}: {at_ms}; skipped")
            continue
        assert isinstance(row, Row)
        scan.rows += 1
        scan.late += at_ms < newest
        newest = max(newest, at_ms)
        if not table.typed:
            scan.types = [widen(known, cell) for known, cell in zip(scan.types, row.cells, strict=True)]
    return scan


def time_of(row: Row, roles: Roles) -> int | str:
    """When the prediction of `row` was made, or why that cannot be said."""
    if roles.time is None:
        return FIRST_MS + (row.number - 1) * STEP_MS
    cell = row.cells[roles.time]
    at_ms = parse_time(cell)
    told = "" if cell is None else str(cell)[:50]
    return (
        at_ms if at_ms is not None else f'"{told}" is no time: neither seconds nor milliseconds nor ISO 8601'
    )


def timed_rows(table: Table, roles: Roles, scan: Scan) -> Iterator[TimedRow]:
    """The rows that can be taken, in the order of the file, with typed cells."""
    for row in table:
        if isinstance(row, RaggedLine):
            continue
        at_ms = time_of(row, roles)
        if isinstance(at_ms, str):
            continue
        cells: list[Any] = row.cells
        if not table.typed:
            cells = [typed_value(cell, kind) for cell, kind in zip(row.cells, scan.types, strict=True)]
            if roles.id is not None:
                cells[roles.id] = row.cells[roles.id].strip() or None  # 007 identifies, it does not count
        yield TimedRow(row.number, at_ms, cells)


def write(out: Path, table: Table, roles: Roles, naming: Naming, scan: Scan) -> dict[str, int]:
    """Write the recording; how many records each topic has got."""
    rows: Iterator[TimedRow] = timed_rows(table, roles, scan)
    if scan.late:  # only then the whole table is held in memory
        rows = iter(sorted(rows, key=lambda row: row.at_ms))
    written = {naming.predictions_topic: 0, naming.labels_topic: 0}
    chunk = []
    with RecordingWriter(out) as writer:
        for record in events_of(rows, roles, naming):
            written[record.topic] += 1
            chunk.append(record)
            if len(chunk) >= CHUNK_RECORDS:
                writer.write(chunk)
                chunk = []
        writer.write(chunk)
    return written


def import_table(table: Table, roles: Roles, naming: Naming, out: Path) -> Scan:
    """Write the recording and tell what is in it; what was found in the table. Raises BadInput where it is empty."""
    scan = scan_table(table, roles)
    if scan.rows == 0:
        raise BadInput(f"{table.path}: there is no row with a prediction in it.")
    written = write(out, table, roles, naming, scan)
    tell(table.path, out, table, roles, scan, written)
    return scan


def tell(file: Path, out: Path, table: Table, roles: Roles, scan: Scan, written: dict[str, int]) -> None:
    """What was done, what was left out, and how the columns were understood."""
    for text in (*table.notes, *scan.problems):
        note(text)
    if scan.skipped > len(scan.problems):
        note(f"... and {scan.skipped - len(scan.problems):,} more rows skipped")
    if unnamed := table.columns.count(""):
        note(f"{file}: {unnamed} column{'s' * (unnamed > 1)} without a name: ignored")
    if scan.late:
        note(f"{file}: {scan.late:,} rows are earlier than a row before them: sorted by time")
    counts = list(written.values())
    told = f"{out}: {counts[0]:,} predictions, {counts[1] if len(counts) > 1 else 0:,} labels"
    note(told + (f"; {scan.skipped:,} rows skipped" if scan.skipped else ""))
    kinds = [name if table.typed else f"{name} ({scan.types[index].value})" for name, index in roles.features]
    if roles.label is not None and not table.typed:
        answer, right = scan.types[roles.prediction], scan.types[roles.label]
        if ColumnType.TEXT in (answer, right) and ColumnType.EMPTY not in (answer, right) and answer != right:
            note(f"{file}: predictions are {answer.value}, labels {right.value}: they cannot be compared")
    note(f"features: {', '.join(kinds) or 'none'}")
    note(f"Replay them: driftd replay {out}")


def _delay(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"--label-delay: {error}.") from None


def _check(file: Path, out: Path, model: str, delimiter: str, force: bool) -> None:
    """Raises BadInput where an argument cannot be used."""
    if not model or len(model) > 100 or not all("!" <= letter <= "~" for letter in model):
        raise BadInput(
            f'--model: "{model}" is no model name: 1 to 100 printable ASCII characters without spaces.'
        )
    if delimiter not in ("tab", "\\t") and len(delimiter) != 1:
        raise BadInput(f'--delimiter: "{delimiter}" should be one character, or tab.')
    if out.exists() and file.exists() and out.samefile(file):
        raise BadInput(f"{out}: this is the file that is read; write to another one.")
    refuse_to_overwrite(out, force=force)
