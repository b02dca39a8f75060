"""Predictions that are held for their labels, as columns. Rule: first in, first out, and no object for each.

A ring: the prediction number n is in the row n modulo the number of rows, a power of two that grows as needed. What
is text is a code of `Texts`. About 91 bytes for each, and 8 for each score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from driftd.engine.id_index import FEW, NO_KEY, IdIndex
from driftd.engine.pairs import PredictionValue
from driftd.engine.texts import NO_TEXT, Texts

SEGMENT_PREDICTIONS: Final = 256
"""So many consecutive predictions are let go at once, and are one entry of the state. Segments begin at multiples."""

NOTHING: Final = 0
TEXT: Final = 1
BOOLEAN: Final = 2
NUMBER: Final = 3
"""Kinds of values: what the number beside the kind means. A label of the kind NOTHING has not come yet."""

KINDS: Final[Mapping[type, int]] = {type(None): NOTHING, str: TEXT, bool: BOOLEAN, float: NUMBER, int: NUMBER}

COLUMNS: Final = {
    "keys": np.uint64,
    "at_ms": np.int64,
    "sources": np.int32,
    "offsets": np.int64,
    "kinds": np.uint8,
    "values": np.float64,
    "segments": np.int32,
    "label_kinds": np.uint8,
    "label_values": np.float64,
    "annotators": np.int32,
    "label_ms": np.int64,
    "weights": np.float64,
    "chunks": np.int32,
}
ROW_BYTES: Final = 91
"""What a row takes: its columns, and its share of the index."""
SCORE_BYTES: Final = 8


class Coming(NamedTuple):
    """n predictions of a batch; `keys`, `at_ms`, `sources` (of the join) and `offsets` (n,), `scores` (n, classes)."""

    keys: NDArray[np.uint64]
    at_ms: NDArray[np.int64]
    sources: NDArray[np.int64]
    offsets: NDArray[np.int64]
    scores: NDArray[np.float64] | None


class Pending(NamedTuple):
    """A prediction to hold: its row among those that come, and what is not in a column of those yet."""

    row: int
    at_ms: int
    kind: int
    value: float
    segment: int


@dataclass(slots=True)
class Views:
    """Columns that are looked at one by one: through a view of memory that takes a third of the time."""

    keys: Any
    at_ms: Any
    label_kinds: Any
    label_values: Any
    annotators: Any
    label_ms: Any
    weights: Any
    chunks: Any


class Held:
    """The predictions from number `first` to before `end`, by number and by key.

    Of each its `kinds` and `values` (the prediction), `segments` (a text), `label_kinds` and `label_values` (the label
    in force), `annotators` (a text), `chunks` (of the label log).
    """

    def __init__(self, texts: Texts, first: int = 0) -> None:
        """Empty, for predictions from number `first` on; without scores until `score` is called."""
        self.texts = texts
        self.classes = 0
        self.first = self.end = first
        self._make(SEGMENT_PREDICTIONS)

    def _make(self, rows: int) -> None:
        self.rows = rows
        self.mask = rows - 1
        self.columns: dict[str, NDArray[Any]] = {
            name: np.zeros(rows, dtype) for name, dtype in COLUMNS.items()
        }
        self.scores = np.zeros((rows, self.classes))
        self.index = IdIndex(rows)
        self.views = Views(*(self.columns[name].data for name in Views.__dataclass_fields__))

    def __len__(self) -> int:
        return self.end - self.first

    def rows_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the predictions `numbers`."""
        rows: NDArray[np.int64] = numbers & self.mask
        return rows

    def make_room(self, end: int) -> None:
        """Let the predictions up to before number `end` have rows."""
        rows = self.rows
        while rows < end - self.first:
            rows *= 2
        if rows == self.rows:
            return
        numbers = np.arange(self.first, self.end)
        old_rows, old, old_scores = self.rows_of(numbers), self.columns, self.scores
        self._make(rows)
        new_rows = self.rows_of(numbers)
        for name, column in self.columns.items():
            column[new_rows] = old[name][old_rows]
        self.scores[new_rows] = old_scores[old_rows]
        self.index.add(new_rows, self.columns["keys"])

    def score(self, classes: int) -> None:
        """From now on there are so many scores for each; those held have none."""
        self.classes = classes
        self.scores = np.full((self.rows, classes), np.nan)

    @property
    def row_bytes(self) -> int:
        """What a prediction is counted with, in bytes, beside its texts."""
        return ROW_BYTES + SCORE_BYTES * self.classes

    def find(self, keys: NDArray[np.uint64]) -> list[int]:
        """The numbers of the predictions with `keys`, (n,); -1 where there is none."""
        if len(keys) <= FEW:
            rows = self.index.find_few(keys.tolist(), self.views.keys)
        else:
            rows = self.index.find(keys, self.columns["keys"]).tolist()
        first, mask = self.first, self.mask
        return [-1 if row < 0 else first + ((row - first) & mask) for row in rows]

    def append(
        self,
        coming: Coming,
        taken: slice | NDArray[np.int64],
        kinds: Sequence[int],
        values: Sequence[float],
        segments: Sequence[int],
    ) -> None:
        """Hold those predictions that are `taken` of those coming; for them there is room."""
        columns = self.columns
        begin, count = self.end & self.mask, len(kinds)
        index = np.arange(begin, begin + count)
        rows: slice | NDArray[np.int64] = slice(begin, begin + count)
        if begin + count > self.rows:
            rows = index = index & self.mask
        columns["keys"][rows] = coming.keys[taken]
        columns["at_ms"][rows] = coming.at_ms[taken]
        columns["sources"][rows] = coming.sources[taken]
        columns["offsets"][rows] = coming.offsets[taken]
        columns["kinds"][rows] = kinds
        columns["values"][rows] = values
        columns["segments"][rows] = segments
        if self.classes:
            self.scores[rows] = np.nan if coming.scores is None else coming.scores[taken]
        self.index.add(index, columns["keys"])
        self.end += count

    def latest_ms(self, end: int) -> int:
        """The latest time of the predictions that come before number `end`; there are some."""
        return int(self.columns["at_ms"][self.rows_of(np.arange(self.first, end))].max())

    def drop(self, end: int) -> NDArray[np.int64]:
        """Let the predictions go that come before number `end`.

        The chunks of the label log with the labels in force of those that had one, (labelled,).
        """
        rows = self.rows_of(np.arange(self.first, end))
        columns = self.columns
        labelled = columns["label_kinds"][rows] != NOTHING
        chunks: NDArray[np.int64] = columns["chunks"][rows[labelled]].astype(np.int64)
        self.texts.release_all(self.codes(rows))
        columns["keys"][rows] = NO_KEY
        columns["label_kinds"][rows] = NOTHING
        self.first = end
        return chunks

    def label(self, row: int) -> tuple[PredictionValue, str | None]:
        """The label in force of `row`, and its annotator."""
        views = self.views
        by = views.annotators[row]
        value = self.value(views.label_kinds[row], views.label_values[row])
        return value, None if by == NO_TEXT else self.texts.texts[by]

    def take_label(self, row: int) -> None:
        """The label in force of `row` is so no longer; its texts are let go."""
        views = self.views
        if views.label_kinds[row] == TEXT:
            self.texts.release(int(views.label_values[row]))
        if views.annotators[row] != NO_TEXT:
            self.texts.release(views.annotators[row])

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The codes of all texts that `rows` hold, as often as they do."""
        columns = self.columns
        segments = columns["segments"][rows]
        texts = columns["values"][rows[columns["kinds"][rows] == TEXT]]
        parts = [segments[segments >= 0].astype(np.int64), texts.astype(np.int64), self.label_codes(rows)]
        return np.concatenate(parts)

    def label_codes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The codes of the texts of the labels in force of `rows`, and of their annotators."""
        columns = self.columns
        labelled = rows[columns["label_kinds"][rows] != NOTHING]
        annotators = columns["annotators"][labelled]
        texts = columns["label_values"][labelled[columns["label_kinds"][labelled] == TEXT]]
        return np.concatenate([annotators[annotators >= 0].astype(np.int64), texts.astype(np.int64)])

    def predictions(self, rows: NDArray[np.int64]) -> list[PredictionValue]:
        """The predictions in `rows`."""
        return self._values(self.columns["kinds"][rows], self.columns["values"][rows])

    def labels(self, rows: NDArray[np.int64]) -> list[PredictionValue]:
        """The labels in force of `rows`, None where none came."""
        return self._values(self.columns["label_kinds"][rows], self.columns["label_values"][rows])

    def _values(self, kinds: NDArray[np.uint8], values: NDArray[np.float64]) -> list[PredictionValue]:
        if (kinds == NUMBER).all():
            return list(values.tolist())
        if (kinds == TEXT).all():
            texts = self.texts.texts
            return [texts[code] for code in values.astype(np.int64).tolist()]
        return [self.value(*both) for both in zip(kinds.tolist(), values.tolist(), strict=True)]

    def value(self, kind: int, number: float) -> PredictionValue:
        """What `kind` and `number` stand for."""
        if kind == TEXT:
            return self.texts.texts[int(number)]
        if kind == NUMBER:
            return number
        return None if kind == NOTHING else number != 0

    def hold_all(self, values: Sequence[PredictionValue]) -> tuple[list[int], Sequence[float]]:
        """The kinds of `values`, and the numbers that stand for them; texts are held once more."""
        kinds = kinds_of(values)
        if kinds.count(NUMBER) == len(kinds):
            return kinds, cast("Sequence[float]", values)
        if kinds.count(TEXT) == len(kinds):
            return kinds, self.texts.hold_all(cast("Sequence[str]", values))
        texts = self.texts.hold_all([value if type(value) is str else None for value in values])
        return kinds, [
            code if type(value) is str else float(value or 0)
            for code, value in zip(texts, values, strict=True)
        ]

    def coded(self, values: Sequence[PredictionValue]) -> tuple[list[int], list[float]]:
        """The kinds of `values`, and the numbers that stand for them; texts are not counted as held."""
        kinds = kinds_of(values)
        code = self.texts.code
        if kinds.count(TEXT) == len(kinds):
            codes = {text: float(code(text)) for text in dict.fromkeys(cast("Sequence[str]", values))}
            return kinds, list(map(codes.__getitem__, cast("Sequence[str]", values)))
        numbers = [float(code(value)) if type(value) is str else float(value or 0) for value in values]
        return kinds, numbers

    def live_rows(self) -> NDArray[np.int64]:
        """The rows of all predictions held."""
        return self.rows_of(np.arange(self.first, self.end))

    def texts_of(self, name: str, rows: NDArray[np.int64]) -> list[str | None]:
        """The texts of the column `name` in `rows`, None where there is none."""
        texts, codes = self.texts.texts, self.columns[name][rows]
        if (codes == NO_TEXT).all():
            return [None] * len(codes)
        return [None if code == NO_TEXT else texts[code] for code in codes.tolist()]


def kinds_of(values: Sequence[PredictionValue]) -> list[int]:
    """The kinds of `values`."""
    return list(map(KINDS.__getitem__, map(type, values)))
