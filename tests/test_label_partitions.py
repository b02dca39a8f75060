"""One partition of labels that stops: told by itself, and only where it is a part."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.config_text import load_config
from driftd.contract.record import Record, Source
from driftd.detectors.base import Effect, Finding
from driftd.engine.engine import Engine
from driftd.engine.label_stops import LabelStops
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.stream import Evaluation, StreamName
from driftd.reference.panes import Place
from driftd.ticks import tick_record
from streams import FIRST_MS, SMALL, pieces, prediction

CONFIG = load_config(SMALL.replace("[defaults.reference]", '[defaults.reference]\ncycle = "none"'), "x")
JOURNAL = Source("driftd.journal", 0)
EVENTS, STOP = 700, 400


def stream(partitions: int, stopped: Callable[[int, int], bool]) -> list[Record]:
    """Each second a prediction and its label, by turns from so many partitions; a tick each ten seconds."""
    records: list[Record] = []
    offsets = [0] * partitions
    for i in range(EVENTS):
        at_ms, partition = FIRST_MS + i * 1_000, i % partitions
        records.append(prediction(i, at_ms, features={"a": i % 7}))
        if not stopped(i, partition):
            event = {"prediction_id": f"p{i}", "model": "m", "label": "yes", "at_ms": at_ms}
            value = json.dumps(event).encode()
            records.append(Record("labels", partition, offsets[partition], at_ms, None, value))
            offsets[partition] += 1
        if i % 10 == 9:
            records.append(tick_record(JOURNAL, at_ms))
    return records


def silences(events: list[OutputEvent]) -> list[Mapping[str, Any]]:
    """What was told of silence."""
    alerts = [json.loads(event.value)["data"] for event in events if event.topic is OutputTopic.ALERTS]
    return [alert for alert in alerts if alert["kind"] == "silence"]


def test_a_partition_of_labels_that_stops_is_told_by_its_name() -> None:
    engine = Engine(CONFIG)
    records = stream(3, lambda i, partition: i >= STOP and partition == 2)
    (opened,) = silences(list(engine.apply(records).events))
    assert [one["signal"] for one in opened["contributors"]] == ["labels labels:2"]
    assert ". no labels from labels:2 for " in opened["summary"]
    assert "were to be expected" in opened["summary"]
    assert FIRST_MS + (STOP - 10) * 1_000 <= opened["onset"]["at_ms"] <= FIRST_MS + (STOP + 10) * 1_000
    (silent,) = engine.status().models[0].silent
    assert silent[0] == "labels labels:2"
    assert engine.status().models[0].phase == "silent"


@pytest.mark.parametrize("partitions", [1, 3])
def test_labels_that_stop_everywhere_are_one_silence_and_not_one_of_each_partition(partitions: int) -> None:
    told = silences(list(Engine(CONFIG).apply(stream(partitions, lambda i, _: i >= STOP)).events))
    assert [[one["signal"] for one in alert["contributors"]] for alert in told] == [["labels"]]


def test_a_stop_that_the_label_watch_tells_is_not_told_of_its_partitions_again() -> None:
    place = Place(FIRST_MS, "driftd.journal", 0, FIRST_MS)
    signals = ("labels", "labels_joined", "labels labels:1", "predictions predictions:1", "producer labels")
    found = tuple(
        Finding(signal, Effect.SILENCE, "ticks", 1.0, 1.0, place, None, True, "words") for signal in signals
    )
    ticked = Evaluation(StreamName.TICKS, 0, place, found, True, (), {})
    left = LabelStops(is_told=True).but_told(ticked)
    assert left is not None
    assert [one.signal for one in left.findings] == ["predictions predictions:1", "producer labels"]
    assert LabelStops().but_told(ticked) == ticked


@given(st.lists(st.integers(0, 1_500), max_size=6))
@settings(max_examples=8, deadline=None)
def test_batches_and_restarts_do_not_show(cuts: list[int]) -> None:
    records = stream(2, lambda i, partition: STOP <= i < EVENTS - 50 and partition == 1)
    whole = Engine(CONFIG)
    expected = list(whole.apply(records).events)
    assert len(silences(expected)) == 2
    engine = Engine(CONFIG)
    told: list[OutputEvent] = []
    for piece in pieces(records, cuts):
        told += engine.apply(piece).events
        engine = Engine(CONFIG, engine.snapshot())
    assert told == expected
    assert engine.snapshot() == whole.snapshot()
