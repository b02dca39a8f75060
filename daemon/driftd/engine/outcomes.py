"""What a label tells about its prediction. Rule: what cannot be compared is invalid, never silently right or wrong."""

from math import inf, isnan, log, nan
from typing import Final

import numpy as np

from driftd.decode.batch import INVALID
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.engine.learning import Task
from driftd.engine.pairs import LabelValue, Pairs, PredictionValue
from driftd.engine.text_rules import is_sentence
from driftd.performance.text import TextRule
from driftd.reference.panes import Columns

SCORE_MIN: Final = 1e-6
"""A score of zero for what then happened is a loss of 13.8, not of infinity."""

EXACT: Final = TextRule(case=True, punctuation=True, whitespace=True, fillers=())
"""By which texts are the same only if they are written the same."""

SCHEMAS: Final = {
    Task.CLASSIFICATION: Schema(
        (
            Signal("error", SignalType.BOOLEAN),
            Signal("loss", SignalType.NUMBER),
            Signal("label", SignalType.CATEGORY),
        )
    ),
    Task.REGRESSION: Schema(
        (
            Signal("loss", SignalType.NUMBER),
            Signal("label", SignalType.NUMBER),
        )
    ),
}


def columns_of(pairs: Pairs, task: Task, rule: TextRule) -> Columns:
    """The outcome signals of joined pairs, in the order of `SCHEMAS[task]`; `rule` says which texts are the same."""
    both = list(zip(pairs.predictions, pairs.labels, strict=True))
    if task is Task.REGRESSION:
        rows = [(absolute_error(*one), number_or_invalid(one[1])) for one in both]
        return Columns(np.array(rows, np.float64).reshape(len(rows), 2).T.copy(), [])
    names = [class_name(label) for label in pairs.labels]
    row_of_class = {name: i for i, name in enumerate(pairs.classes)}
    losses = [
        log_loss(scores[row_of_class[name]]) if name in row_of_class else nan
        for scores, name in zip(pairs.scores.tolist(), names, strict=True)
    ]
    numbers = np.array([[error(*one, rule) for one in both], losses], np.float64).reshape(2, len(both))
    labels: list[object] = [name or INVALID for name in names]
    return Columns(numbers, [labels])


def error(prediction: PredictionValue, label: LabelValue, rule: TextRule = EXACT) -> float:
    """0.0 where the label is what was predicted, for texts of several words by `rule`, 1.0 where not.

    NaN without a prediction, inf where they are of different types.

    >>> error("up", "up"), error("up", "down"), error(1, 1.0), error("1", 1)
    (0.0, 1.0, 0.0, inf)
    >>> error("um, it rains", "um… it rains"), error("um, it rains", "um… it rains", TextRule())
    (1.0, 0.0)
    """
    if prediction is None:
        return nan
    if isinstance(prediction, str) != isinstance(label, str):
        return inf
    if prediction == label:
        return 0.0
    is_text = isinstance(prediction, str) and (is_sentence(prediction) or is_sentence(label))
    return 0.0 if is_text and rule.same(str(label), str(prediction)) else 1.0


def log_loss(score: float) -> float:
    """Minus the logarithm of the score that was given to what then happened; NaN where there is none."""
    if isnan(score):
        return nan
    if not 0 <= score <= 1:
        return inf
    return -log(max(score, SCORE_MIN))


def absolute_error(prediction: PredictionValue, label: LabelValue) -> float:
    """|prediction - label| in the unit of both; NaN without a prediction, inf where one is no number."""
    if prediction is None:
        return nan
    if isinstance(prediction, str) or isinstance(label, str):
        return inf
    return abs(float(prediction) - float(label))


def number_or_invalid(label: LabelValue) -> float:
    """The label as a number, inf where it is a text."""
    return inf if isinstance(label, str) else float(label)


def class_name(label: LabelValue) -> str:
    """The name of a class, as scores spell it.

    >>> class_name("up"), class_name(1.0), class_name(True)
    ('up', '1', 'true')
    """
    if isinstance(label, str):
        return label
    if isinstance(label, bool):
        return "true" if label else "false"
    return f"{label:g}"
