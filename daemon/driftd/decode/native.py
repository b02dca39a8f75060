"""The fast way: structs generated from a model's signals. Rule: it says yes or "I don't know", never no.

What it does not know goes the slow way (`strict.py`), which decides. A generated struct refuses feature names
that it does not know, so that no feature goes unchecked.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from driftd.decode.rows import TEXT_LENGTH_MAX, Text, TimeMs, Value, cut_text
from driftd.decode.schema import Schema, SignalType

FEATURE = "features."
SCORE = "scores."
TYPES: dict[SignalType, Any] = {
    SignalType.NUMBER: float | None,
    SignalType.BOOLEAN: bool | None,
    SignalType.CATEGORY: str | None,
}


@dataclass(frozen=True, slots=True)
class Native:
    """How events of one schema are decoded and made into columns.

    The fields of the generated features are numbers and booleans first, then categories, then the rest.
    """

    decode: Callable[[bytes], Any]
    prediction_type: SignalType | None
    number_features: int
    category_features: int
    other_features: int
    scores: int
    latency: bool

    def numbers(self, events: Sequence[Any], features: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
        """The number and boolean signals of `events`, (rows, n), in the order of the schema."""
        blocks: list[NDArray[np.float64]] = []
        if self.number_features:
            blocks.append(packed([values[: self.number_features] for values in features]))
        if self.prediction_type in (SignalType.NUMBER, SignalType.BOOLEAN):
            wanted = bool if self.prediction_type is SignalType.BOOLEAN else float
            blocks.append(np.array([[number_or_mark(event.prediction, wanted) for event in events]]))
        if self.scores:
            absent = (nan,) * self.scores
            rows = [absent if event.scores is None else astuple(event.scores) for event in events]
            blocks.append(np.array(rows, np.float64).T)
        if self.latency:
            blocks.append(np.array([[event.latency_ms for event in events]], np.float64))
        blocks.append(np.array([[event.error is not None for event in events]], np.float64))
        return np.concatenate(blocks)

    def cut_texts(self, event: Any) -> None:
        """Cut the long texts of `event`; it was decoded by this."""
        event.prediction = cut_text(event.prediction)
        for i in range(self.number_features, self.number_features + self.category_features):
            value = getattr(event.features, f"f{i}")
            if value is not None and len(value) > TEXT_LENGTH_MAX:
                setattr(event.features, f"f{i}", cut_text(value))

    def features(self, events: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The features of each of `events`, in the order of the generated fields."""
        return [astuple(event.features) for event in events]

    def categories(self, features: Sequence[tuple[Any, ...]]) -> list[Sequence[object]]:
        """The features that are categories, by column."""
        first = self.number_features
        return [[values[i] for values in features] for i in range(first, first + self.category_features)]


def packed(rows: Sequence[tuple[float | None, ...]]) -> NDArray[np.float64]:
    """`rows` of n events as columns, (numbers, n), None as NaN.

    Through the bytes of C doubles, which takes a fifth of the time of an array made of Python numbers.
    """
    width = len(rows[0])
    pack = struct.Struct(f"{width}d").pack
    parts = []
    for row in rows:
        try:
            parts.append(pack(*row))
        except struct.error:
            parts.append(pack(*[nan if value is None else value for value in row]))
    return np.ascontiguousarray(np.frombuffer(b"".join(parts)).reshape(len(rows), width).T)


def number_or_mark(value: object, wanted: type) -> float:
    """`value` as a number; NaN where it is missing, inf where it is not of the `wanted` type."""
    if type(value) is wanted:
        return float(value)  # type: ignore[arg-type]
    return nan if value is None else np.inf


@lru_cache(maxsize=4096)
def native_of(schema: Schema) -> Native:
    """The decoder of `schema`; the structs are generated once."""
    features = [s for s in schema.signals if s.name.startswith(FEATURE)]
    numbers = [s for s in features if s.type is not SignalType.CATEGORY]
    categories = [s for s in features if s.type is SignalType.CATEGORY]
    scores = [s.name.removeprefix(SCORE) for s in schema.signals if s.name.startswith(SCORE)]
    fields: list[tuple[str, Any, Any]] = [(s.name.removeprefix(FEATURE), TYPES[s.type], nan) for s in numbers]
    fields += [(s.name.removeprefix(FEATURE), TYPES[s.type], None) for s in categories]
    fields += [(name, Value | None, None) for name in schema.others]
    feature_struct = _struct("Features", fields)
    score_struct = _struct("Scores", [(name, float, nan) for name in scores]) | None if scores else None
    event = msgspec.defstruct(
        "Event",
        [
            ("prediction_id", Text),
            ("model", str),  # whoever decodes compares it with the one name that it may be
            ("at_ms", TimeMs),
            ("features", feature_struct),
            ("model_version", Text | None, None),
            ("prediction", Value | None, None),
            ("scores", score_struct, None),
            ("latency_ms", float | None, None),
            ("error", str | None, None),
            ("segment", dict[Text, str] | None, None),
        ],
        gc=False,
    )
    types = {signal.name: signal.type for signal in schema.signals}
    return Native(
        msgspec.json.Decoder(event).decode,
        types.get("prediction"),
        len(numbers),
        len(categories),
        len(schema.others),
        len(scores),
        "latency_ms" in types,
    )


def _struct(name: str, fields: list[tuple[str, Any, Any]]) -> type[msgspec.Struct]:
    """A struct with any field names: they are numbered inside, and renamed for the wire."""
    numbered = [(f"f{i}", kind, default) for i, (_, kind, default) in enumerate(fields)]
    return msgspec.defstruct(
        name,
        numbered,
        rename={f"f{i}": wire for i, (wire, _, _) in enumerate(fields)},
        forbid_unknown_fields=True,
        gc=False,
    )
