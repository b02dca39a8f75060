"""Joined predictions and labels, as columns. Rule: one label of one prediction is one pair, and says what it replaces.

A pair is the first label of its prediction, a correction (another value), or an agreement (the same value, from
another annotator). Whoever counts predictions counts the first ones, and moves what a correction replaces.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from math import isnan
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftd.contract.record import Source
from driftd.reference.panes import Place

LabelValue: TypeAlias = str | bool | float
PredictionValue: TypeAlias = str | bool | float | None


class PairKind(StrEnum):
    """What a label is to its prediction."""

    FIRST = "first"  # the prediction had none
    CORRECTION = "correction"  # it had another one, which this one replaces
    AGREEMENT = "agreement"  # it had the same one, of another annotator


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair; `number` is the prediction's place in the order of predictions, `place` where it came from.

    `replaced` is the label that a correction corrects, `replaced_annotator` who gave the label before this one.
    `first_labelled_at_ms` is the time of the prediction's first label, `replaced_weight` what `replaced` weighed.
    """

    number: int
    place: Place
    prediction: PredictionValue
    scores: Mapping[str, float] | None
    segment: Mapping[str, str] | None
    label: LabelValue
    labelled_at_ms: int
    annotator: str | None
    weight: float
    kind: PairKind
    replaced: LabelValue | None
    replaced_annotator: str | None
    first_labelled_at_ms: int
    replaced_weight: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """n pairs; of each column the row i is the pair i's.

    `numbers`, `at_ms` (of the predictions), `offsets`, `labelled_at_ms`, `first_labelled_at_ms` are (n,) int64,
    `weights`, `replaced_weights` (n,) float64, `scores` (n, classes) float64, NaN where there is none.
    """

    numbers: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    sources: Sequence[Source]
    offsets: NDArray[np.int64]
    predictions: Sequence[PredictionValue]
    classes: tuple[str, ...]
    scores: NDArray[np.float64]
    segments: Sequence[Mapping[str, str] | None]
    labels: Sequence[LabelValue]
    labelled_at_ms: NDArray[np.int64]
    annotators: Sequence[str | None]
    weights: NDArray[np.float64]
    kinds: Sequence[PairKind]
    replaced: Sequence[LabelValue | None]
    replaced_annotators: Sequence[str | None]
    first_labelled_at_ms: NDArray[np.int64]
    replaced_weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Pair:
        scores = self.scores[index].tolist()
        return Pair(
            int(self.numbers[index]),
            self.place(index),
            self.predictions[index],
            None if all(map(isnan, scores)) else dict(zip(self.classes, scores, strict=True)),
            self.segments[index],
            self.labels[index],
            int(self.labelled_at_ms[index]),
            self.annotators[index],
            float(self.weights[index]),
            self.kinds[index],
            self.replaced[index],
            self.replaced_annotators[index],
            int(self.first_labelled_at_ms[index]),
            float(self.replaced_weights[index]),
        )

    def __iter__(self) -> Iterator[Pair]:
        return (self[i] for i in range(len(self)))

    def place(self, index: int) -> Place:
        """Where the prediction of the pair `index` came from."""
        return Place(int(self.at_ms[index]), *self.sources[index], int(self.offsets[index]))

    def take(self, index: Sequence[int]) -> "Pairs":
        """The pairs at `index`."""
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            column = getattr(self, name)
            is_array = isinstance(column, np.ndarray)
            columns[name] = column[list(index)] if is_array else [column[i] for i in index]
        return Pairs(classes=self.classes, **columns)

    def slice(self, start: int, stop: int) -> "Pairs":
        """The pairs from `start` to before `stop`."""
        if start <= 0 and stop >= len(self):
            return self
        columns: dict[str, Any] = {name: getattr(self, name)[start:stop] for name in COLUMNS}
        return Pairs(classes=self.classes, **columns)

    @property
    def places(self) -> "PairPlaces":
        """Where the predictions came from."""
        return PairPlaces(self)


COLUMNS: Final = tuple(name for name in Pairs.__dataclass_fields__ if name != "classes")


@dataclass(frozen=True, slots=True)
class PairPlaces:
    """The places of the predictions of pairs: made one by one, only where they are asked for."""

    pairs: Pairs

    @property
    def at_ms(self) -> NDArray[np.int64]:
        """Times of the predictions, (n,)."""
        return self.pairs.at_ms

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Place:
        return self.pairs.place(index)

    def slice(self, start: int, stop: int) -> "PairPlaces":
        """The places from `start` to before `stop`."""
        return PairPlaces(self.pairs.slice(start, stop))


def no_pairs(classes: tuple[str, ...] = ()) -> Pairs:
    """No pairs."""
    return _no_pairs(classes)


@lru_cache(maxsize=64)
def _no_pairs(classes: tuple[str, ...]) -> Pairs:
    integers, floats = np.zeros(0, np.int64), np.zeros(0)
    none = np.zeros((0, len(classes)))
    return Pairs(
        integers, integers, (), integers, (), classes, none, (), (), integers, (), floats, (), (), (),
        integers, floats,
    )  # fmt: skip


def joined_pairs(parts: Sequence[Pairs]) -> Pairs:
    """The pairs of `parts`, one after the other.

    Where classes differ, a part without scores is of a time when the classes were not known yet.
    """
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else no_pairs()
    classes = max((part.classes for part in parts), key=len)

    def column(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if name == "scores":
            values = [_widened(part, classes) for part in parts]
        return (
            np.concatenate(values) if isinstance(values[0], np.ndarray) else list(chain.from_iterable(values))
        )

    columns: dict[str, Any] = {name: column(name) for name in COLUMNS}
    return Pairs(classes=classes, **columns)


def _widened(part: Pairs, classes: tuple[str, ...]) -> NDArray[np.float64]:
    return part.scores if part.classes == classes else np.full((len(part), len(classes)), np.nan)
