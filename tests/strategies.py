"""Hypothesis strategies of documents that go in: valid ones, and ones with one thing wrong. All come as bytes."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st

Document: TypeAlias = dict[str, Any]

TIME_MAX_MS = 4_102_444_800_000
FEATURES = ("a", "b", "c", "d")
"""Names that the schema of test_decode knows: a number, a category, a boolean, and one that is not monitored."""

# a lone surrogate is no text that JSON can carry, so each reader has its own way with it
characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=8)
names = st.text(characters, min_size=1, max_size=8)
ids = st.one_of(names, st.text(characters, min_size=195, max_size=200))
models = st.sampled_from(["m", "m", "m", "other", "x" * 100])
times = st.one_of(st.integers(0, TIME_MAX_MS - 1), st.sampled_from([0, TIME_MAX_MS - 1]))
numbers = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1, 10**308]),
)
values = st.one_of(numbers, texts, st.booleans(), st.sampled_from(["1.0", "NaN", "true", ""]))
values_or_null = st.one_of(st.none(), values)
features = st.dictionaries(st.one_of(st.sampled_from(FEATURES), names), values_or_null, max_size=6)
likely_features = st.fixed_dictionaries(
    {"a": st.floats(-10, 10), "b": st.sampled_from("xyz"), "c": st.booleans()}, optional={"d": values_or_null}
)  # fmt: skip

predictions: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {
        "prediction_id": ids,
        "model": models,
        "at_ms": times,
        "features": st.one_of(likely_features, features),
    },
    optional={
        "model_version": st.one_of(st.none(), ids),
        "prediction": values_or_null,
        "scores": st.one_of(st.none(), st.dictionaries(st.sampled_from(["yes", "no", "other"]), numbers)),
        "latency_ms": st.one_of(st.none(), numbers),
        "error": st.one_of(st.none(), texts),
        "segment": st.one_of(st.none(), st.dictionaries(names, texts, max_size=2)),
        "unknown": values_or_null,
    },
)
"""Prediction events that the contract accepts."""

labels: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {"prediction_id": ids, "model": models, "label": values, "at_ms": times},
    optional={
        "annotator": st.one_of(st.none(), names),
        "weight": st.one_of(st.none(), st.floats(0, 1e9)),
        "unknown": values_or_null,
    },
)
"""Label events that the contract accepts."""

EDGES: tuple[Any, ...] = (
    "\ud800", "\udc00x",
    None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 10**30, 10**400, TIME_MAX_MS, TIME_MAX_MS - 1,
    "", "x", "1", "1.5", "NaN", "true", "null", "a b", "a\n", "\na", "\u00e9", "\u2603" * 200, "x" * 100, "x" * 101,
    "x" * 200, "x" * 201, [], [1], {}, {"a": 1}, {"a": "1"}, {"a": None}, {"a": True}, {"a": [1]}, {"a": 10**400},
    {"": 1}, {"": "x"}, {"x" * 200: 1}, {"x" * 201: 1}, {"x" * 201: "x"}, {"yes": 1}, {"yes": "1"}, {"yes": None},
)  # fmt: skip
"""Values of every kind of JSON, and on both sides of every bound."""

junk: st.SearchStrategy[Any] = st.one_of(
    values_or_null,
    st.lists(values_or_null, max_size=2),
    st.dictionaries(texts, values_or_null, max_size=2),
    st.dictionaries(texts, st.lists(numbers, max_size=1), min_size=1, max_size=2),
    st.sampled_from(EDGES),
)
"""JSON values of every kind, with a liking for those at the bounds."""


@st.composite
def almost(draw: st.DrawFn, documents: st.SearchStrategy[Document]) -> Document:
    """One of `documents` in which one field is missing, is junk, or has junk in it. It may still be valid."""
    document = dict(draw(documents))
    field = draw(st.sampled_from(sorted(document)))
    action = draw(st.sampled_from(["drop", "replace", "replace", "within", "add"]))
    if action == "drop":
        del document[field]
    elif action == "replace":
        document[field] = draw(junk)
    elif action == "within" and isinstance(document[field], Mapping):
        name = draw(st.one_of(st.sampled_from(FEATURES), st.sampled_from(["", "x" * 201]), texts))
        document[field] = {**document[field], name: draw(junk)}
    else:
        document[draw(names)] = draw(junk)
    return document


@st.composite
def written(draw: st.DrawFn, documents: st.SearchStrategy[Document]) -> bytes:
    """One of `documents` as JSON, in one of the ways in which the same JSON can be written."""
    document = draw(documents)
    ascii_only, spaces = (
        draw(st.booleans()),
        draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])),
    )
    fields = draw(st.permutations(list(document.items())))
    return json.dumps(dict(fields), ensure_ascii=ascii_only, separators=spaces).encode()


@st.composite
def damaged(draw: st.DrawFn, texts_of_json: st.SearchStrategy[bytes]) -> bytes:
    """JSON in which a few bytes are replaced by others, or that is cut short."""
    text = draw(texts_of_json)
    start = draw(st.integers(0, len(text)))
    patch = draw(
        st.sampled_from([b"", b"NaN", b"-Infinity", b"1e999", b"\xff", b"\x00", b"}", b'"', b"[", b"1", b"e"])
    )
    return text[:start] + patch + text[draw(st.sampled_from([start, start + 1, len(text)])) :]
