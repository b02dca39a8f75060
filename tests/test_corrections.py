"""The figures of periods, after labels were corrected, are those of plain arithmetic over the whole recording."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import pytest

from driftd.cli.periods import period_lines
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.period_status import ModelPerformance, PeriodStatus
from driftd.engine.status import model_performance
from streams import FIRST_MS, pieces

PERIOD_MS = 600_000
STEP_MS = 1000
PERIODS = 5
START_MS = FIRST_MS // PERIOD_MS * PERIOD_MS
COSTS = {("cat", "dog"): 5.0, ("dog", "cat"): 2.5, ("cow", "cat"): 0.125, ("dog", "dog"): -1.0}
TABLE = f"""
[defaults.reference]
learn_events = 50
[defaults.labels]
period_ms = {PERIOD_MS}
[defaults.labels.cost]
cat = {{ dog = 5.0 }}
dog = {{ cat = 2.5, dog = -1.0 }}
cow = {{ cat = 0.125 }}
"""
CONFIG = load_config(TABLE, "costs.toml")
NAMES = ("cat", "cow", "dog")
Event = dict[str, Any]


def record(topic: str, offset: int, at_ms: int, event: Event) -> Record:
    return Record(topic, 0, offset, at_ms, None, json.dumps({**event, "model": "m", "at_ms": at_ms}).encode())


def recording(seed: int) -> list[Record]:
    """Predictions with scores and segments; labels with weights, of which a third is corrected, some of them twice."""
    rng = random.Random(seed)
    told: list[tuple[int, int, str, Event]] = []
    for i in range(PERIODS * PERIOD_MS // STEP_MS):
        at_ms = START_MS + i * STEP_MS
        parts = [rng.random() for _ in NAMES]
        scores = {name: part / sum(parts) for name, part in zip(NAMES, parts, strict=True)}
        if rng.random() < 0.05:
            scores = rng.choice([{"cat": 0.9, "cow": 0.9, "dog": 0.9}, {"cat": -1.0, "cow": 1.0, "dog": 1.0}])
        segment = {"country": rng.choice("abc"), "size": rng.choice("sl")} if rng.random() < 0.8 else None
        answer = max(scores, key=lambda name: scores[name])
        event = {
            "prediction_id": f"p{i}",
            "features": {"a": rng.random()},
            "prediction": answer,
            "scores": scores,
        }
        told.append((at_ms, 0, "predictions", event | ({"segment": segment} if segment else {})))
        due = at_ms
        for _ in range(1 + (rng.random() < 0.33) + (rng.random() < 0.2)):
            due += rng.randrange(1, 200_000)
            said = {"label": rng.choice(NAMES), "weight": rng.choice([0.25, 1.0, 1.0, 3.0])}
            told.append(
                (due, 1, "labels", {"prediction_id": f"p{i}", "annotator": rng.choice("xyz"), **said})
            )
    told.sort(key=lambda one: one[:2])
    offsets: defaultdict[str, int] = defaultdict(int)
    records = []
    for at_ms, _, topic, event in told:
        records.append(record(topic, offsets[topic], at_ms, event))
        offsets[topic] += 1
    return records


def in_force(stream: Sequence[Record], begin_ms: int) -> list[tuple[Event, str, float]]:
    """Of each prediction from `begin_ms` on its event, its latest label and that one's weight, by dictionaries."""
    predictions: dict[str, Event] = {}
    labels: dict[str, tuple[str, float]] = {}
    for one in stream:
        event = json.loads(one.value or b"{}")
        name = event["prediction_id"]
        if one.topic == "predictions":
            predictions[name] = event
        elif name not in labels or labels[name][0] != event["label"]:
            # who agrees changes nothing, also not the weight
            labels[name] = (event["label"], event["weight"])
    return [(predictions[n], *said) for n, said in labels.items() if predictions[n]["at_ms"] >= begin_ms]


