"""Events that the label watches have not taken yet. Rule: in the order of their records, whatever batches they came in.

What is found is found at a look, so between two of them events are only kept: batches of a few records would have to
pay for each call. Fewer than a look takes are kept, and none over a tick or a commit.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from driftd.engine.pairs import PairKind, Pairs, joined_pairs
from driftd.labelling.stream import Comes

Prediction = tuple[int, int, object]
"""Position of the record, time in milliseconds, answer."""
PREDICTION, LABEL = Comes.PREDICTION, Comes.LABEL


class Kept:
    """Predictions and pairs of batches in a row, whose positions count on; of these batches there are `records`."""

    def __init__(self) -> None:
        self.records = 0
        self._events = 0
        self._predictions: list[Prediction] = []
        self._pairs: list[Pairs] = []
        self._joined_at: list[int] = []

    def __len__(self) -> int:
        return self._events

    def keep(
        self, predictions: Sequence[Prediction], pairs: Pairs, joined_at: Sequence[int], records: int
    ) -> None:
        """Keep what came in a batch of so many `records`."""
        begin = self.records
        if begin:
            predictions = [(begin + position, at_ms, answer) for position, at_ms, answer in predictions]
            joined_at = [begin + position for position in joined_at]
        self._predictions += predictions
        self._pairs.append(pairs)
        self._joined_at += joined_at
        self._events += len(predictions) + len(joined_at)
        self.records += records

    def take(self) -> "Coming":
        """All that is kept, which is so no longer."""
        coming = Coming(self._predictions, joined_pairs(self._pairs), self._joined_at)
        self.records = self._events = 0
        self._predictions, self._pairs, self._joined_at = [], [], []
        return coming


class Coming:
    """Events in the order of their records, as columns that can be cut anywhere; `positions` are of the records."""

    def __init__(self, predictions: Sequence[Prediction], pairs: Pairs, joined_at: Sequence[int]) -> None:
        positions = np.array([*(one[0] for one in predictions), *joined_at], np.int64)
        # stable: a prediction comes before the labels that waited for it
        indices = np.argsort(positions, kind="stable")
        order: list[int] = indices.tolist()
        count = len(predictions)
        labelled: list[int] = pairs.labelled_at_ms.tolist()
        predicted = [
            None if kind is PairKind.AGREEMENT else at
            for kind, at in zip(pairs.kinds, pairs.at_ms.tolist(), strict=True)
        ]
        self.positions: list[int] = positions[indices].tolist()
        self.pairs, self.labelled_at_ms = pairs, labelled
        is_label = [index >= count for index in order]
        self.comes = [LABEL if one else PREDICTION for one in is_label]
        self.at_ms = [labelled[i - count] if i >= count else predictions[i][1] for i in order]
        self.predicted_at_ms = [predicted[i - count] if i >= count else None for i in order]
        self.corrected = [i >= count and pairs.kinds[i - count] is PairKind.CORRECTION for i in order]
        self.labels_before = [0, *accumulate(is_label)]
