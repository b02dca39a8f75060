"""Decoding: the fast way and the contract say the same, and all forms of an event give the same columns."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from driftd.config import Config, Limits
from driftd.contract.events_in import CONTROL_EVENTS, Label, Prediction
from driftd.contract.record import Record
from driftd.decode.batch import Batch, LabelColumns, PredictionColumns, PredictionRows, decode
from driftd.decode.columns import columns_from_rows
from driftd.decode.rows import Loose, PredictionRow
from driftd.decode.schema import Schema, Signal, SignalType
from strategies import EDGES, almost, damaged, labels, predictions, written

TOPICS = Config().topics
LIMITS = Limits()
SCORES = (Signal("scores.yes", SignalType.NUMBER), Signal("scores.no", SignalType.NUMBER))
FEATURES = (
    Signal("features.a", SignalType.NUMBER),
    Signal("features.b", SignalType.CATEGORY),
    Signal("features.c", SignalType.BOOLEAN),
)
FAILED = Signal("failed", SignalType.BOOLEAN)
SCHEMAS = {
    "classifier": Schema((*FEATURES, Signal("prediction", SignalType.CATEGORY), *SCORES, FAILED), ("d",)),
    "regression": Schema(
        (*FEATURES, Signal("prediction", SignalType.NUMBER), Signal("latency_ms", SignalType.NUMBER), FAILED), ("d",)
    ),
    "plain": Schema((*FEATURES[::-1], Signal("prediction", SignalType.BOOLEAN), FAILED)),
}  # fmt: skip

prediction_documents = st.one_of(predictions, almost(predictions))
label_documents = st.one_of(labels, almost(labels))
any_prediction = st.one_of(written(prediction_documents), damaged(written(predictions)))
any_label = st.one_of(written(label_documents), damaged(written(labels)))


def records(values: list[bytes], topic: str = "predictions") -> list[Record]:
    """Records without a timestamp, so that no event time is too far ahead."""
    return [Record(topic, 0, offset, -1, None, value) for offset, value in enumerate(values)]


def decoded(values: list[bytes], schemas: dict[str, Schema], topic: str = "predictions") -> Batch:
    return decode(records(values, topic), TOPICS, LIMITS, schemas)


def no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; half of a surrogate pair is no text that could be written as UTF-8, though Python reads it."""
    json.dumps(pairs, ensure_ascii=False).encode()
    return dict(pairs)


def by_contract(value: bytes, model: type[Prediction] | type[Label]) -> Prediction | Label | None:
    """The event of `value` by Python's own JSON and the contract's model alone; None where it is refused."""
    try:
        document = json.loads(value.decode(), parse_constant=no_constant, object_pairs_hook=whole)
        return model.model_validate(document)
    except (ValueError, ValidationError):
        return None


def row_of(event: Prediction) -> PredictionRow:
    return PredictionRow(**{name: getattr(event, name) for name in PredictionRow.__struct_fields__})


def same_columns(one: PredictionColumns, other: PredictionColumns) -> bool:
    """Equal to the last bit, types included."""
    return (
        one.positions.tolist() == other.positions.tolist()
        and one.at_ms.tolist() == other.at_ms.tolist()
        and one.numbers.shape == other.numbers.shape
        and np.array_equal(one.numbers, other.numbers, equal_nan=True)
        and np.array_equal(np.signbit(one.numbers), np.signbit(other.numbers))
        and repr((one.prediction_ids, one.versions, one.predictions, one.segments))
        == repr((other.prediction_ids, other.versions, other.predictions, other.segments))
        and [list(column) for column in one.categories] == [list(column) for column in other.categories]
    )


def columns_in(batch: Batch, model: str) -> PredictionColumns:
    columns = batch.models[model].predictions
    assert isinstance(columns, PredictionColumns)
    return columns


def assert_prediction_as_by_contract(value: bytes, schema: Schema) -> None:
    """The fast way, the generic way and the contract say the same of `value`."""
    event = by_contract(value, Prediction)
    known, unknown = decoded([value], {"m": schema}), decoded([value], {})
    assert known.rejected == unknown.rejected
    assert bool(known.rejected) == (event is None), (value, known.rejected)
    if isinstance(event, Prediction):
        expected = PredictionRows(np.array([0]), [row_of(event)])
        rows = unknown.models[event.model].predictions
        assert isinstance(rows, PredictionRows)
        assert repr(rows.rows) == repr(expected.rows)
        if event.model == "m":
            assert same_columns(columns_in(known, "m"), columns_from_rows(expected, schema))