def oracle(pairs: Sequence[tuple[Event, str, float]]) -> dict[str, float]:
    """The figures of labelled predictions, by their definitions."""
    predicted = np.array([event["prediction"] for event, _, _ in pairs])
    label, weight = np.array([pair[1] for pair in pairs]), np.array([pair[2] for pair in pairs])
    total = weight.sum()
    right = weight * (predicted == label)
    recalls, f1 = [], []
    for name in NAMES:
        hits = right[label == name].sum()
        recalls.append(hits / weight[label == name].sum())
        f1.append(2 * hits / (weight[label == name].sum() + weight[predicted == name].sum()))
    costs = np.array([COSTS.get(both, 0.0) for both in zip(predicted.tolist(), label.tolist(), strict=True)])
    scored = [
        p for p in pairs if abs(sum(p[0]["scores"].values()) - 1) < 0.01 and min(p[0]["scores"].values()) >= 0
    ]
    losses = np.array([-log(max(p[0]["scores"][p[1]], 1e-6)) for p in scored])
    brier = np.array([sum((s - (n == p[1])) ** 2 for n, s in p[0]["scores"].items()) for p in scored])
    weights = np.array([p[2] for p in scored])
    return {
        "accuracy": right.sum() / total,
        "balanced_accuracy": float(np.mean(recalls)),
        "f1_macro": float(np.mean(f1)),
        "cost": (weight * costs).sum() / total,
        "log_loss": (weights * losses).sum() / weights.sum(),
        "brier": (weights * brier).sum() / weights.sum(),
    }


def performance(stream: Sequence[Record], cuts: Sequence[int] = ()) -> tuple[PeriodStatus, ...]:
    engine = Engine(CONFIG)
    for piece in pieces(stream, cuts):
        engine.apply(piece)
        if cuts:
            engine = Engine(CONFIG, engine.snapshot())
    return model_performance(engine.monitors["m"]).periods


