"""How labels were predicted in the reference. Rule: counts of names, bounded; what is rare or too much is pooled."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.names import POOLED

CLASSES_MAX: Final = 12
"""So many classes are watched, the most frequent ones; the others are like unknown labels."""
CLASS_LABELS_MIN: Final = 20
"""A class with fewer labels in the reference is not known well enough."""
LEARNED_NAMES_MAX: Final = 64


class ConfusionCounter:
    """Counts pairs of prediction and label until there are `labels_max`."""

    def __init__(self, labels_max: int) -> None:
        self.labels_max = labels_max
        self.labels = 0
        self.pooled = 0
        """How many names were not kept apart because there were too many."""
        self._counts: dict[tuple[str, str], int] = {}
        self._names: dict[str, None] = {}

    def add(self, predicted: Sequence[str], labelled: Sequence[str]) -> int:
        """Count as many as are wanted; how many that were."""
        end = min(self.labels_max - self.labels, len(labelled))
        for pair in zip(predicted[:end], labelled[:end], strict=True):
            kept = (self._known(pair[0]), self._known(pair[1]))
            self._counts[kept] = self._counts.get(kept, 0) + 1
        self.labels += end
        return end

    def _known(self, name: str) -> str:
        if name in self._names:
            return name
        if len(self._names) >= LEARNED_NAMES_MAX:
            self.pooled += 1
            return POOLED
        self._names[name] = None
        return name

    def confusion(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The k classes worth watching, and counts (k + 1 predictions, the last for all others, k labels)."""
        each: dict[str, int] = {}
        for (_, label), count in self._counts.items():
            each[label] = each.get(label, 0) + count
        known = [name for name, count in each.items() if count >= CLASS_LABELS_MIN and name != POOLED]
        classes = tuple(sorted(sorted(known, key=lambda name: (-each[name], name))[:CLASSES_MAX]))
        code = {name: i for i, name in enumerate(classes)}
        counts = np.zeros((len(code) + 1, len(code)), np.int64)
        for (prediction, label), count in self._counts.items():
            if label in code:
                counts[code.get(prediction, len(code)), code[label]] += count
        return classes, counts

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        counts = [[*pair, count] for pair, count in self._counts.items()]
        return {"labels": self.labels, "pooled": self.pooled, "counts": counts, "names": list(self._names)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.labels, self.pooled = int(document["labels"]), int(document["pooled"])
        self._counts = {(predicted, label): count for predicted, label, count in document["counts"]}
        self._names = dict.fromkeys(document["names"])

    def forget(self) -> None:
        """The counts are no longer needed: how many there were still is."""
        self._counts, self._names = {}, {}
