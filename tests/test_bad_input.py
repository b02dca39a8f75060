"""Bad input: each case is given back with its reason, the next record is taken, and nothing is lost."""

import json
import resource
from dataclasses import dataclass
from typing import Any

import pytest

from driftd.config import Config
from driftd.contract.record import Record, Source
from driftd.engine.engine import Engine
from streams import FIRST_MS, control, label, prediction, small_config

YEAR_1_MS, YEAR_9999_MS = -62_135_596_800_000, 253_402_300_799_999
PLAIN = prediction(0, FIRST_MS).value or b""
NUMBER = b"1.0"
"""The value of the one feature in PLAIN."""


@dataclass(frozen=True)
class Bad:
    """A value that is no prediction, why, and a part of what a person is told."""

    name: str
    value: bytes | None
    reason: str
    told: str


def with_fields(**fields: object) -> bytes:
    return json.dumps({**json.loads(PLAIN), **fields}).encode()


def at(at_ms: int, offset: int) -> Record:
    """A prediction whose event time is `at_ms`, in a record of FIRST_MS."""
    return Record(
        "predictions", 0, offset, FIRST_MS, None, with_fields(at_ms=at_ms, prediction_id=f"at-{offset}")
    )


def with_number(text: bytes) -> bytes:
    assert PLAIN.count(NUMBER) == 1
    return PLAIN.replace(NUMBER, text)


def nested(depth: int, inner: bytes = b"") -> bytes:
    return b"[" * depth + inner + b"]" * depth


BAD = [
    Bad("no value", None, "null_value", "no value"),
    Bad("an empty value", b"", "malformed_json", "truncated"),
    Bad("truncated JSON", PLAIN[:-9], "malformed_json", "truncated"),
    Bad("two events in one value", PLAIN + PLAIN, "malformed_json", "trailing characters"),
    Bad("no JSON", b"prediction 1", "malformed_json", "no JSON"),
    Bad("a byte order mark", b"\xef\xbb\xbf" + PLAIN, "malformed_json", "no JSON"),
    Bad("null", b"null", "not_an_object", "got `null`"),
    Bad("a list", b"[" + PLAIN + b"]", "not_an_object", "got `array`"),
    Bad("a number", b"1", "not_an_object", "got `int`"),
    Bad("the literal NaN", with_number(b"NaN"), "malformed_json", "invalid character"),
    Bad("the literal Infinity", with_number(b"Infinity"), "malformed_json", "invalid character"),
    Bad("the literal -Infinity", with_number(b"-Infinity"), "malformed_json", "invalid character"),
    Bad("a number beyond all floats", with_number(b"1e999"), "out_of_range", "too large"),
    Bad("an integer of 400 digits", with_number(b"1" * 400), "out_of_range", "too large"),
    Bad("an integer of 5,000 digits", with_number(b"1" * 5000), "out_of_range", "too large"),
    Bad("a negative one of 5,000 digits", with_number(b"-" + b"1" * 5000), "out_of_range", "too large"),
    Bad("a time of 5,000 digits", PLAIN.replace(b"%d" % FIRST_MS, b"1" * 5000), "out_of_range", "too large"),
    Bad("a feature 2,000 deep", with_number(nested(2000)), "too_deep", "nested deeper"),
    Bad("an unknown field 2,000 deep", with_fields(x=7).replace(b"7}", nested(2000) + b"}"), "too_deep", "nested"),
    Bad("2,000 objects deep", b'{"a":' * 2000 + b"1" + b"}" * 2000, "too_deep", "nested deeper"),
    Bad("2,000 envelopes", b'{"specversion":"1.0","data":' * 2000 + PLAIN + b"}" * 2000, "too_deep", "nested"),
    Bad("50 envelopes", b'{"specversion":"1.0","data":' * 50 + PLAIN + b"}" * 50, "missing_field", "prediction_id"),
    Bad("invalid UTF-8", PLAIN.replace(b"yes", b"\xff\xfe"), "invalid_utf8", "not UTF-8"),
    Bad("invalid UTF-8 in an unknown field", with_fields(x="@").replace(b"@", b"\xc3"), "invalid_utf8", "not UTF-8"),
    Bad("UTF-16", PLAIN.decode().encode("utf-16"), "invalid_utf8", "not UTF-8"),
    Bad("half of a surrogate pair", PLAIN.replace(b"yes", b"\\ud800-"), "malformed_json", "no JSON"),
    Bad("more bytes than allowed", with_fields(x="y" * 1_100_000), "too_large", "limits.event_bytes_max is 1048576"),
    Bad("no model", PLAIN.replace(b'"model"', b'"modell"'), "missing_field", "model is missing"),
    Bad("no features", PLAIN.replace(b'"features"', b'"feature"'), "missing_field", "features is missing"),
    Bad("features null", with_fields(features=None), "wrong_type", "features is null; it should be an object"),
    Bad("features a list", with_fields(features=[1.0]), "wrong_type", "features is [1.0]"),
    Bad("a feature that is a list", with_fields(features={"a": [1]}), "wrong_type", "features.a is [1]; it should be"),
    Bad("a feature without a name", with_fields(features={"": 1}), "out_of_range", 'has the name ""'),
    Bad("10,000 features", with_fields(features={f"f{i}": i for i in range(10_000)}), "too_many_features", "5000"),
    Bad("10,000 short ones", with_fields(features={f"{i:x}": 1 for i in range(10_000)}), "too_many_features", "5000"),
    Bad("a time as text", with_fields(at_ms=str(FIRST_MS)), "wrong_type", 'at_ms is "1700000000000"'),
    Bad("a time with a fraction", with_fields(at_ms=1.5), "wrong_type", "at_ms is 1.5"),
    Bad("a time that is true", with_fields(at_ms=True), "wrong_type", "at_ms is true"),
    Bad("a time in year 1", with_fields(at_ms=YEAR_1_MS), "out_of_range", "greater than or equal to 0"),
    Bad("a time in year 9999", with_fields(at_ms=YEAR_9999_MS), "out_of_range", "less than"),
    Bad("a time in year 2099", with_fields(at_ms=4_080_000_000_000), "event_time_in_future", "in milliseconds?"),
    Bad("a latency as text", with_fields(latency_ms="5"), "wrong_type", 'latency_ms is "5"'),
    Bad("a score as text", with_fields(scores={"yes": "0.5"}), "wrong_type", 'scores.yes is "0.5"'),
    Bad("an id that is a number", with_fields(prediction_id=5), "wrong_type", "prediction_id is 5"),
    Bad("an empty id", with_fields(prediction_id=""), "out_of_range", "at least 1 character"),
    Bad("a model with a space", with_fields(model="a b"), "out_of_range", 'model is "a b"'),
    Bad("a model with a newline at its end", with_fields(model="m\n"), "out_of_range", "should match pattern"),
]  # fmt: skip


