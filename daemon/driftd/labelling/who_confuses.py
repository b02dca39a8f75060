"""Which class an annotator takes for which. Rule: his latest labels, beside the others' on the same answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.finding import percent, quoted
from driftd.reference.arrays import array_to_json, integers_from_json

CLASSES_MAX: Final = 10
"""So many classes are kept apart, the first ones; the others are one."""
LABELS_MAX: Final = 200
"""When an annotator has so many labels they are halved, so that the latest count most."""
LABELS_MIN: Final = 3


class Confusions:
    """Counts of (annotator, answer of the model, label)."""

    def __init__(self, annotators_max: int) -> None:
        self._codes: dict[str, int] = {}
        self._counts: NDArray[np.int64] = np.zeros(
            (annotators_max, CLASSES_MAX + 1, CLASSES_MAX + 1), np.int64
        )

    def add(self, slots: NDArray[np.int64], predictions: Sequence[str], labels: Sequence[str]) -> None:
        """Count labels of the annotators in `slots`."""
        width = CLASSES_MAX + 1
        pairs = [
            self._code(prediction) * width + self._code(label)
            for prediction, label in zip(predictions, labels, strict=True)
        ]
        flat = slots * width**2 + np.array(pairs, np.int64)
        np.add.at(self._counts.reshape(-1), flat, 1)

    def age(self) -> None:
        """Halve the counts of those who have many."""
        many = self._counts.sum(axis=(1, 2)) >= LABELS_MAX
        self._counts[many] //= 2

    def _code(self, name: str) -> int:
        code = self._codes.get(name, CLASSES_MAX)
        if code == CLASSES_MAX and len(self._codes) < CLASSES_MAX and name not in self._codes:
            code = self._codes[name] = len(self._codes)
        return code

    def forget(self, slot: int) -> None:
        """Someone else takes `slot`."""
        self._counts[slot] = 0

    def sentence(self, slot: int) -> str:
        """What the annotator in `slot` says most where the others do not; empty where nothing stands out."""
        names = list(self._codes)
        known = len(names)
        own = self._counts[slot, :known]
        others = self._counts.sum(axis=0)[:known] - own
        if known == 0:
            return ""
        usual = others / np.maximum(others.sum(axis=1, keepdims=True), 1)
        answered = own.sum(axis=1, keepdims=True)
        excess = (own - answered * usual)[:, :known] * ~np.eye(known, dtype=np.bool_)
        p, label = (int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape))
        if excess[p, label] < LABELS_MIN:
            return ""
        share = float(own[p, label] / answered[p, 0])
        return (
            f" Where the model says {quoted(names[p])} the label is {quoted(names[label])} in {percent(share)} "
            f"(others {percent(float(usual[p, label]))})."
        )

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {"classes": list(self._codes), "counts": array_to_json(self._counts)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._codes = {name: code for code, name in enumerate(document["classes"])}
        self._counts = integers_from_json(document["counts"])
