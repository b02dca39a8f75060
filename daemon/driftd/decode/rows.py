"""Events of a model that is not known yet, as msgspec structs. Rule: types mirror the contract."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from driftd.contract.events_in import ID_LENGTH_MAX, MODEL_LENGTH_MAX, MODEL_PATTERN, TIME_MAX_MS

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH_MAX)]
# in Python's expressions, which msgspec uses, $ also matches before a newline at the end; \Z does not
_WHOLE = MODEL_PATTERN.replace("$", r"\Z")
Model: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MODEL_LENGTH_MAX, pattern=_WHOLE)]
TimeMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=TIME_MAX_MS)]
Value: TypeAlias = float | str | bool
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]

TEXT_LENGTH_MAX: Final = 800
"""Of longer texts in values only so many characters count. As levels and answers they are kept, and with prompts of
20,000 characters the state of a model did not fit into a message. No shorter event has a longer text."""


class PredictionRow(msgspec.Struct, gc=False):
    """A prediction event; features and scores by name."""

    prediction_id: Text
    model: Model
    at_ms: TimeMs
    features: dict[Text, Value | None]
    model_version: Text | None = None
    prediction: Value | None = None
    scores: dict[Text, float] | None = None
    latency_ms: float | None = None
    error: str | None = None
    segment: dict[Text, str] | None = None


class LabelRow(msgspec.Struct, gc=False):
    """A label event."""

    prediction_id: Text
    model: Model
    label: Value
    at_ms: TimeMs
    annotator: Text | None = None
    weight: Weight | None = None


def cut_text(value: float | str | bool | None) -> Any:
    """`value`, cut where it is a long text."""
    return value[:TEXT_LENGTH_MAX] if isinstance(value, str) else value


def cut_texts(row: PredictionRow) -> None:
    """Cut the long texts of `row`."""
    row.prediction = cut_text(row.prediction)
    row.error = cut_text(row.error)
    if row.segment:
        row.segment = {name: cut_text(text) for name, text in row.segment.items()}
    if any(isinstance(value, str) and len(value) > TEXT_LENGTH_MAX for value in row.features.values()):
        row.features = {name: cut_text(value) for name, value in row.features.items()}


class Loose(msgspec.Struct):
    """Any event, nothing checked but its syntax: what the contract's own models are then asked about.

    Unknown fields are skipped exactly as the fast decoders skip them.
    """

    specversion: Any = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    source: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    sequence: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: Any = msgspec.UNSET
    prediction_id: Any = msgspec.UNSET
    model: Any = msgspec.UNSET
    model_version: Any = msgspec.UNSET
    at_ms: Any = msgspec.UNSET
    features: Any = msgspec.UNSET
    prediction: Any = msgspec.UNSET
    scores: Any = msgspec.UNSET
    latency_ms: Any = msgspec.UNSET
    error: Any = msgspec.UNSET
    segment: Any = msgspec.UNSET
    label: Any = msgspec.UNSET
    annotator: Any = msgspec.UNSET
    weight: Any = msgspec.UNSET
    request_id: Any = msgspec.UNSET
    reference: Any = msgspec.UNSET
    status: Any = msgspec.UNSET
    reason: Any = msgspec.UNSET
    action: Any = msgspec.UNSET
    who: Any = msgspec.UNSET
    why: Any = msgspec.UNSET
    incident_id: Any = msgspec.UNSET
    kind: Any = msgspec.UNSET
    signals: Any = msgspec.UNSET
    from_ms: Any = msgspec.UNSET
    until_ms: Any = msgspec.UNSET
    silence_id: Any = msgspec.UNSET
