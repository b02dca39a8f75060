"""One stop of labels is one incident, whether ticks or the label watch find it, and with both."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from driftd.config_text import load_config
from driftd.contract.cloudevents import EventType
from driftd.contract.record import Record, Source
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.ticks import tick_record
from labelled import CHANGE, CONFIG, LABELS, STEP_MS, Labelled, records, stopping, usual
from streams import FIRST_MS, pieces

TICKED = load_config(LABELS.replace("grow_days = 0", 'grow_days = 0\ncycle = "none"'), "labels.toml")
JOURNAL = Source("driftd.journal", 0)


def with_ticks(stream: Sequence[Record], tick_ms: int = 10_000) -> list[Record]:
    """The records of `stream`, and a tick each ten seconds."""
    ticked: list[Record] = []
    next_ms = FIRST_MS + tick_ms
    for record in stream:
        while record.timestamp_ms >= next_ms:
            ticked.append(tick_record(JOURNAL, next_ms))
            next_ms += tick_ms
        ticked.append(record)
    return ticked


def opened(events: Sequence[OutputEvent]) -> list[tuple[str, list[str]]]:
    """The incidents that people were told of: their kind, and what they are about."""
    alerts = [(e.event_type, json.loads(e.value)["data"]) for e in events if e.topic is OutputTopic.ALERTS]
    return [
        (alert["kind"], [c["signal"] for c in alert["contributors"]])
        for event_type, alert in alerts
        if event_type == EventType.ALERT_OPENED
    ]


@pytest.mark.parametrize("stop", [600, 1500, 4000])
def test_one_stop_of_labels_is_one_incident_and_silence_tells_it_where_ticks_can(stop: int) -> None:
    def for_a_while(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
        return [] if CHANGE <= i < CHANGE + stop else usual(i, answer, rng)

    stream = records(CHANGE + stop + 4000, for_a_while)
    assert [kind for kind, _ in opened(Engine(CONFIG).apply(stream).events)] == ["label_quality"]
    told_once = opened(Engine(TICKED).apply(with_ticks(stream)).events)
    assert told_once == [("silence", ["labels"])]


def test_ticks_that_do_not_know_the_rate_yet_leave_a_stop_to_the_label_watch_and_do_not_tell_it_again() -> (
    None
):
    """Hours of the week are learned one by one: here the stop falls into hours that ticks have never seen."""
    stream = with_ticks(records(CHANGE + 100_000, stopping), 60_000)
    kinds = opened(Engine(CONFIG).apply(stream).events)
    assert kinds == [("label_quality", ["labels.labels_stopped"])]


def test_a_stop_within_a_window_of_labels_is_not_told_as_thin_labels_besides() -> None:
    stop = 5315

    def stopping_there(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
        return [] if i >= stop or rng.random() < 0.1 else usual(i, answer, rng)

    stream = records(stop + 600, stopping_there, seed=11)
    assert opened(Engine(CONFIG).apply(stream).events) == [("label_quality", ["labels.labels_stopped"])]
    assert opened(Engine(TICKED).apply(with_ticks(stream)).events) == [("silence", ["labels"])]


def test_labels_that_still_trickle_are_no_silence_but_are_told() -> None:
    def trickling(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
        return usual(i, answer, rng) if i < CHANGE or i % 40 == 0 else []

    ((kind, signals),) = opened(Engine(TICKED).apply(with_ticks(records(8000, trickling))).events)
    assert (kind, signals) == ("label_quality", ["labels.labels_stopped"])


def test_stops_that_ticks_tell_do_not_show_batches_or_restarts() -> None:
    stream = with_ticks(records(6000, stopping))
    whole = Engine(TICKED)
    events = whole.apply(stream).events
    engine, one = Engine(TICKED), list[OutputEvent]()
    stored: dict[str, bytes | None] = {}
    rng = random.Random(8)
    for piece in pieces(stream, [rng.randrange(len(stream)) for _ in range(60)]):
        one += engine.apply(piece).events
        stored |= engine.changes()
        entries = {key: value for key, value in stored.items() if value is not None}
        assert entries == engine.snapshot().entries
        engine = Engine(TICKED, engine.snapshot())
    assert one == list(events)
    assert engine.snapshot() == whole.snapshot()


def test_a_tick_within_a_window_of_labels_writes_only_what_ticks_change() -> None:
    engine = Engine(TICKED)
    engine.apply(with_ticks(records(3000, usual)))
    engine.changes()
    engine.apply([tick_record(JOURNAL, FIRST_MS + 3000 * STEP_MS)])
    assert set(engine.changes()) == {"engine", "model/m/pulse"}
