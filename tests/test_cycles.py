"""Cycles that a reference has not seen: no alarm for them at any rate of events, and jumps are found all the same."""

from typing import Final

import numpy as np
import pytest

from driftd.config_models import ModelSettings
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.panes import Columns, Place, PlaceList

SIGNALS: Final = 4
DAY_MS: Final = 86_400_000
CHUNK_EVENTS: Final = 8_192


def lived(
    events_per_day: int, events: int, amplitude: float, jump_from: int | None = None
) -> list[Evaluation]:
    """What the default settings say of normal signals on a sine over the day, of `amplitude` deviations."""
    rng = np.random.default_rng(1)
    numbers = np.arange(events)
    day = numbers / events_per_day + np.arange(SIGNALS)[:, None] / SIGNALS
    values = rng.standard_normal((SIGNALS, events)) + amplitude * np.sin(2 * np.pi * day)
    if jump_from is not None:
        values[1, jump_from:] += 2
    step_ms = DAY_MS / events_per_day
    places = PlaceList([Place(int(i * step_ms), "predictions", 0, i) for i in range(events)])
    schema = Schema(tuple(Signal(f"features.f{s}", SignalType.NUMBER) for s in range(SIGNALS)))
    stream = Stream(StreamName.INPUTS, "m", None, ModelSettings(), 50)
    stream.start(start(schema, Columns(values[:, :500], [])), places.slice(0, 500))
    told: list[Evaluation] = []
    for begin in range(0, events, CHUNK_EVENTS):
        end = min(begin + CHUNK_EVENTS, events)
        told += stream.add(Columns(values[:, begin:end], []), places.slice(begin, end))
    return [evaluation for evaluation in told if evaluation.findings]


@pytest.mark.parametrize("events_per_day", [2_000, 20_000, 100_000])
@pytest.mark.parametrize("amplitude", [0.5, 3.0])
def test_a_daily_cycle_raises_no_alarm_though_the_reference_saw_a_part_of_it(
    events_per_day: int, amplitude: float
) -> None:
    assert lived(events_per_day, max(2 * events_per_day, 10_000), amplitude) == []


@pytest.mark.parametrize("events_per_day", [100_000, 5_000_000])
def test_a_jump_in_an_hour_that_was_never_seen_is_found(events_per_day: int) -> None:
    found = lived(events_per_day, 12_000, 0.5, jump_from=9_000)
    first = found[0]
    assert 9_000 <= first.place.offset < 9_000 + max(400, 2 * 128)
    assert first.findings[0].signal == "features.f1"
