"""From what was said of predictions to pairs. Rule: the rest of a pair is with its prediction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from driftd.contract.record import Source
from driftd.engine.held import Held
from driftd.engine.pairs import LabelValue, PairKind, Pairs, no_pairs

Said: TypeAlias = tuple[
    int, int, LabelValue, int, str | None, float, PairKind, LabelValue | None, str | None, int, float
]  # fmt: skip
"""Position of the label's record, number of its prediction, label, its time, annotator, weight, what it is to its
prediction; the label that it corrects, who gave that, and what it weighed; in between, when the first label came.
A plain tuple takes a quarter of the time of a named one."""


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

    def of(self, numbers: list[int]) -> tuple[list[Any], ...]:
        """The columns of `Said`, as far as they are known, of labels of the predictions `numbers`."""
        return self.positions, numbers, self.labels, self.at_ms, self.annotators, self.weights


def gathered(said: Sequence[Said], held: Held, sources: Sequence[Source], classes: tuple[str, ...]) -> Pairs:
    """The pairs of labels with their predictions, which are held."""
    if not said:
        return no_pairs(classes)
    _, numbers_, labels, at_ms, annotators, weights, kinds, replaced, by, first_ms, before = zip(
        *said, strict=True
    )
    numbers = np.array(numbers_, np.int64)
    rows = held.rows_of(numbers)
    names: list[Mapping[str, str] | None] = [None] * len(said)
    segments = held.texts_of("segments", rows)
    if segments.count(None) < len(segments):
        decoded = {text: None if text is None else msgspec.json.decode(text) for text in set(segments)}
        names = list(map(decoded.__getitem__, segments))
    source_codes = held.columns["sources"][rows]
    if (source_codes == source_codes[0]).all():
        own_sources = [sources[source_codes[0]]] * len(said)
    else:
        own_sources = list(map(sources.__getitem__, source_codes.tolist()))
    return Pairs(
        numbers,
        held.columns["at_ms"][rows],
        own_sources,
        held.columns["offsets"][rows],
        held.predictions(rows),
        classes,
        held.scores.take(rows, axis=0),
        names,
        labels,
        np.array(at_ms, np.int64),
        annotators,
        np.array(weights, np.float64),
        kinds,
        replaced,
        by,
        np.array(first_ms, np.int64),
        np.array(before, np.float64),
    )