@pytest.mark.parametrize("seed", range(3))
def test_figures_after_corrections_are_those_of_plain_arithmetic(seed: int) -> None:
    stream = recording(seed)
    periods = performance(stream)
    assert len(periods) == PERIODS - 1
    pairs = in_force(stream, periods[0].start_ms)
    corrected = sum(
        json.loads(one.value or b"")["annotator"] is not None for one in stream if one.topic == "labels"
    )
    assert corrected > 1.3 * len(pairs), "there are as good as no corrections in this stream"
    for period in periods:
        own = [pair for pair in pairs if period.start_ms <= pair[0]["at_ms"] < period.end_ms]
        assert (period.predictions, period.labels) == (PERIOD_MS // STEP_MS, len(own))
        for name, value in oracle(own).items():
            assert period.as_labelled[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


def test_figures_by_segment_are_those_of_plain_arithmetic() -> None:
    stream = recording(4)
    periods = performance(stream)
    pairs = in_force(stream, periods[0].start_ms)
    for period in periods:
        assert set(period.segments) == {"country=a", "country=b", "country=c", "size=s", "size=l"}
        for name, segment in period.segments.items():
            key, _, value = name.partition("=")
            own = [
                pair
                for pair in pairs
                if period.start_ms <= pair[0]["at_ms"] < period.end_ms
                and pair[0].get("segment", {}).get(key) == value
            ]
            assert segment.labels == len(own)
            for figure, expected in oracle(own).items():
                assert segment.as_labelled[figure] == pytest.approx(expected, rel=1e-12, abs=1e-12), figure


def test_restarts_between_a_label_and_its_correction_do_not_show() -> None:
    stream = recording(5)
    assert performance(stream, range(0, len(stream), 701)) == performance(stream)


def test_the_cost_of_a_period_has_an_interval_that_is_that_of_its_mean_times_its_predictions() -> None:
    stream = recording(6)
    judged = [period for period in performance(stream) if period.immature is None]
    assert judged
    for period in judged:
        mean, total = (np.array(period.figures[name], np.float64) for name in ("cost", "cost_total"))
        assert total == pytest.approx(period.predictions * mean)
        assert mean[1] < mean[0] < mean[2]


def test_a_class_that_only_the_table_of_costs_knows_is_told() -> None:
    stream = recording(6)[:1_500]
    for rows, unmet in (("", ()), ("hen = { cat = 1.0 }\nDog = { cow = 1.0 }\n", ("hen", "Dog"))):
        engine = Engine(load_config(TABLE + rows, "costs.toml"))
        engine.apply(stream)
        told = model_performance(engine.monitors["m"])
        assert told.costs_unmet == unmet
        assert [line for line in period_lines(told) if "labels.cost" in line] == [
            "labels.cost names what no prediction and no label was: hen, Dog"
        ] * bool(unmet)


def told_with_segments(names: int) -> ModelPerformance:
    """What is told where each prediction is of one of forty shops, and of `names` segments more."""
    rng = random.Random(7)
    stream = []
    for one in recording(7):
        event = json.loads(one.value or b"{}")
        if one.topic == "predictions":
            event["segment"] = {"shop": f"s{rng.randrange(40)}", **{f"k{i}": "x" for i in range(names)}}
        stream.append(record(one.topic, one.offset, one.timestamp_ms, event))
    engine = Engine(CONFIG)
    engine.apply(stream)
    return model_performance(engine.monitors["m"])


def test_segments_that_are_too_many_are_counted_together_and_told() -> None:
    told = told_with_segments(3)
    segments = told.periods[0].segments
    assert len(segments) == 17
    apart = sum(part.predictions for name, part in segments.items() if name.startswith("shop="))
    assert segments["other"].predictions == told.periods[0].predictions - apart
    assert told.other_segments == sum(period.segments["other"].predictions for period in told.periods)
    assert any("too many to be told apart" in line for line in period_lines(told))


def test_an_event_of_too_many_segments_is_counted_in_the_first_ones_and_in_other() -> None:
    told = told_with_segments(6)
    segments = told.periods[0].segments
    assert set(segments) == {"k0=x", "k1=x", "k2=x", "k3=x", "other"}
    assert {part.predictions for part in segments.values()} == {told.periods[0].predictions}


def test_what_cannot_be_counted_is_counted_by_its_reason() -> None:
    engine = Engine(CONFIG)
    engine.apply(recording(8))
    told = model_performance(engine.monitors["m"])
    assert set(told.refused) == {"scores_sum", "scores_outside"}
    assert min(told.refused.values()) > 20


def test_labels_that_are_corrected_twice_in_long_runs_are_those_of_plain_arithmetic() -> None:
    rng = random.Random(9)
    by_topic: dict[str, list[Event]] = {"predictions": [], "labels": []}
    for one in recording(9):
        by_topic[one.topic].append(json.loads(one.value or b"{}"))
    stream = [record("predictions", i, e["at_ms"], e) for i, e in enumerate(by_topic["predictions"])]
    begin = record("labels", 0, START_MS + 1, by_topic["labels"][0])
    after_ms, told = START_MS + PERIODS * PERIOD_MS, [begin]
    for turn in range(3):
        for i, event in enumerate(by_topic["predictions"][:-1]):
            weight = rng.choice([0.25, 1.0, 3.0])
            said = {"prediction_id": event["prediction_id"], "label": NAMES[(turn + i) % 3], "weight": weight}
            told.append(record("labels", len(told), after_ms + turn, said | {"annotator": "x"}))
    stream = [*stream[:600], begin, *stream[600:], *told[1:]]
    periods = performance(stream)
    pairs = in_force(stream, periods[0].start_ms)
    for period in periods:
        own = [pair for pair in pairs if period.start_ms <= pair[0]["at_ms"] < period.end_ms]
        for name, value in oracle(own).items():
            assert period.as_labelled[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name