def learned_engine() -> Engine:
    """An engine that watches model m, so that the fast way of decoding is taken."""
    engine = Engine(small_config())
    engine.apply([prediction(i, FIRST_MS + i, prediction_id=f"learned-{i}") for i in range(1, 200)])
    assert engine.status().models[0].phase == "watching"
    return engine


def rejected(engine: Engine, records: list[Record]) -> list[dict[str, Any]]:
    documents = [json.loads(event.value) for event in engine.apply(records).events]
    return [document["data"] for document in documents if document["type"] == "dev.driftd.event.rejected.v1"]


@pytest.mark.parametrize("known", [True, False], ids=["model known", "model unknown"])
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_prediction_is_given_back_and_the_next_one_is_taken(bad: Bad, known: bool) -> None:
    engine = learned_engine() if known else Engine(Config())
    before = engine.status().models[0].predictions if known else 0
    first, second = (prediction(o, FIRST_MS + o, prediction_id=f"good-{o}") for o in (1000, 1002))
    (data,) = rejected(engine, [first, Record("predictions", 0, 1001, FIRST_MS, None, bad.value), second])
    assert (data["reason"], data["topic"], data["partition"], data["offset"]) == (
        bad.reason,
        "predictions",
        0,
        1001,
    )
    assert bad.told in data["detail"]
    assert len(data["detail"]) <= 300
    assert data["payload_bytes"] == len(bad.value or b"")
    assert engine.status().models[0].predictions == before + 2
    assert engine.offsets[Source("predictions", 0)] == 1002
    assert engine.counters[f"rejected.{bad.reason}"] == 1


@pytest.mark.parametrize("topic", ["labels", "driftd.control"])
@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.reason not in ("too_many_features", "event_time_in_future")],
                         ids=lambda bad: bad.name)  # fmt: skip
def test_what_is_no_prediction_is_no_label_and_no_command_either(bad: Bad, topic: str) -> None:
    engine = learned_engine()
    good = label(1, FIRST_MS, "learned-7", "yes") if topic == "labels" else control(1, FIRST_MS, type="tick")
    (data,) = rejected(engine, [Record(topic, 0, 0, FIRST_MS, None, bad.value), good])
    assert data["topic"] == topic
    assert engine.offsets[Source(topic, 0)] == 1
    status = engine.status().models[0]
    assert (status.labels_joined if topic == "labels" else engine.counters["control_events"]) == 1


@pytest.mark.parametrize("depth", [10, 150, 399, 401, 450, 700, 950, 1100])
def test_how_deep_json_may_be_does_not_depend_on_who_calls(depth: int) -> None:
    value = with_fields(x=7).replace(b"7}", nested(depth - 1) + b"}")

    def from_below(frames: int) -> int:
        return from_below(frames - 1) if frames else len(rejected(Engine(Config()), [record]))

    record = Record("predictions", 0, 0, FIRST_MS, None, value)
    assert from_below(0) == from_below(300) == (depth > 400)


def test_brackets_in_a_text_are_no_depth() -> None:
    value = with_fields(features={"a": "[{" * 2000, 'b"\\': '\\"[' * 1000})
    assert rejected(Engine(Config()), [Record("predictions", 0, 0, FIRST_MS, None, value)]) == []


