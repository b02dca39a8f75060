"""Ticks: when there are some, what an engine says by them, and that they replay like any record."""

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.cli.story import doubts
from driftd.config import Config, Kafka
from driftd.config_text import load_config
from driftd.contract.record import Record, Source
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.kafka_settings import kafka_settings
from driftd.reference.cycle import HOUR_MS
from driftd.shells.inputs import Inputs
from driftd.shells.metrics import model_metrics
from driftd.ticks import NO_TICK, Ticker, tick_record
from streams import FIRST_MS, SMALL, Story, control, pieces, prediction

JOURNAL = Source("driftd.journal", 0)
PREDICTIONS = Source("predictions", 0)
MORE = """
[defaults.silence]
shortest_ms = 20000
[defaults.operations]
latency_ms_p50_max = 5.6
failed_share_max = 0.05
"""


def config(more: str = MORE) -> Config:
    return load_config(
        SMALL.replace("[defaults.reference]", '[defaults.reference]\ncycle = "none"') + more, "x"
    )


def stopping(events: int = 300, quiet_ticks: int = 60, again: int = 0) -> list[Record]:
    """A prediction a second with a tick each ten, then ticks alone, then predictions again."""
    records: list[Record] = []
    number = 0
    for second in range(events + quiet_ticks * 10 + again):
        at_ms = FIRST_MS + second * 1_000
        if second < events or second >= events + quiet_ticks * 10:
            records.append(prediction(number, at_ms, features={"a": number % 7}))
            number += 1
        if second % 10 == 9:
            records.append(tick_record(JOURNAL, at_ms))
    return records


def alerts(engine: Engine, records: list[Record]) -> list[dict[str, Any]]:
    events = [event for event in engine.apply(records).events if event.topic is OutputTopic.ALERTS]
    return [{"type": event.event_type, **json.loads(event.value)["data"]} for event in events]


@pytest.mark.parametrize(
    ("what", "now_ms", "last_ms", "end", "applied", "expected"),
    [
        ("the first one comes at once", 1_000, NO_TICK, 5, 4, 1_000),
        ("the interval has not passed", 1_009, 1_000, 5, 4, None),
        ("the interval has passed", 1_010, 1_000, 5, 4, 1_010),
        ("the daemon was away", 9_000, 1_000, 5, 4, 9_000),
        ("a record is still to be applied", 1_010, 1_000, 5, 3, None),
        ("the clock went back", 900, 1_000, 5, 4, None),
    ],
)  # fmt: skip
def test_when_there_is_a_tick(
    what: str, now_ms: int, last_ms: int, end: int, applied: int, expected: int | None
) -> None:
    def reached(ends: Mapping[Source, int]) -> bool:
        return all(applied + 1 >= one for one in ends.values())

    ticker = Ticker(10)
    assert ticker.step(now_ms, last_ms, lambda: {PREDICTIONS: end}, reached) == expected, what
    assert Ticker(0).step(now_ms, last_ms, lambda: {PREDICTIONS: end}, reached) is None


def test_a_tick_that_had_to_wait_is_of_the_time_at_which_it_fell_due() -> None:
    ticker = Ticker(10)
    assert ticker.step(1_000, 0, lambda: {PREDICTIONS: 5}, lambda _: False) is None
    # more has come meanwhile, and does not matter
    assert ticker.step(1_500, 0, lambda: {PREDICTIONS: 9}, lambda ends: ends[PREDICTIONS] <= 5) == 1_000


def test_a_backlog_that_was_not_fetched_yet_holds_ticks_back() -> None:
    # a real consumer cannot be held in the moment before its first fetch
    position = SimpleNamespace(position=0, has_valid_position=True)
    assignment = SimpleNamespace(state_value=lambda _: position)
    consumer = SimpleNamespace(
        start=AsyncMock(),
        assign=lambda _: None,
        seek=lambda *_: None,
        beginning_offsets=AsyncMock(side_effect=lambda parts: dict.fromkeys(parts, 0)),
        end_offsets=AsyncMock(side_effect=lambda parts: dict.fromkeys(parts, 9)),
        last_stable_offset=lambda _: None,
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
    )

    async def look() -> None:
        inputs = Inputs(kafka_settings(Kafka(), {}), [PREDICTIONS], 0)
        await inputs.close()
        inputs._consumer = consumer
        await inputs.open({PREDICTIONS: 3})
        assert inputs.ends() == {PREDICTIONS: 9}
        assert not inputs.reached(inputs.ends(), {PREDICTIONS: 7})
        assert inputs.reached(inputs.ends(), {PREDICTIONS: 8})
        consumer.last_stable_offset = lambda _: 12
        assert not inputs.reached(inputs.ends(), {PREDICTIONS: 8})

    asyncio.run(look())


