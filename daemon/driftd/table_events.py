"""Rows of a table as inference events. Rule: every event stands in the stream at its own time.

The prediction of a row comes at the row's time, its label `label_delay_ms` later, among the predictions of then.
The type of a column of text is that of all its cells: numbers if every one that is not empty is a number, booleans
if every one is true or false, else text. Empty cells are null, and so are NaN and infinities in a column of numbers.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from driftd.contract.record import Record

Value: TypeAlias = str | int | float | bool | None
BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}


class ColumnType(StrEnum):
    """What the cells of a column are."""

    EMPTY = "empty"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what, by its index; None where there is none."""

    prediction: int
    features: tuple[tuple[str, int], ...]
    time: int | None = None
    id: int | None = None
    label: int | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """What the events are of, and where they go."""

    model: str
    version: str | None
    predictions_topic: str
    labels_topic: str
    label_delay_ms: int


@dataclass(frozen=True, slots=True)
class TimedRow:
    """A row with typed cells. `number` counts the rows of the file from 1; `at_ms` is when the prediction was made."""

    number: int
    at_ms: int
    cells: Sequence[Value]


def widen(known: ColumnType, cell: str) -> ColumnType:
    """The type of a column that was `known` so far and has this cell too."""
    if known is ColumnType.TEXT or not (text := cell.strip()):
        return known
    if number_of(text) is not None:
        found = ColumnType.NUMBER
    else:
        found = ColumnType.BOOLEAN if text.lower() in BOOLEANS else ColumnType.TEXT
    return found if known in (ColumnType.EMPTY, found) else ColumnType.TEXT


def typed_value(cell: str, column: ColumnType) -> Value:
    """The value of a cell of text in a column of that type."""
    text = cell.strip()
    if not text:
        return None
    if column is ColumnType.BOOLEAN:
        return BOOLEANS[text.lower()]
    if column is not ColumnType.NUMBER:
        return cell
    number = number_of(text)
    return number if number is not None and math.isfinite(number) else None


def number_of(text: str) -> int | float | None:
    """The number that `text` is, None where it is none."""
    if "_" in text:  # Python reads 1_000 as a number, nobody else does
        return None
    try:
        return int(text) if len(text) < 16 and text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None


def events_of(rows: Iterable[TimedRow], roles: Roles, naming: Naming) -> Iterator[Record]:
    """The records of `rows`, which come in the order of their times.

    Each topic has offsets of its own. At equal times labels come before predictions, but after their own.
    """
    # the delay is the same for all, so labels are due in the order of their predictions
    waiting: deque[Record] = deque()
    labels = 0
    for predictions, row in enumerate(rows):
        while waiting and waiting[0].timestamp_ms <= row.at_ms:
            yield waiting.popleft()
        prediction_id = _id_of(row, roles, naming)
        event = prediction_event(row, roles, naming, prediction_id)
        yield _record(naming.predictions_topic, predictions, naming.model, event)
        label = None if roles.label is None else row.cells[roles.label]
        if label is not None:
            told = {"prediction_id": prediction_id, "model": naming.model, "label": label}
            told["at_ms"] = row.at_ms + naming.label_delay_ms
            waiting.append(_record(naming.labels_topic, labels, naming.model, told))
            labels += 1
    yield from waiting


def prediction_event(row: TimedRow, roles: Roles, naming: Naming, prediction_id: str) -> dict[str, Any]:
    """The prediction of `row`, as the contract has it."""
    prediction = row.cells[roles.prediction]
    event: dict[str, Any] = {"prediction_id": prediction_id, "model": naming.model}
    if naming.version is not None:
        event["model_version"] = naming.version
    event["at_ms"] = row.at_ms
    event["features"] = {name: row.cells[index] for name, index in roles.features}
    event["prediction"] = prediction
    score = None if roles.score is None else row.cells[roles.score]
    if score is not None and prediction is not None:
        event["scores"] = {_text_of(prediction): score}
    return event


def _id_of(row: TimedRow, roles: Roles, naming: Naming) -> str:
    given = None if roles.id is None else row.cells[roles.id]
    return f"{naming.model}-{row.number}" if given is None else _text_of(given)


def _text_of(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _record(topic: str, offset: int, model: str, event: dict[str, Any]) -> Record:
    return Record(topic, 0, offset, event["at_ms"], model.encode(), msgspec.json.encode(event))
