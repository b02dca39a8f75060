"""A reference that grows while its stream is watched: counted as before, and neither batches nor restarts are seen."""

import random

import pytest

from driftd.config_text import load_config
from driftd.engine.engine import Engine
from streams import FIRST_MS, SMALL, pieces, prediction

GROWING = SMALL.replace("grow_days = 0", 'grow_days = 3000\ncycle = "day"').replace(
    "[[defaults.detectors]]\n", ""
)
GROWING = GROWING.partition('name = "distance"')[0] + '[[defaults.detectors]]\nname = "evidence"\n'
CONFIG = load_config(GROWING, "growing.toml")
RNG = random.Random(5)
RECORDS = [
    prediction(i, FIRST_MS + i * 1_000, features={"a": RNG.gauss(0, 1), "b": RNG.choice("xyz")})
    for i in range(1_600)
]


@pytest.mark.parametrize("cut", [150, 400, 777, 1_100, 1_500])
def test_a_restart_while_a_reference_grows_is_invisible(cut: int) -> None:
    whole = Engine(CONFIG)
    expected = whole.apply(RECORDS).events
    first = Engine(CONFIG)
    told = first.apply(RECORDS[:cut]).events
    second = Engine(CONFIG, first.snapshot())
    assert (*told, *second.apply(RECORDS[cut:]).events) == expected
    assert dict(second.snapshot().entries) == dict(whole.snapshot().entries)
    (monitor,) = whole.monitors.values()
    assert monitor.inputs.builder is not None
    assert monitor.inputs.profile is not None
    # beyond its first 120 events: in the reference that is compared with, and since then
    assert monitor.inputs.builder.events > monitor.inputs.profile.events > 120


@pytest.mark.parametrize("cuts", [[1], [10, 333, 334, 900], list(range(0, 2_000, 37))])
def test_how_the_records_are_cut_is_not_seen_in_what_has_grown(cuts: list[int]) -> None:
    whole, cut = Engine(CONFIG), Engine(CONFIG)
    whole.apply(RECORDS)
    for piece in pieces(RECORDS, cuts):
        cut.apply(piece)
    assert dict(cut.snapshot().entries) == dict(whole.snapshot().entries)
