"""Predictions and pairs as columns of codes, for periods to count. Rule: names get codes in the order of the records.

Codes of classes: those with scores first, then those of the table of costs, then as they come. A segment is a name and
its value, as "country=DE"; an event is counted in at most SEGMENTS_EACH of them, and in OTHER if it has more.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftd.engine.outcomes import class_name, number_or_invalid
from driftd.performance.codes import FIRST, MISSING, OTHER, Codes
from driftd.performance.layout import Kind
from driftd.performance.metrics import cost_matrix
from driftd.performance.pairs import Counts, class_pairs, number_pairs, text_pairs
from driftd.performance.pairs import Pairs as Counted
from driftd.performance.text import TextRule, compare

NAMES_MAX: Final = 64
SEGMENTS_MAX: Final = 16
"""Segments with figures of their own; what is of others is counted together."""
SEGMENTS_EACH: Final = 4
OTHER_SEGMENTS: Final = "other"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Columns:
    """The codes of one version of a model. `scored`: so many first codes have scores; `edges` (n,) are of numbers."""

    def __init__(self, kind: Kind, rule: TextRule, classes_max: int) -> None:
        self.kind = kind
        self.rule = rule
        self.classes_max = classes_max
        self.codes = Codes(NAMES_MAX)
        self.segments = Codes(SEGMENTS_MAX)
        self.classes: tuple[str, ...] = ()
        self.edges: Floats = np.zeros(0)
        self.other_segments = 0

    def has_new(self, values: Sequence[Any]) -> bool:
        """Whether one of `values` may be a class that has no code yet, and there is one left to give."""
        codes = self.codes.codes
        if self.kind is not Kind.CLASSES or len(codes) >= NAMES_MAX:
            return False
        # 1.0 and true are equal, and not the same class
        return not set(map(type, values)) <= {str} or not codes.keys() >= set(values)

    def knows_segments(self, texts: AbstractSet[str | None]) -> bool:
        """Whether no segment of `texts` gets a code that has none yet."""
        if texts <= {None} or len(self.segments.codes) >= SEGMENTS_MAX:
            return True
        return all(
            name in self.segments.codes
            for text in texts
            if text
            for name in segment_names(text)[:SEGMENTS_EACH]
        )

    def name(self, coming: Sequence[tuple[int, int, Any]]) -> None:
        """Give codes to classes that are new, of values `coming` as (position of the record, order there, value)."""
        if self.kind is Kind.CLASSES and len(self.codes.codes) < NAMES_MAX:
            _name(self.codes, NAMES_MAX, [(at, i, name_or_none(value)) for at, i, value in coming])

    def name_segments(self, coming: Sequence[tuple[int, str | None]]) -> None:
        """Give codes to segments that are new, of texts of names `coming` with the positions of their records."""
        if len(self.segments.codes) < SEGMENTS_MAX:
            names = {text: segment_names(text) for _, text in coming if text is not None}
            told = [
                (at, i, name)
                for at, text in coming
                if text is not None
                for i, name in enumerate(names[text][:SEGMENTS_EACH])
            ]
            _name(self.segments, SEGMENTS_MAX, told)

    def predicted(self, answers: Sequence[Any]) -> Ints:
        """The codes of classes, (n,); of texts OTHER; MISSING for what is of another kind."""
        if self.kind is Kind.TEXTS:
            return np.array([OTHER if isinstance(one, str) else MISSING for one in answers], np.int64)
        if self.kind is Kind.NUMBERS:
            return np.array(
                [MISSING if one is None or isinstance(one, str) else OTHER for one in answers], np.int64
            )
        get = self.codes.codes.get
        if set(map(type, answers)) <= {str}:
            return np.fromiter(map(get, answers, repeat(OTHER)), np.int64, len(answers))
        names = map(name_or_none, answers)
        return np.array([MISSING if name is None else get(name, OTHER) for name in names], np.int64)

    def estimated(self, answers: Sequence[Any], predicted: Ints) -> Ints:
        """What an estimate counts predictions by, (n,): their class, of numbers their bin."""
        if self.kind is not Kind.NUMBERS:
            return predicted
        numbers = np.array([np.nan if one is None else number_or_invalid(one) for one in answers], np.float64)
        known = (predicted != MISSING) & np.isfinite(numbers)
        bins = FIRST + np.searchsorted(self.edges, numbers, side="right")
        return np.where(known, bins, MISSING)

    def scores(self, values: Floats | None, n: int) -> Floats | None:
        """Scores (n, classes) in the order of codes, NaN for a row without any; None where there are no classes."""
        if self.kind is not Kind.CLASSES or not self.classes:
            return None
        if values is None:
            return np.full((n, len(self.classes)), np.nan)
        if values.shape[1] == 1:
            # who gives the score of one class only means two
            return np.concatenate([values, 1 - values], axis=1)
        # a class without a score in a row that has others was given none
        return np.where(np.isnan(values) & ~np.isnan(values).all(axis=1, keepdims=True), 0.0, values)

    def segment_codes(self, texts: Sequence[str | None]) -> Ints | None:
        """The codes of segments, (n, SEGMENTS_EACH + 1), MISSING where there is none; None where there are none."""
        different = set(texts)
        if different <= {None}:
            return None
        rows = {text: self._segments_of(text) for text in different}
        return np.array([rows[text] for text in texts], np.int64).reshape(len(texts), -1)

    def _segments_of(self, text: str | None) -> list[int]:
        names = [] if text is None else segment_names(text)
        codes = [self.segments.codes.get(name, OTHER) for name in names[:SEGMENTS_EACH]]
        # an event counts once in what is of others
        codes = [code for code in codes if code != OTHER]
        has_other = len(codes) < len(names)
        return [*codes, *[MISSING] * (SEGMENTS_EACH - len(codes)), OTHER if has_other else MISSING]

    def pairs(
        self,
        answers: Sequence[Any],
        labels: Sequence[Any],
        weights: Floats,
        scores: Floats | None,
        refused: Counts,
    ) -> tuple[Counted, Counted]:
        """What periods count of n pairs, and what an estimate counts of them; what neither can is `refused`."""
        if self.kind is Kind.NUMBERS:
            numbers = np.array(
                [np.nan if one is None else number_or_invalid(one) for one in answers], np.float64
            )
            truth = np.array([number_or_invalid(one) for one in labels], np.float64)
            counted = number_pairs(numbers, truth, refused, weights=weights)
            strata = self.estimated(answers, self.predicted(answers))
            return counted, number_pairs(
                numbers, truth, Counts(), weights=weights, strata=strata, classes_max=self.edges.size + 1
            )
        if self.kind is Kind.TEXTS:
            # what is no text is compared as the text that it is written as: it is never the same words
            texts = ["" if one is None else str(one) for one in answers]
            counted = text_pairs(
                compare([str(one) for one in labels], texts, self.rule), refused, weights=weights
            )
            return counted, counted
        predicted, label = self.predicted(answers), self.predicted(labels)
        # only of classes without a code it is not seen from their codes whether they are the same
        same = predicted == label
        for i in np.flatnonzero(same & (predicted == OTHER)).tolist():
            same[i] = class_name(answers[i]) == class_name(labels[i])
        counted = class_pairs(
            predicted, label, refused, classes_max=self.classes_max,
            weights=weights, scores=self.scores(scores, len(labels)), same=same,
        )  # fmt: skip
        return counted, counted

    def costs(self, cost: Mapping[str, Mapping[str, float]], classes: int) -> Floats | None:
        """What [predicted, label] costs, by code; None where there is no table of costs, or there are no classes."""
        if not cost or self.kind is not Kind.CLASSES:
            return None
        code = {name: code for name, code in self.codes.codes.items() if code < FIRST + classes}
        named = {
            (code[predicted], code[label]): value
            for predicted, row in cost.items()
            for label, value in row.items()
            if predicted in code and label in code
        }
        return cost_matrix(named, classes)

    def segment_name(self, code: int) -> str:
        """The name of a segment; OTHER_SEGMENTS for those without a code."""
        return OTHER_SEGMENTS if code == OTHER else self.segments.names[code - FIRST]

    def to_json(self) -> dict[str, Any]:
        """As `fill` reads it."""
        return {
            "codes": self.codes.to_json(),
            "segments": self.segments.to_json(),
            "classes": list(self.classes),
            "classes_max": self.classes_max,
            "edges": self.edges.tolist(),
            "other_segments": self.other_segments,
        }

    def fill(self, document: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self.codes = Codes.from_json(document["codes"])
        self.segments = Codes.from_json(document["segments"])
        self.classes = tuple(document["classes"])
        self.classes_max = document["classes_max"]
        self.edges = np.array(document["edges"], np.float64)
        self.other_segments = document["other_segments"]


def _name(codes: Codes, names_max: int, coming: Iterable[tuple[int, int, str | None]]) -> None:
    new = {name for *_, name in coming if name is not None} - codes.codes.keys()
    if not new:
        return
    for *_, name in sorted((one for one in coming if one[2] in new), key=lambda one: one[:2]):
        if len(codes.codes) < names_max:
            codes.of([name])


def segment_names(text: str) -> list[str]:
    """The segments of an event, out of the text of all their names.

    >>> segment_names('{"country":"DE","device":"phone"}')
    ['country=DE', 'device=phone']
    """
    return [f"{name}={value}" for name, value in sorted(msgspec.json.decode(text).items())]


def name_or_none(value: Any) -> str | None:
    """The name of a class, None where there is no value."""
    return None if value is None else class_name(value)
