"""What is counted of labelled predictions: named fields of a row of integers. Rule: fields grow at their ends only.

So a layout of more classes holds the counts of one of fewer: their corner. Weights are counted in quanta, fractions in
limbs (`exact.py`); with these, everything that is known of a million pairs is one row of int64.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import exp, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance.codes import FIRST
from driftd.performance.exact import ERROR, LOSS

WEIGHT_ONE: Final = 2**16
"""Quanta of a weight of 1: a label's weight is a multiple of 1 / 65,536."""
WEIGHT_MAX: Final = 2**16
"""The largest weight of a label: with it a cell still has room for 2^31 labels."""
CALIBRATION_BINS: Final = 20
SCORE_BINS: Final = 64
SCORE_EDGES: Final = np.array(
    [1 / (1 + exp(-9 * (edge - SCORE_BINS // 2) / 31)) for edge in range(1, SCORE_BINS)]
)
"""Even steps of 0.29 in log odds from 0.00012 to 0.99988, so that the scores of rare classes are told apart too."""
DELAY_BINS: Final = 48
CONFIDENCE_BINS: Final = 25
"""The first is for what has no score."""
CONFIDENCE_ODDS: Final = (0.5, 1.0, 1.5, 2.0, 2.6, 3.3, 4.2, 5.4, 7.0, 9.2, 12.0)
"""Log odds, wider towards the ends: scores that are too sure lie far out, and still differ in how often they are right:
with edges up to 6.6 only, 87 of 100 intervals of the estimate held what came, of 95 that should; with these 97."""
CONFIDENCE_EDGES: Final = np.array(
    [1 / (1 + exp(-odds)) for odds in (*(-odds for odds in reversed(CONFIDENCE_ODDS)), 0.0, *CONFIDENCE_ODDS)]
)


class Kind(StrEnum):
    """What predictions and labels are."""

    CLASSES = "classes"
    NUMBERS = "numbers"
    TEXTS = "texts"


class Stratum(StrEnum):
    """What decides how soon a label comes; within a stratum, labels that came early are as good as those to come.

    LABEL: the class of the label, as where fraud is reported and the rest expires. OUTCOME: the class of the
    label and whether the prediction was right, as where users complain; it assumes the least, and has the widest
    intervals. PREDICTED: the predicted class, as where only what was predicted as fraud is looked into.
    """

    LABEL = "label"
    OUTCOME = "outcome"
    PREDICTED = "predicted"


@dataclass(frozen=True, slots=True)
class Field:
    """Where in a row a field begins, and its shape."""

    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many integers it has."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a row, for `classes` classes with a code of their own (of predictions, where these are no classes).

    `stratum`: by what losses and delays are told apart. `scores`: a histogram of scores per class, for the AUC.
    `slices`: into how many parts of the period predictions are counted; 0: not at all. `delays`: of labels too.
    `estimate`: the row is for an estimate without labels (`estimate.py`), and nothing else.
    """

    kind: Kind
    classes: int = 0
    stratum: Stratum = Stratum.LABEL
    scores: bool = True
    slices: int = 0
    delays: bool = False
    estimate: bool = False
    fields: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    width: int = field(init=False, repr=False, compare=False)
    _starts: dict[tuple[str, ...], NDArray[np.int64]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        fields: dict[str, Field] = {}
        width = 0
        for name, shape in self._shapes().items():
            fields[name] = Field(width, shape)
            width += prod(shape)
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "width", width)

    def starts(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Where in a row the fields `names` begin, (k, 1)."""
        starts = self._starts.get(names)
        if starts is None:
            starts = np.array([[self.fields[name].start] for name in names], np.int64)
            self._starts[names] = starts
        return starts

    @property
    def codes(self) -> int:
        """Codes of classes, OTHER and UNLIKE included."""
        return self.classes + FIRST

    @property
    def strata(self) -> int:
        """How many strata there are."""
        return self.codes * (2 if self.stratum is Stratum.OUTCOME else 1)

    def widened(self, classes: int) -> "Layout":
        """The same for another number of classes."""
        return _layout(self.kind, classes, self.stratum, self.scores, self.slices, self.delays, self.estimate)

    def to_json(self) -> list[Any]:
        """As `from_json` reads it."""
        flags = [self.scores, self.slices, self.delays, self.estimate]
        return [self.kind.value, self.classes, self.stratum.value, *flags]

    @staticmethod
    def from_json(document: list[Any]) -> "Layout":
        """A layout as it was."""
        kind, classes, stratum, *flags = document
        return _layout(Kind(kind), classes, Stratum(stratum), *flags)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        codes, strata = self.codes, self.strata
        if self.estimate:
            return self._estimate_shapes()
        shapes: dict[str, tuple[int, ...]] = {}
        if self.slices:
            shapes["made"] = (self.slices, codes)
        if self.delays:
            shapes |= {"delays": (strata, DELAY_BINS), "delays_predicted": (codes, DELAY_BINS)}
        # pairs and weights are [predicted, label]; squares of weights are in quanta of a weight too
        shapes |= {"pairs": (codes, codes), "weights": (codes, codes), "weight_squares": (strata,)}
        if self.kind is Kind.CLASSES:
            shapes["scored"] = (strata,)
            for name in ("log_loss", "log_loss_squares", "brier", "brier_squares"):
                shapes[name] = (strata, LOSS.count)
            bins = CALIBRATION_BINS
            shapes |= {"bin_weights": (bins,), "bin_right": (bins,), "bin_confidence": (bins, LOSS.count)}
            if self.scores:
                shapes["score_weights"] = (codes, 2, SCORE_BINS)
        elif self.kind is Kind.NUMBERS:
            shapes |= dict.fromkeys(("bias", "errors", "squares"), (strata, ERROR.count))
        else:
            names = ("words", "substitutions", "insertions", "deletions", "wrong")
            squares = ("edits_squares", "edits_words", "words_squares")
            shapes |= dict.fromkeys((*names, *squares), (strata,))
        return shapes

    def _estimate_shapes(self) -> dict[str, tuple[int, ...]]:
        codes = self.codes
        if self.kind is Kind.NUMBERS:
            sums = dict.fromkeys(("errors", "squares"), (codes, ERROR.count))
            return {"made": (codes,), "seen": (codes,), **sums}
        cells = (codes, CONFIDENCE_BINS)
        return {"made": cells, "seen": cells, "right": cells, "wrong": (codes, codes)}


@lru_cache(maxsize=256)
def _layout(
    kind: Kind, classes: int, stratum: Stratum, scores: bool, slices: int, delays: bool, estimate: bool
) -> Layout:
    """A layout, made once: each period of a state has one, and they are alike."""
    return Layout(kind, classes, stratum, scores, slices, delays, estimate)
