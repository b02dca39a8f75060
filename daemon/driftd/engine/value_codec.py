"""Columns of values and texts as JSON and back. Rule: numbers are arrays, and what repeats is written once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.engine.pairs import PredictionValue
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json


def values_to_json(values: Sequence[PredictionValue]) -> dict[str, object]:
    """Values of any kind, None among them: all numbers, or as levels and codes."""
    types = set(map(type, values))
    if types == {float}:
        return {"numbers": array_to_json(np.array(values, np.float64))}
    # 1.0 and true are equal, and not the same value
    named: Sequence[Any] = (
        values if types <= {str, type(None)} else list(zip(map(type, values), values, strict=True))
    )
    code_of_level = {level: code for code, level in enumerate(dict.fromkeys(named))}
    codes = list(map(code_of_level.__getitem__, named))
    levels = [level if named is values else level[1] for level in code_of_level]
    return {"levels": levels, "codes": array_to_json(np.array(codes, np.int64))}


def values_from_json(document: Mapping[str, Any]) -> list[Any]:
    """The values of `values_to_json`."""
    if "numbers" in document:
        return list(floats_from_json(document["numbers"]).tolist())
    levels = document["levels"]
    return [levels[code] for code in integers_from_json(document["codes"]).tolist()]


def texts_to_json(texts: Sequence[str | None]) -> dict[str, object] | None:
    """Texts, some of which there are not; None where there is none at all, which is the usual."""
    return None if texts.count(None) == len(texts) else values_to_json(texts)


def texts_from_json(document: Mapping[str, Any] | None, count: int) -> list[str | None]:
    """The `count` texts of `texts_to_json`."""
    return [None] * count if document is None else values_from_json(document)


def rising_to_json(numbers: Sequence[int] | NDArray[np.int64]) -> dict[str, object]:
    """Integers that mostly rise by little, as their differences: they need a tenth of the bytes."""
    differences = np.array(numbers, np.int64)
    # a quarter of the time of numpy.diff, for the few numbers of a small commit
    differences[1:] -= differences[:-1].copy()
    return array_to_json(differences)


def rising_from_json(document: Mapping[str, Any]) -> NDArray[np.int64]:
    """The integers of `rising_to_json`."""
    return np.cumsum(integers_from_json(document))