def assert_label_as_by_contract(value: bytes) -> None:
    event = by_contract(value, Label)
    batch = decoded([value], {}, "labels")
    assert bool(batch.rejected) == (event is None), (value, batch.rejected)
    if isinstance(event, Label):
        columns = batch.models[event.model].labels
        assert isinstance(columns, LabelColumns)
        read = (columns.prediction_ids, columns.labels, columns.at_ms, columns.annotators, columns.weights)
        weight = 1.0 if event.weight is None else event.weight
        said = ([event.prediction_id], [event.label], [event.at_ms], [event.annotator], [weight])
        assert repr(read) == repr(said)


WHOLE_PREDICTION = {
    "prediction_id": "1", "model": "m", "model_version": "1", "at_ms": 0,
    "features": {"a": 1.5, "b": "x", "c": True, "d": 1}, "prediction": "yes", "scores": {"yes": 0.5, "no": 0.5},
    "latency_ms": 1.5, "error": "e", "segment": {"s": "x"},
}  # fmt: skip
WHOLE_LABEL = {
    "prediction_id": "1",
    "model": "m",
    "label": "yes",
    "at_ms": 0,
    "annotator": "a",
    "weight": 1.0,
}
PATHS = [(name,) for name in (*WHOLE_PREDICTION, "unknown")] + [
    ("features", "a"), ("features", "b"), ("features", "c"), ("features", "d"), ("features", "new"),
    ("scores", "yes"), ("scores", "new"), ("segment", "s"),
]  # fmt: skip


def changed(document: dict[str, Any], path: tuple[str, ...], edge: object) -> dict[str, Any]:
    first, *rest = path
    return {**document, first: changed(document[first], tuple(rest), edge) if rest else edge}


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_each_field_of_a_prediction_has_the_bounds_of_the_contract(name: str, path: tuple[str, ...]) -> None:
    for edge in EDGES:
        assert_prediction_as_by_contract(
            json.dumps(changed(WHOLE_PREDICTION, path, edge)).encode(), SCHEMAS[name]
        )


@pytest.mark.parametrize("field", [*WHOLE_LABEL, "unknown"])
def test_each_field_of_a_label_has_the_bounds_of_the_contract(field: str) -> None:
    for edge in EDGES:
        assert_label_as_by_contract(json.dumps(changed(WHOLE_LABEL, (field,), edge)).encode())


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=200)
@given(value=any_prediction)
def test_a_prediction_is_accepted_refused_and_read_as_by_the_contract(name: str, value: bytes) -> None:
    assert_prediction_as_by_contract(value, SCHEMAS[name])


@settings(max_examples=200)
@given(any_label)
def test_a_label_is_accepted_refused_and_read_as_by_the_contract(value: bytes) -> None:
    assert_label_as_by_contract(value)


@given(st.lists(any_prediction, max_size=12))
def test_events_decoded_together_are_decoded_like_events_alone(values: list[bytes]) -> None:
    schemas = {"m": SCHEMAS["classifier"]}
    together = decoded(values, schemas)
    alone = [decoded([value], schemas) for value in values]
    assert [(r.position, r.reason, r.detail) for r in together.rejected] == [
        (position, r.reason, r.detail) for position, batch in enumerate(alone) for r in batch.rejected
    ]
    mine = [i for i, batch in enumerate(alone) if "m" in batch.models]
    if mine:
        columns = columns_in(together, "m")
        assert columns.positions.tolist() == mine
        parts = [columns_in(alone[i], "m") for i in mine]
        assert np.array_equal(columns.numbers, np.hstack([part.numbers for part in parts]), equal_nan=True)
        assert repr(columns.predictions) == repr([part.predictions[0] for part in parts])
        for number, column in enumerate(columns.categories):
            assert list(column) == [part.categories[number][0] for part in parts]


def enveloped(document: object) -> bytes:
    envelope = {"specversion": "1.0", "id": "1", "source": "/test", "type": "org.example.inference"}
    return json.dumps({**envelope, "datacontenttype": "application/json", "data": document}).encode()


@given(prediction_documents)
def test_native_structured_and_binary_events_give_the_same_columns(document: dict[str, Any]) -> None:
    schemas = {"m": SCHEMAS["classifier"]}
    native = decoded([json.dumps(document).encode()], schemas)
    structured = decoded([enveloped(document)], schemas)
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/t"), ("ce_type", b"t"))
    record = Record("predictions", 0, 0, -1, None, json.dumps(document).encode(), headers)
    binary = decode([record], TOPICS, LIMITS, schemas)
    assert native.rejected == structured.rejected == binary.rejected
    assert set(native.models) == set(structured.models) == set(binary.models)
    if "m" in native.models:
        assert same_columns(columns_in(native, "m"), columns_in(structured, "m"))
        assert same_columns(columns_in(native, "m"), columns_in(binary, "m"))