def test_a_model_that_stops_is_silent_until_it_comes_again() -> None:
    engine = Engine(config())
    (opened,) = alerts(engine, stopping())
    assert (opened["type"], opened["kind"], opened["stage"]) == (
        "dev.driftd.alert.opened.v1", "silence", "deployment",
    )  # fmt: skip
    assert "Something to judge by is missing" in opened["summary"]
    assert "no predictions for" in opened["summary"]
    assert FIRST_MS + 299_000 <= opened["onset"]["at_ms"] <= FIRST_MS + 310_000
    assert opened["detected"]["at_ms"] <= FIRST_MS + 420_000
    assert opened["replay"].startswith("driftd record --until driftd.journal:0:")
    (model,) = engine.status().models
    assert model.phase == "silent"
    assert model.silent[0][0] == "predictions"
    samples = {(s.name, *s.labels.values()): s.value for m in model_metrics([model]) for s in m.samples}
    assert samples["driftd_model_silent", "m", "predictions"] == 1
    assert samples["driftd_model_phase", "m", "silent"] == 1
    assert samples["driftd_model_phase", "m", "watching"] == 0
    assert any("cannot judge: no predictions for" in line for line in doubts(model))

    later = [r for r in stopping(again=30) if r.timestamp_ms > FIRST_MS + 900_000]
    (resolved,) = alerts(engine, later)
    assert (resolved["type"], resolved["kind"]) == ("dev.driftd.alert.resolved.v1", "silence")
    assert "what was missing comes again" in resolved["summary"]
    assert engine.status().models[0].phase == "watching"


def test_silence_survives_a_restart_and_is_told_once() -> None:
    engine = Engine(config())
    assert len(alerts(engine, stopping())) == 1
    later = Engine(config(), engine.snapshot())
    assert later.status().models[0].phase == "silent"
    more = [tick_record(JOURNAL, FIRST_MS + 900_000 + n * 10_000) for n in range(5)]
    assert alerts(later, more) == []
    resolve = control(0, FIRST_MS + 990_000, type="command", action="resolve", who="me", model="m")
    (resolved,) = alerts(later, [resolve])
    assert (resolved["kind"], resolved["cause"]) == ("silence", "person")
    assert alerts(later, [tick_record(JOURNAL, FIRST_MS + 2_000_000)]) == []


def test_a_clock_that_jumps_and_a_partition_that_stops_are_silence_too() -> None:
    engine = Engine(config(""))
    records = stopping(400, 0)
    halves = [
        Record("predictions", r.offset % 2, r.offset // 2, r.timestamp_ms, None, r.value)
        if r.topic == "predictions"
        else r
        for r in records
    ]
    assert alerts(engine, halves) == []
    later = []
    for second in range(400, 1_200):
        at_ms = FIRST_MS + second * 1_000
        ahead = at_ms + (2 * HOUR_MS if second >= 1_000 else 0)
        value = prediction(second, ahead, features={"a": second % 7}).value
        later.append(Record("predictions", 0, second, at_ms, None, value))
        if second % 10 == 9:
            later.append(tick_record(JOURNAL, at_ms))
    told = [alert for alert in alerts(engine, later) if alert["kind"] == "silence"]
    assert [one["signal"] for one in told[0]["contributors"]] == ["predictions predictions:1"]
    assert engine.status().models[0].silent[-1][0] == "clock"
    assert "ahead of their records' timestamps" in engine.status().models[0].silent[-1][1]


def test_a_tick_writes_little_where_nothing_is_open() -> None:
    engine = Engine(config(""))
    engine.apply(stopping(quiet_ticks=0))
    engine.changes()
    assert engine.apply([tick_record(JOURNAL, FIRST_MS + 301_000)]).events == ()
    assert len(engine.changes()) == 2  # the engine's own entry, and the pulse


def test_offsets_without_records_are_counted_and_are_no_finding() -> None:
    engine = Engine(config())
    records = [prediction(offset, FIRST_MS + offset) for offset in (5, 6, 8, 12)]
    assert engine.apply(records).events == ()
    assert engine.counters["offsets_without_record"] == 4


def ticked(seed: int) -> list[Record]:
    """A story with everything in it, a tick each twenty seconds, and a silence after it."""
    told = Story(seed, 300).tell()
    ticks = [tick_record(JOURNAL, FIRST_MS + n * 20_000) for n in range(1, 60)]
    return sorted([*told, *ticks], key=lambda record: record.timestamp_ms)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 900), max_size=8))
@settings(max_examples=15, deadline=None)
def test_batches_restarts_and_redelivery_do_not_show_with_ticks(seed: int, cuts: list[int]) -> None:
    records, own = ticked(seed), config()
    whole = Engine(own)
    expected = list(whole.apply(records).events)
    assert any(b'"silence"' in event.value for event in expected)
    engine = Engine(own)
    told: list[OutputEvent] = []
    before: list[Record] = []
    stored: dict[str, bytes] = {}
    for piece in pieces(records, cuts):
        told += engine.apply([*before, *piece]).events  # what came last comes again
        before = list(piece)
        for key, value in engine.changes().items():
            stored[key] = value or b""
        entries = {key: value for key, value in stored.items() if value}
        assert entries == dict(engine.snapshot().entries)
        engine = Engine(own, engine.snapshot())
        stored = dict(engine.snapshot().entries)
    assert told == expected


def test_failures_beyond_the_objective_are_a_critical_incident_of_operations() -> None:
    engine = Engine(config("[defaults.operations]\nfailed_share_max = 0.01\n"))
    assert alerts(engine, stopping(600, 0)) == []
    bad = [
        prediction(n, FIRST_MS + n * 1_000, features={"a": n % 7}, error="no answer" if n % 2 else None)
        for n in range(600, 700)
    ]
    told = alerts(engine, [*bad, tick_record(JOURNAL, FIRST_MS + 701_000)])
    burning = [one for one in told if any(c["signal"] == "failed_share_max" for c in one["contributors"])]
    assert burning
    assert (burning[-1]["kind"], burning[-1]["severity"], burning[-1]["stage"]) == (
        "operations", "critical", "deployment",
    )  # fmt: skip
    assert "the error budget burns" in burning[-1]["summary"]
