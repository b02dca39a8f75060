"""Which events of a batch are taken many at once. Rule: in a stretch it makes no difference which comes first.

A stretch is of predictions and labels by turns. All its predictions are held, then all its labels joined, where that is
the same as one after the other: no prediction of it is known already, comes twice or begins a segment, no label of it
comes before its prediction, and nothing has to be let go. Events that make such a difference are taken alone.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from math import inf

from driftd.engine.gather import Labels
from driftd.engine.join import Join, PredictionRow
from driftd.engine.plain import has_room_for


class Stretches:
    """The stretches of the predictions `rows`, whose records are at `positions`, and the labels `said`."""

    def __init__(
        self,
        join: Join,
        positions: Sequence[int],
        rows: Sequence[PredictionRow],
        said: Labels,
        alone: Iterable[int],
    ) -> None:
        """`alone` are indices of predictions that are to be taken alone at any rate."""
        self._join = join
        self._positions = positions
        self._rows = rows
        self._said = said
        self._alone = set(alone)
        self._labels_alone: list[int] = []
        if rows and len(self._alone) < len(rows):
            self._find_alone()
        self._predictions = [*sorted(self._alone), len(rows)]
        self._labels_alone.append(len(said.keys))
        self._next_prediction = self._next_label = 0

    def _find_alone(self) -> None:
        keys, said = [row[0] for row in self._rows], self._said
        first, early = self._join.waiting.held.first, self._join.early.of_key
        index_of = dict(zip(keys, range(len(keys)), strict=True))
        if len(index_of) < len(keys):
            often = {key for key, number in Counter(keys).items() if number > 1}
            self._alone.update(i for i, key in enumerate(keys) if key in often)
        if max(row[1] for row in self._rows) >= first:
            self._alone.update(i for i, row in enumerate(self._rows) if row[1] >= first)
        if not index_of.keys().isdisjoint(early.keys()):
            self._alone.update(i for i, key in enumerate(keys) if key in early)
        if said.keys and not index_of.keys().isdisjoint(said.keys):
            for label, (key, position) in enumerate(zip(said.keys, said.positions, strict=True)):
                index = index_of.get(key)
                if index is not None and self._positions[index] > position:
                    self._labels_alone.append(label)
                    self._alone.add(index)

    def end(self, prediction: int, label: int) -> tuple[int, int]:
        """Where the stretch ends that begins with these, as indices of predictions and labels."""
        while self._predictions[self._next_prediction] < prediction:
            self._next_prediction += 1
        while self._labels_alone[self._next_label] < label:
            self._next_label += 1
        positions, said_at = self._positions, self._said.positions
        last = min(self._predictions[self._next_prediction], prediction + self._join.room)
        last_label = self._labels_alone[self._next_label]
        end = min(
            positions[last] if last < len(positions) else inf,
            said_at[last_label] if last_label < len(said_at) else inf,
        )
        last = bisect_left(positions, end, prediction, last)
        last_label = bisect_left(said_at, end, label, last_label)
        if last == prediction or last_label == label or self._has_room(prediction, last, label, last_label):
            return last, last_label
        # what has to be let go depends on the order: predictions up to the next label, or labels to the next prediction
        if positions[prediction] < said_at[label]:
            return bisect_left(positions, said_at[label], prediction, last), label
        return prediction, bisect_left(said_at, positions[prediction], label, last_label)

    def _has_room(self, prediction: int, last: int, label: int, last_label: int) -> bool:
        rows, said = self._rows[prediction:last], self._said
        texts = {value for row in rows for value in (row[3], row[4])}
        texts.update(said.labels[label:last_label], said.annotators[label:last_label])
        return has_room_for(self._join.waiting, texts, len(rows))