@given(label_documents)
def test_labels_may_come_in_envelopes_too(document: dict[str, Any]) -> None:
    native = decoded([json.dumps(document).encode()], {}, "labels")
    structured = decoded([enveloped(document)], {}, "labels")
    assert native.rejected == structured.rejected
    assert {m: t.labels and (t.labels.labels, t.labels.at_ms) for m, t in native.models.items()} == {
        m: t.labels and (t.labels.labels, t.labels.at_ms) for m, t in structured.models.items()
    }


def test_an_envelope_in_an_envelope_is_no_event() -> None:
    document = {"prediction_id": "1", "model": "m", "at_ms": 0, "features": {}}
    inner = json.loads(enveloped(document))
    (rejection,) = decoded([enveloped(inner)], {}).rejected
    assert rejection.reason == "missing_field"


def test_a_feature_that_the_schema_does_not_know_goes_unseen_but_not_unchecked() -> None:
    def document(new: object) -> bytes:
        features = {"a": 1.5, "b": "x", "c": True, "new": new}
        return json.dumps({"prediction_id": "1", "model": "m", "at_ms": 0, "features": features}).encode()

    batch = decoded([document(1), document([1])], {"m": SCHEMAS["plain"]})
    assert columns_in(batch, "m").positions.tolist() == [0]
    assert [(r.position, r.reason, r.detail) for r in batch.rejected] == [
        (1, "wrong_type", "features.new is [1]; it should be a number, a text, true or false")
    ]


@pytest.mark.parametrize(("length", "kept"), [(799, 799), (800, 800), (801, 800), (20_000, 800)])
def test_of_long_texts_the_first_800_characters_count_whichever_way_they_come(length: int, kept: int) -> None:
    text = "é" * length
    changes = {"features": {"a": 1.0, "b": text, "c": True, "d": text}, "prediction": text, "error": text}
    document = {**WHOLE_PREDICTION, **changes, "segment": {"s": text}}
    value, odd = (
        json.dumps({**document, **more}, ensure_ascii=False).encode() for more in ({}, {"latency_ms": 1})
    )
    for way in (value, odd, enveloped(document)):
        columns = columns_in(decoded([way], {"m": SCHEMAS["classifier"]}), "m")
        assert [column[0] for column in columns.categories] == [text[:kept]] * 2
        assert columns.predictions == [text[:kept]]
        rows = decoded([way], {}).models["m"].predictions
        assert isinstance(rows, PredictionRows)
        (row,) = rows.rows
        assert {row.features["b"], row.features["d"], row.prediction, row.error} == {text[:kept]}
        assert row.segment == {"s": text[:kept]}
    label = json.dumps({**WHOLE_LABEL, "label": text}).encode()
    labelled = decoded([label], {}, "labels").models["m"].labels
    assert labelled is not None
    assert labelled.labels == [text[:kept]]


def test_models_are_told_apart_though_a_feature_is_called_model() -> None:
    def document(model: str) -> bytes:
        features = {"model": "m", "a": 1.0}
        return json.dumps({"features": features, "model": model, "prediction_id": "1", "at_ms": 0}).encode()

    schema = {"m": SCHEMAS["plain"], "n": SCHEMAS["plain"]}
    batch = decoded([document(model) for model in "mnmn"], schema)
    assert columns_in(batch, "m").positions.tolist() == [0, 2]
    assert columns_in(batch, "n").positions.tolist() == [1, 3]


def test_values_of_the_wrong_type_and_missing_ones_are_marked_in_the_columns() -> None:
    documents = [
        {"a": 1, "b": "x", "c": True},
        {"a": "1", "b": 2, "c": 0},
        {"a": True, "b": False, "c": "true"},
        {"a": None, "b": None, "c": None},
        {},
    ]
    values = [
        json.dumps({"prediction_id": str(i), "model": "m", "at_ms": 0, "features": features}).encode()
        for i, features in enumerate(documents)
    ]
    columns = columns_in(decoded(values, {"m": SCHEMAS["classifier"]}), "m")
    assert [repr(level) for level in columns.categories[0]] == ["'x'", "invalid", "invalid", "None", "None"]
    np.testing.assert_array_equal(columns.numbers[0], [1, np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(columns.numbers[1], [1, np.inf, np.inf, np.nan, np.nan])


def test_what_is_decoded_loosely_has_each_field_of_the_contract() -> None:
    known = set(Loose.__struct_fields__)
    events = (Prediction, Label, *CONTROL_EVENTS.values())
    assert not {name for event in events for name in event.model_fields} - known
