"""Events that say where they stand in what their producer sent: read in both forms, and told through the engine."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.config import Config, Limits
from driftd.config_text import load_config
from driftd.contract.record import Record, Source
from driftd.decode.batch import decode
from driftd.decode.sequence import Numbered
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.producers import HELD_MS
from driftd.shells.metrics import model_metrics
from driftd.ticks import tick_record
from streams import FIRST_MS, SMALL, Story, label, pieces, prediction

CONFIG = load_config(SMALL.replace("[defaults.reference]", '[defaults.reference]\ncycle = "none"'), "x")
JOURNAL = Source("driftd.journal", 0)
HEADERS = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_type", b"t"))
DOCUMENT = {
    "prediction_id": "1",
    "model": "m",
    "at_ms": FIRST_MS,
    "features": {"a": 1.0},
    "prediction": "yes",
}


def numbered(record: Record, source: bytes | None, sequence: bytes | None) -> Record:
    """`record` as a CloudEvent in binary form."""
    headers = (*HEADERS, ("ce_source", source), ("ce_sequence", sequence))
    return Record(
        record.topic, record.partition, record.offset, record.timestamp_ms, None, record.value, headers
    )


def enveloped(record: Record, attributes: Mapping[str, Any]) -> Record:
    """`record` as a CloudEvent in structured form."""
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "type": "t",
        **attributes,
        "data": json.loads(record.value or b""),
    }
    value = json.dumps(envelope).encode()
    return Record(record.topic, record.partition, record.offset, record.timestamp_ms, None, value)


def read(records: list[Record]) -> list[Numbered]:
    return decode(records, Config().topics, Limits(), {}).numbered


def silences(events: list[OutputEvent]) -> list[dict[str, Any]]:
    """What was told of silence, with the type of the alert."""
    alerts = [json.loads(event.value) for event in events if event.topic is OutputTopic.ALERTS]
    told = [{"type": alert["type"].split(".")[-2], **alert["data"]} for alert in alerts]
    return [alert for alert in told if alert["kind"] == "silence"]


@pytest.mark.parametrize(
    ("source", "sequence", "number"),
    [
        (b"/s", b"42", 42),
        (b"/s", b"0", 0),
        (b"/s", b"000000000000000000000000042", 42),
        (b"/s", b"9" * 18, 10**18 - 1),
        (b"/s", b"1" + b"0" * 30, None),
        (b"/s", b"-1", None),
        (b"/s", b"+1", None),
        (b"/s", b"1.0", None),
        (b"/s", b"1_0", None),
        (b"/s", b" 1", None),
        (b"/s", "\u0661".encode(), None),
        (b"/s", b"", None),
        (b"/s", None, None),
        (b"/s", b"abc", None),
        (None, b"1", None),
        (b"", b"1", None),
        (b"\xff", b"1", None),
        (b"x" * 201, b"1", None),
    ],
)
def test_a_number_in_headers_is_read_or_known_to_be_none(
    source: bytes | None, sequence: bytes | None, number: int | None
) -> None:
    for record in (prediction(0, FIRST_MS), label(0, FIRST_MS, "1", "yes")):
        (one,) = read([numbered(record, source, sequence)])
        assert one == Numbered(0, "m", "" if number is None else "/s", number)


@pytest.mark.parametrize(
    ("attributes", "number"),
    [
        ({"source": "/s", "sequence": "42"}, 42),
        ({"source": "/s", "sequence": 42}, 42),
        ({"source": "/s", "sequence": -1}, None),
        ({"source": "/s", "sequence": 10**30}, None),
        ({"source": "/s", "sequence": 1.5}, None),
        ({"source": "/s", "sequence": True}, None),
        ({"source": "/s", "sequence": None}, None),
        ({"source": "/s", "sequence": [1]}, None),
        ({"source": "/s", "sequence": "x" * 300}, None),
        ({"source": 7, "sequence": "1"}, None),
        ({"sequence": "1"}, None),
    ],
)
def test_a_number_in_an_envelope_is_read_or_known_to_be_none(
    attributes: dict[str, Any], number: int | None
) -> None:
    for record in (prediction(0, FIRST_MS), label(0, FIRST_MS, "1", "yes")):
        (one,) = read([enveloped(record, attributes)])
        assert one == Numbered(0, "m", "" if number is None else "/s", number)


def test_events_without_a_number_have_none_whatever_else_they_say() -> None:
    named = Record(
        "predictions", 0, 1, FIRST_MS, None, prediction(1, FIRST_MS).value, (("ce_source", b"/s"),)
    )
    native = prediction(3, FIRST_MS, source="/s", sequence="1")
    plain = enveloped(prediction(2, FIRST_MS), {"source": "/s"})
    assert read([prediction(0, FIRST_MS), named, plain, native]) == []


def test_what_was_refused_has_come_and_an_envelope_goes_before_headers() -> None:
    refused = Record("predictions", 0, 0, FIRST_MS, None, b"{")
    wrong = prediction(1, FIRST_MS, prediction_id=7)
    both = numbered(enveloped(prediction(2, FIRST_MS), {"source": "/e", "sequence": "5"}), b"/h", b"6")
    assert read([numbered(refused, b"/s", b"1"), numbered(wrong, b"/s", b"2"), both]) == [
        Numbered(0, None, "/s", 1),
        Numbered(1, "m", "/s", 2),
        Numbered(2, "m", "/e", 5),
    ]


def stream(lost: frozenset[int], events: int = 400) -> list[Record]:
    """Each second an event of a producer, of predictions and labels by turns; a tick each ten."""
    records: list[Record] = []
    for i in range(events):
        at_ms = FIRST_MS + i * 1_000
        record = label(i, at_ms, f"p{i - 1}", "yes") if i % 2 else prediction(i, at_ms, features={"a": i % 7})
        if i not in lost:
            records.append(numbered(record, b"/pay", b"%06d" % i))
        if i % 10 == 9:
            records.append(tick_record(JOURNAL, at_ms))
    return records


def test_events_that_never_came_are_an_incident_of_silence_with_their_producer_and_numbers() -> None:
    engine = Engine(CONFIG)
    (opened,) = silences(list(engine.apply(stream(frozenset({251, 252, 253}))).events))
    assert (opened["type"], opened["severity"], opened["stage"]) == ("opened", "warning", "deployment")
    assert ". 3 events of producer /pay never came: numbers 251 to 253." in opened["summary"]
    assert opened["onset"] == {
        "at_ms": FIRST_MS + 249_000, "topic": "driftd.journal", "partition": 0, "offset": FIRST_MS + 249_000,
    }  # fmt: skip
    assert opened["detected"]["at_ms"] == FIRST_MS + 269_000
    (model,) = engine.status().models
    assert model.phase == "silent"
    assert [name for name, _ in model.silent] == ["producer /pay"]
    samples = [sample for family in model_metrics([model]) for sample in family.samples]
    metrics = {one.name: one.value for one in samples}
    assert metrics["driftd_model_producer_events_total"] == 3
    assert metrics["driftd_model_sequence_missing_total"] == 3
    assert metrics["driftd_model_sequence_invalid_total"] == 0


@pytest.mark.parametrize(
    ("found_late", "resolved_ms"),
    [((), 269_000 + HELD_MS), ((251, 253, 252), 309_000)],
    ids=["never", "late"],
)
def test_it_is_over_an_hour_later_or_when_the_events_come_after_all(
    found_late: tuple[int, ...], resolved_ms: int
) -> None:
    records = stream(frozenset({251, 252, 253}), resolved_ms // 1_000 + 20)
    came = [numbered(prediction(i, FIRST_MS + 305_000), b"/pay", b"%d" % i) for i in found_late]
    late = [Record(r.topic, 1, i, r.timestamp_ms, None, r.value, r.headers) for i, r in enumerate(came)]
    records = sorted([*records, *late], key=lambda one: one.timestamp_ms)
    told = silences(list(Engine(CONFIG).apply(records).events))
    assert {one["type"] for one in told[:-1]} <= {"opened", "updated"}
    assert (told[-1]["type"], told[-1]["detected"]["at_ms"]) == ("resolved", FIRST_MS + 269_000)
    assert "no more were lost for an hour" in told[-1]["summary"]
    assert told[-1]["decided"]["at_ms"] == FIRST_MS + resolved_ms


def test_events_that_were_refused_are_not_missing() -> None:
    damaged = frozenset({250, 260, 261})
    records = [
        Record(r.topic, r.partition, r.offset, r.timestamp_ms, None, b"{", r.headers)
        if r.headers and int(r.headers[-1][1] or b"") in damaged
        else r
        for r in stream(frozenset())
    ]
    engine = Engine(CONFIG)
    told = list(engine.apply(records).events)
    assert silences(told) == []
    assert sum(event.topic is OutputTopic.REJECTED for event in told) == 3
    assert engine.status().models[0].producers == ()


def test_what_was_refused_is_written_to_the_state_though_nothing_else_came() -> None:
    engine = Engine(CONFIG)
    engine.apply(stream(frozenset({250}), 255))
    stored = dict(engine.changes())
    refused = Record(
        "predictions", 1, 0, FIRST_MS + 255_000, None, b"{", (("ce_source", b"/pay"), ("ce_sequence", b"250"))
    )
    before = engine.snapshot()
    engine.apply([refused])
    assert engine.snapshot().entries["model/m/pulse"] != before.entries["model/m/pulse"]
    entries = {key: value for key, value in (stored | engine.changes()).items() if value is not None}
    assert entries == dict(engine.snapshot().entries)


def test_silence_that_is_switched_off_counts_nothing() -> None:
    engine = Engine(load_config(SMALL + "[defaults.silence]\nenabled = false\n", "x"))
    assert silences(list(engine.apply(stream(frozenset({250}))).events)) == []
    assert engine.status().models[0].producers == ()


def storied(seed: int) -> list[Record]:
    """A story with everything in it, of producers that lose events, swap them, begin again, or number nonsense."""
    story = Story(seed, 500).tell()
    records: list[Record] = []
    numbers = dict.fromkeys((b"/a", b"/b", b"/c"), 0)
    for i, plain in enumerate(story):
        source = (b"/a", b"/b", b"/c")[i % 3]
        numbers[source] += 1 + 3 * (i in (900, 903, 907))
        if source == b"/b" and i // 3 == 250:
            numbers[source] = 0
        number = numbers[source] ^ (1 if i % 11 == 0 else 0)
        sequence = b"%d" % number if i % 50 else (b"-1", b"x", b"1" + b"0" * 30)[i % 3]
        is_numbered = plain.topic != "driftd.control" and i % 7
        records.append(
            numbered(plain, source if i % 97 else b"new%d" % i, sequence) if is_numbered else plain
        )
    ticks = [tick_record(JOURNAL, FIRST_MS + n * 20_000) for n in range(1, 40)]
    return sorted([*records, *ticks], key=lambda one: one.timestamp_ms)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 1_600), max_size=8), st.booleans())
@settings(max_examples=15, deadline=None)
def test_batches_restarts_and_redelivery_do_not_show(seed: int, cuts: list[int], lossy: bool) -> None:
    records = stream(frozenset({seed % 100 + 200, 320}), 400) if lossy else storied(seed)
    whole = Engine(CONFIG)
    expected = list(whole.apply(records).events)
    assert not lossy or silences(expected)
    assert whole.status().models[0].producers
    engine = Engine(CONFIG)
    told: list[OutputEvent] = []
    before: list[Record] = []
    stored: dict[str, bytes | None] = {}
    for piece in pieces(records, cuts):
        told += engine.apply([*before, *piece]).events  # what came last comes again
        before = list(piece)
        stored |= engine.changes()
        assert {key: value for key, value in stored.items() if value} == dict(engine.snapshot().entries)
        engine = Engine(CONFIG, engine.snapshot())
        stored = dict(engine.snapshot().entries)
    assert told == expected
    assert engine.status().models == whole.status().models
