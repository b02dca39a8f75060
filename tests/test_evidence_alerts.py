"""What a user with the default configuration is told: forms of change in words, and whether they harm."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from driftd.config import Config
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from streams import FIRST_MS, label, prediction

QUIET = 8_000
AFTER = 1_500
STEP_MS = 1_000
Features = dict[str, object]
Changed = Callable[[Features, random.Random], Features]


def features(rng: random.Random) -> Features:
    return {
        "age": rng.gauss(40, 8),
        "plan": rng.choices(["basic", "plus", "max"], [6, 3, 1])[0],
        "seen": rng.random() < 0.3,
        "zip": rng.choice("abcdefghijklmnopqrst"),
    }


def as_ever(now: Features, _: random.Random) -> Features:
    return now


def life(
    changed: Changed,
    after: int = AFTER,
    wrong: tuple[float, float] | None = None,
    scores: Callable[[bool, random.Random], float] | None = None,
) -> list[Record]:
    """A model's records: as ever, then `changed`; errors with the shares `wrong` before and after, or no labels."""
    rng = random.Random(3)
    records: list[Record] = []
    for i in range(QUIET + after):
        is_late = i >= QUIET
        told = changed(features(rng), rng) if is_late else features(rng)
        more = {} if scores is None else {"scores": {"yes": scores(is_late, rng)}}
        records.append(prediction(i, FIRST_MS + i * STEP_MS, features=told, **more))
        if wrong is not None:
            answer = "no" if rng.random() < wrong[is_late] else "yes"
            records.append(label(i, FIRST_MS + i * STEP_MS + 100, f"p{i}", answer))
    return records


def alerts(records: list[Record], config: str = "") -> list[dict[str, Any]]:
    engine = Engine(load_config(config, "test.toml") if config else Config())
    events = [
        event for event in engine.apply(records).events if event.event_type.startswith("dev.driftd.alert")
    ]
    return [{"type": event.event_type, **json.loads(event.value)["data"]} for event in events]


FORMS: dict[str, tuple[Changed, str, str, str]] = {
    "shifted": (lambda f, _: {**f, "age": float(f["age"]) + 8}, "data_drift", "features.age", "shifted up: mean 4"),  # type: ignore[arg-type]
    "wider": (lambda f, _: {**f, "age": 40 + 2 * (float(f["age"]) - 40)}, "data_drift", "features.age", "wider ("),  # type: ignore[arg-type]
    "stuck": (lambda f, _: {**f, "age": 47.5}, "data_drift", "features.age", "stuck at 47.5"),
    "another unit": (
        lambda f, _: {**f, "age": float(f["age"]) * 1000},  # type: ignore[arg-type]
        "data_quality", "features.age", "about 1,000 times larger",
    ),
    "more missing": (
        lambda f, rng: {**f, "age": None if rng.random() < 0.3 else f["age"]},
        "data_quality", "features.age", "more missing: 0 % -> ",
    ),
    "gone": (
        lambda f, _: {name: value for name, value in f.items() if name != "plan"},
        "data_quality", "features.plan", "more missing: 0 % -> ",
    ),
    "a new level": (
        lambda f, rng: {**f, "plan": "trial" if rng.random() < 0.2 else f["plan"]},
        "data_quality", "features.plan", 'levels never seen before ("trial")',
    ),
    "a level's share": (
        lambda f, rng: {**f, "plan": "max" if rng.random() < 0.3 else f["plan"]},
        "data_drift", "features.plan", '"max" 9.36 % -> ',
    ),
    "a flag": (lambda f, rng: {**f, "seen": rng.random() < 0.6}, "data_drift", "features.seen", "shifted up"),
    "of the wrong type": (lambda f, _: {**f, "age": "old"}, "data_quality", "features.age", "of the wrong type"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_change_is_told_once_with_its_form_its_signal_and_its_onset(form: str) -> None:
    changed, kind, signal, words = FORMS[form]
    opened = [alert for alert in alerts(life(changed)) if alert["type"].endswith("opened.v1")]
    first = opened[0]
    assert (first["kind"], first["contributors"][0]["signal"]) == (kind, signal)
    assert words in first["summary"]
    assert abs(first["onset"]["offset"] - QUIET) <= 64
    assert first["harm"]["verdict"] == "unknown"
    assert [alert["kind"] for alert in opened] == [kind]


def test_nothing_is_said_while_nothing_changes() -> None:
    assert alerts(life(as_ever, wrong=(0.1, 0.1))) == []


def test_a_feature_that_appears_later_is_not_watched_and_no_alarm() -> None:
    assert alerts(life(lambda f, rng: {**f, "new": rng.random()})) == []


def older(now: Features, _: random.Random) -> Features:
    return {**now, "age": float(now["age"]) + 8}  # type: ignore[arg-type]


def last_harm(told: list[dict[str, Any]], kind: str) -> tuple[str, str]:
    harm = [alert["harm"] for alert in told if kind in alert["kinds"]][-1]
    return harm["verdict"], harm["basis"]


HARMFUL_ONLY = '[defaults.incidents]\npage = "harmful"\nupdate_panes = 16\n'


def test_a_drift_that_the_model_answers_as_well_as_before_is_benign_and_only_informs() -> None:
    told = alerts(life(older, 4_000, wrong=(0.2, 0.2)), HARMFUL_ONLY)
    assert {alert["kind"] for alert in told} == {"data_drift"}
    assert last_harm(told, "data_drift") == ("benign", "labels")
    assert {alert["severity"] for alert in told} == {"info"}


def test_a_drift_with_which_errors_rise_is_harmful_and_pages() -> None:
    told = alerts(life(older, 4_000, wrong=(0.1, 0.4)), HARMFUL_ONLY)
    assert last_harm(told, "data_drift") == ("harmful", "labels")
    assert (told[-1]["severity"], told[-1]["kinds"]) == ("critical", ["performance", "data_drift"])
    assert len({alert["incident_id"] for alert in told}) == 1


@pytest.mark.parametrize(("unsure", "verdict"), [(True, "harmful"), (False, "benign")])
def test_without_labels_the_scores_of_two_classes_tell_whether_it_harms(unsure: bool, verdict: str) -> None:
    def scores(is_late: bool, rng: random.Random) -> float:
        low, high = (0.35, 0.65) if is_late and unsure else (0.85, 0.99)
        return rng.uniform(low, high)

    told = alerts(life(older, 4_000, scores=scores), HARMFUL_ONLY)
    assert last_harm(told, "data_drift") == (verdict, "scores")
