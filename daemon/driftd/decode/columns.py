"""A batch as columns: one table per model, in the order of the records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.decode.native import FEATURE, SCORE, number_or_mark
from driftd.decode.rejections import Rejection
from driftd.decode.rows import LabelRow, PredictionRow
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.decode.sequence import Numbered


class Mark(Enum):
    """What stands in a column of categories where there is no level."""

    INVALID = "invalid"

    def __repr__(self) -> str:
        return self.value


INVALID: Final = Mark.INVALID
"""A value of the wrong type in a column of categories; among numbers it is +inf."""


@dataclass(slots=True)
class PredictionColumns:
    """n predictions of one model.

    `positions` (n,) int64 are indices of records, `numbers` (rows, n) the number and boolean signals in the
    schema's order (NaN missing, +inf of the wrong type), `categories` per category signal n of: a level, None
    where missing, INVALID. `predictions` and `segments` are as they came. `unknown` are features that the schema does
    not have, in the order in which they came.
    """

    positions: NDArray[np.int64]
    prediction_ids: list[str]
    at_ms: NDArray[np.int64]
    versions: list[str | None]
    predictions: list[Any]
    numbers: NDArray[np.float64]
    categories: list[Sequence[object]]
    segments: list[dict[str, str] | None]
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class PredictionRows:
    """n predictions of one model that is not known yet."""

    positions: NDArray[np.int64]
    rows: list[PredictionRow]

    @property
    def versions(self) -> list[str | None]:
        """The versions of the model, n."""
        return [row.model_version for row in self.rows]

    @property
    def at_ms(self) -> NDArray[np.int64]:
        """The times of the events, (n,)."""
        return np.array([row.at_ms for row in self.rows], np.int64)

    def slice(self, start: int, stop: int) -> "PredictionRows":
        """The predictions from `start` to before `stop`."""
        return PredictionRows(self.positions[start:stop], self.rows[start:stop])


@dataclass(slots=True)
class LabelColumns:
    """n labels of one model; `weights` are 1 where they were not given."""

    positions: NDArray[np.int64]
    prediction_ids: list[str]
    labels: list[str | bool | float]
    at_ms: list[int]
    annotators: list[str | None]
    weights: list[float]

    def slice(self, start: int, stop: int) -> "LabelColumns":
        """The labels from `start` to before `stop`."""
        return LabelColumns(
            self.positions[start:stop],
            self.prediction_ids[start:stop],
            self.labels[start:stop],
            self.at_ms[start:stop],
            self.annotators[start:stop],
            self.weights[start:stop],
        )


@dataclass(slots=True)
class ModelTable:
    """One model's share of a batch."""

    predictions: PredictionColumns | PredictionRows | None
    labels: LabelColumns | None


@dataclass(slots=True)
class Batch:
    """Records decoded: tables by model, in order of first appearance, and what was refused, by position.

    `numbered` are those that say where they stand in what their producer sent, by position.
    """

    models: dict[str, ModelTable] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    numbered: list[Numbered] = field(default_factory=list)


def columns_from_rows(rows: PredictionRows, schema: Schema) -> PredictionColumns:
    """The columns of `rows` by `schema`. This is the definition: every faster way gives the same."""
    numbers = [
        _number_row(signal, rows.rows) for signal in schema.signals if signal.type is not SignalType.CATEGORY
    ]
    categories = [
        [_level(_value(signal.name, row)) for row in rows.rows]
        for signal in schema.signals
        if signal.type is SignalType.CATEGORY
    ]
    return PredictionColumns(
        rows.positions,
        [row.prediction_id for row in rows.rows],
        rows.at_ms,
        rows.versions,
        [row.prediction for row in rows.rows],
        np.array(numbers, np.float64).reshape(len(numbers), len(rows.rows)),
        list(categories),
        [row.segment for row in rows.rows],
        unknown=_unknown(rows.rows, schema),
    )


def _unknown(rows: Sequence[PredictionRow], schema: Schema) -> tuple[str, ...]:
    known = {signal.name.removeprefix(FEATURE) for signal in schema.signals} | set(schema.others)
    strange = [row.features for row in rows if not row.features.keys() <= known]
    return tuple(dict.fromkeys(name for features in strange for name in features if name not in known))


def label_columns(positions: list[int], rows: Sequence[LabelRow]) -> LabelColumns:
    """The columns of label events."""
    return LabelColumns(
        np.array(positions, np.int64),
        [row.prediction_id for row in rows],
        [row.label for row in rows],
        [row.at_ms for row in rows],
        [row.annotator for row in rows],
        [1.0 if row.weight is None else row.weight for row in rows],
    )


def _number_row(signal: Signal, rows: Sequence[PredictionRow]) -> list[float]:
    wanted = bool if signal.type is SignalType.BOOLEAN else float
    return [number_or_mark(_value(signal.name, row), wanted) for row in rows]


def _value(name: str, row: PredictionRow) -> object:
    if name.startswith(FEATURE):
        return row.features.get(name.removeprefix(FEATURE))
    if name.startswith(SCORE):
        return None if row.scores is None else row.scores.get(name.removeprefix(SCORE))
    return row.error is not None if name == "failed" else getattr(row, name)


def _level(value: object) -> object:
    return value if value is None or isinstance(value, str) else INVALID


def joined_columns(first: PredictionColumns, second: PredictionColumns) -> PredictionColumns:
    """Both, in the order of their positions."""
    positions = np.concatenate([first.positions, second.positions])
    order = np.argsort(positions, kind="stable")
    pick = order.tolist()

    def merged(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
        both = [*left, *right]
        return [both[i] for i in pick]

    return PredictionColumns(
        positions[order],
        merged(first.prediction_ids, second.prediction_ids),
        np.concatenate([first.at_ms, second.at_ms])[order],
        merged(first.versions, second.versions),
        merged(first.predictions, second.predictions),
        np.concatenate([first.numbers, second.numbers], axis=1)[:, order],
        [merged(left, right) for left, right in zip(first.categories, second.categories, strict=True)],
        merged(first.segments, second.segments),
        unknown=tuple(dict.fromkeys(first.unknown + second.unknown)),
    )