def test_an_event_without_a_feature_is_taken() -> None:
    engine = Engine(small_config())
    records = [prediction(i, FIRST_MS + i, features={}) for i in range(300)]
    assert engine.apply(records).events == ()
    assert engine.status().models[0].predictions == 300


def test_a_watched_feature_that_changes_type_is_told_once_and_events_still_count() -> None:
    engine = learned_engine()
    records = [prediction(i, FIRST_MS + i, features={"a": "1.0"}) for i in range(1000, 1100)]
    documents = [json.loads(event.value)["data"] for event in engine.apply(records).events]
    assert {
        (d["kind"], d["contributors"][0]["signal"], d["contributors"][0]["effect"]) for d in documents
    } == {("data_quality", "features.a", "invalid")}
    assert engine.status().models[0].predictions == 299


def test_a_million_categories_need_no_more_memory_than_ten_thousand() -> None:
    settings = {"reference": {"reference_events": 20_000}, "labels": {"waiting_predictions_max": 5000}}
    engine = Engine(Config.model_validate({"defaults": settings}))

    def memory_after(first: int, levels: int) -> tuple[int, int]:
        features = ({"a": f"level-{i}", "b": f"{i}"} for i in range(first, first + levels))
        engine.apply([prediction(first + i, FIRST_MS, features=named) for i, named in enumerate(features)])
        state_bytes = sum(len(value) for value in engine.snapshot().entries.values())
        return state_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    after = [memory_after(first, 10_000) for first in range(0, 1_000_000, 10_000)]
    state_bytes, resident_kb = zip(*after[4:], strict=True)
    assert max(state_bytes) <= state_bytes[0] * 1.1
    assert resident_kb[-1] - resident_kb[0] < 30_000


def test_a_model_of_long_texts_keeps_a_state_that_fits_into_messages() -> None:
    engine = Engine(Config())
    for first in range(0, 6000, 200):
        texts = [f"{i}-" + "x" * 20_000 for i in range(first, first + 200)]
        records = [
            prediction(first + i, FIRST_MS, features={"a": t}, prediction=t) for i, t in enumerate(texts)
        ]
        engine.apply(
            [*records, *(label(first + i, FIRST_MS, f"p{first + i}", t) for i, t in enumerate(texts))]
        )
        assert max(len(value) for value in engine.snapshot().entries.values()) < 2_000_000


def test_a_prediction_id_that_comes_twice_is_given_back_whatever_else_it_says() -> None:
    engine = learned_engine()
    again = prediction(1000, FIRST_MS, prediction_id="learned-7", features={"a": 9.0})
    (data,) = rejected(engine, [again, prediction(1001, FIRST_MS)])
    assert (data["reason"], data["offset"], data["model"]) == ("duplicate_prediction_id", 1000, "m")
    assert engine.status().models[0].predictions == 200


def test_one_prediction_id_of_two_models_is_two_predictions() -> None:
    engine = learned_engine()
    shared = [prediction(1000 + i, FIRST_MS, prediction_id="shared", model=m) for i, m in enumerate("mn")]
    assert rejected(engine, [*shared, label(0, FIRST_MS, "shared", "yes", "n")]) == []
    joined = {one.name: one.labels_joined for one in engine.status().models}
    assert joined == {"m": 0, "n": 1}


def test_labels_without_predictions_are_held_bounded_and_counted() -> None:
    config = Config.model_validate({"defaults": {"labels": {"waiting_labels_max": 100}}})
    engine = Engine(config)
    assert engine.apply([label(i, FIRST_MS, f"nobody-{i}", "yes") for i in range(1000)]).events == ()
    counters = engine.status().models[0].counters
    assert (counters["labels"], counters["early_labels_evicted_by_count"]) == (1000, 900)
    assert "labels_joined" not in counters


def test_times_that_go_backwards_are_taken_and_the_clock_stays() -> None:
    engine = learned_engine()
    before = engine.clock_ms
    records = [at(FIRST_MS - i * 3_600_000, 1000 + i) for i in range(100)]
    assert rejected(engine, [*records, at(0, 1100)]) == []
    assert engine.clock_ms == before
    assert engine.status().models[0].predictions == 300


def test_a_wrong_time_does_not_move_the_clock() -> None:
    engine = learned_engine()
    before = engine.clock_ms
    assert len(rejected(engine, [at(4_080_000_000_000, 1000)])) == 1
    assert engine.clock_ms == before


def test_a_record_of_a_topic_that_is_no_input_is_given_back() -> None:
    (data,) = rejected(Engine(Config()), [Record("elsewhere", 0, 0, FIRST_MS, None, PLAIN)])
    assert data["reason"] == "unknown_topic"
    assert "predictions" in data["detail"]


def test_a_model_more_than_allowed_is_given_back_and_the_others_go_on() -> None:
    engine = Engine(Config.model_validate({"limits": {"models_max": 2}}))
    records = [prediction(i, FIRST_MS, model=f"m{i % 3}") for i in range(6)]
    assert [(d["reason"], d["model"]) for d in rejected(engine, records)] == [
        ("models_max_reached", "m2")
    ] * 2
    assert [(m.name, m.predictions) for m in engine.status().models] == [("m0", 2), ("m1", 2)]
