"""From what was said of predictions to pairs. Rule: the rest of a pair is with its prediction."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from driftd.contract.record import Source
from driftd.engine.held import Held
from driftd.engine.pairs import LabelValue, PairKind, Pairs, no_pairs

Waits: TypeAlias = tuple[int, LabelValue, int, str | None, float]
"""A first pair that waits for its turn: number of its prediction, label, its time, annotator, weight. A plain tuple
takes a quarter of the time of a named one."""


class Labels(NamedTuple):
    """n labels as columns: `keys` of their predictions, what was said, and `positions` of their records."""

    positions: list[int]
    keys: list[int]
    known: list[int]
    labels: list[LabelValue]
    at_ms: list[int]
    annotators: list[str | None]
    weights: list[float]

    def slice(self, begin: int, end: int) -> "Labels":
        """The labels from `begin` to before `end`."""
        if begin <= 0 and end >= len(self.keys):
            return self
        positions, keys, known, labels, at_ms, annotators, weights = self
        return Labels(
            positions[begin:end],
            keys[begin:end],
            known[begin:end],
            labels[begin:end],
            at_ms[begin:end],
            annotators[begin:end],
            weights[begin:end],
        )


class Said(NamedTuple):
    """n labels of predictions that are held, as columns that grow.

    `positions` of the labels' records, `numbers` of their predictions, what was said, what it is to its prediction, the
    label that it corrects, who gave that, when the first label came, and what weighed what is replaced.
    """

    positions: list[int]
    numbers: list[int]
    labels: list[LabelValue]
    at_ms: list[int]
    annotators: list[str | None]
    weights: list[float]
    kinds: list[PairKind]
    replaced: list[LabelValue | None]
    replaced_annotators: list[str | None]
    first_ms: list[int]
    replaced_weights: list[float]

    def add(
        self, position: int, said: Waits, kind: PairKind, replaced: LabelValue | None, by: str | None
    ) -> None:
        """Add the label at `position`; when the first label came, and what is replaced weighed, is to be added."""
        number, label, at_ms, annotator, weight = said
        self.positions.append(position)
        self.numbers.append(number)
        self.labels.append(label)
        self.at_ms.append(at_ms)
        self.annotators.append(annotator)
        self.weights.append(weight)
        self.kinds.append(kind)
        self.replaced.append(replaced)
        self.replaced_annotators.append(by)

    def add_labels(self, numbers: list[int], said: Labels, kind: PairKind) -> None:
        """Add n labels of the predictions `numbers`; what they replace is to be added to the other columns."""
        self.positions.extend(said.positions)
        self.numbers.extend(numbers)
        self.labels.extend(said.labels)
        self.at_ms.extend(said.at_ms)
        self.annotators.extend(said.annotators)
        self.weights.extend(said.weights)
        self.kinds.extend(repeat(kind, len(numbers)))


def nothing_said() -> Said:
    """No labels."""
    return Said([], [], [], [], [], [], [], [], [], [], [])


def said_first(waits: Sequence[Waits]) -> Said:
    """What was said of first pairs, whatever was the position of its records."""
    count = len(waits)
    nothing: list[Any] = [None] * count
    at_ms = [one[2] for one in waits]
    # zip would make an iterator for each pair, which takes several times as long
    return Said(
        [],
        [one[0] for one in waits],
        [one[1] for one in waits],
        at_ms,
        [one[3] for one in waits],
        [one[4] for one in waits],
        [PairKind.FIRST] * count,
        nothing,
        nothing,
        at_ms,
        [0.0] * count,
    )


def is_said_first(said: Said, waits: Sequence[Waits]) -> bool:
    """Whether `said` is the same labels in the same order as `waits`: where labels come in order, that is the usual."""
    if len(said.numbers) != len(waits) or said.kinds.count(PairKind.FIRST) < len(waits):
        return False
    return all(number == one[0] for number, one in zip(said.numbers, waits, strict=True))


def gathered(said: Said, held: Held, sources: Sequence[Source], classes: tuple[str, ...]) -> Pairs:
    """The pairs of labels with their predictions, which are held."""
    if not said.numbers:
        return no_pairs(classes)
    numbers = np.array(said.numbers, np.int64)
    rows = held.rows_of(numbers)
    names: list[Mapping[str, str] | None] = [None] * len(numbers)
    segments = held.texts_of("segments", rows)
    if segments.count(None) < len(segments):
        decoded = {text: None if text is None else msgspec.json.decode(text) for text in set(segments)}
        names = list(map(decoded.__getitem__, segments))
    source_codes = held.columns["sources"][rows]
    if (source_codes == source_codes[0]).all():
        own_sources = [sources[source_codes[0]]] * len(numbers)
    else:
        own_sources = list(map(sources.__getitem__, source_codes.tolist()))
    at_ms = np.array(said.at_ms, np.int64)
    return Pairs(
        numbers,
        held.columns["at_ms"][rows],
        own_sources,
        held.columns["offsets"][rows],
        held.predictions(rows),
        classes,
        held.scores.take(rows, axis=0),
        names,
        said.labels,
        at_ms,
        said.annotators,
        np.array(said.weights, np.float64),
        said.kinds,
        said.replaced,
        said.replaced_annotators,
        at_ms if said.first_ms == said.at_ms else np.array(said.first_ms, np.int64),
        np.array(said.replaced_weights, np.float64),
    )
