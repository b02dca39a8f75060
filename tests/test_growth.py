"""A reference that grows while its stream is watched: counted as before, and neither batches nor restarts are seen."""

import json
import random

import pytest

from driftd.config import Config
from driftd.config_text import load_config
from driftd.engine.engine import Engine
from streams import FIRST_MS, SMALL, label, pieces, prediction

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


@pytest.mark.parametrize("before", [100, 150])
def test_a_change_just_before_a_reference_would_be_renewed_is_found_as_soon_as_any_other(before: int) -> None:
    rng, records, change, answers = random.Random(7), [], 8_000 - before, ("yes", "no")
    for i in range(8_600):
        at_ms = FIRST_MS + i * 1_000
        wrong = rng.random() < (0.06 if i < change else 0.3)
        records.append(prediction(i, at_ms, features={"a": rng.gauss(0, 1)}, prediction=answers[i % 2]))
        records.append(label(i, at_ms, f"p{i}", answers[(i + wrong) % 2]))
    alerts = [json.loads(event.value)["data"] for event in Engine(Config()).apply(records).events]
    first = next(alert for alert in alerts if alert.get("kind") == "concept_drift")
    assert 0 < first["decided"]["offset"] - change <= 300  # more than 350 with the change in the reference
    assert abs(first["onset"]["offset"] - change) <= 64
