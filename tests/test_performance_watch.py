"""How a model does is told by the time of its predictions, and only of periods that are mature."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client.core import Metric

from driftd.cli.periods import PERIODS_SHOWN, period_lines
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine import performance_watch
from driftd.engine.engine import Engine
from driftd.engine.performance_watch import PERIODS_MAX
from driftd.engine.period_status import WHY, PeriodStatus
from driftd.engine.status import ModelStatus, model_performance
from driftd.performance.maturity import Immature
from driftd.shells.metrics import performance_metrics
from streams import FIRST_MS, control, pieces

PERIOD_MS = 600_000
PER_PERIOD = 600
START_MS = FIRST_MS // PERIOD_MS * PERIOD_MS
CONFIG = load_config(
    f"""
[defaults.reference]
learn_events = 50
reference_events = 1100
grow_days = 0
[defaults.labels]
period_ms = {PERIOD_MS}
""",
    "periods.toml",
)

Answers = Callable[[random.Random], tuple[object, object, dict[str, object]]]


def classes(rng: random.Random) -> tuple[object, object, dict[str, object]]:
    answer = rng.choice(("up", "down"))
    other = "down" if answer == "up" else "up"
    scores = {answer: 0.9, other: 0.1}
    return answer, answer if rng.random() < 0.9 else other, {"scores": scores}


def numbers(rng: random.Random) -> tuple[object, object, dict[str, object]]:
    answer = rng.gauss(100, 20)
    return answer, answer + rng.choice((-2.0, 2.0)), {}


def texts(rng: random.Random) -> tuple[object, object, dict[str, object]]:
    """One word in four is wrong in half of the texts; case, fillers and punctuation are no errors."""
    return "Um, the sun shines bright.", rng.choice(("the sun shines bright", "the sun shines BRIGHTLY!")), {}


def records(periods: int, answers: Answers, delay: int = 30, seed: int = 1) -> list[Record]:
    """A prediction a second, and its label `delay` seconds later."""
    rng = random.Random(seed)
    told: list[Record] = []
    waiting: list[tuple[int, object]] = []
    for i in range(periods * PER_PERIOD):
        at_ms = START_MS + i * 1000
        answer, truth, more = answers(rng)
        features = {"a": rng.gauss(0, 1)}
        event = {"prediction_id": f"p{i}", "features": features, "prediction": answer, **more}
        told.append(record("predictions", i, at_ms, event))
        waiting.append((i + delay, truth))
        if i >= delay:
            said = {"prediction_id": f"p{i - delay}", "label": waiting[i - delay][1]}
            told.append(record("labels", i - delay, at_ms, said))
    return told


def record(topic: str, offset: int, at_ms: int, event: dict[str, Any]) -> Record:
    return Record(topic, 0, offset, at_ms, None, json.dumps({**event, "model": "m", "at_ms": at_ms}).encode())


def status(stream: Sequence[Record]) -> ModelStatus:
    engine = Engine(CONFIG)
    engine.apply(stream)
    return engine.status().models[0]


def mature(model: ModelStatus) -> list[PeriodStatus]:
    return [period for period in model.periods if period.immature is None]


def test_each_period_has_all_its_predictions_from_the_first_label_on() -> None:
    model = status(records(9, classes))
    assert [period.predictions for period in model.periods] == [PER_PERIOD] * 8
    assert model.periods[0].start_ms == START_MS + PERIOD_MS
    assert [period.labels for period in model.periods] == [PER_PERIOD] * 7 + [PER_PERIOD - 30]


def test_a_mature_period_has_its_accuracy_with_an_interval_and_an_open_one_has_nothing() -> None:
    model = status(records(9, classes))
    last = model.periods[-1]
    assert last.immature == "open"
    assert last.figures == {}
    assert mature(model)
    for period in mature(model):
        value, low, high = period.figures["accuracy"]
        assert value == pytest.approx(0.9, abs=0.05)
        assert low is not None
        assert high is not None
        assert low < value < high
        assert period.figures["log_loss"][0] > 0


def test_the_accuracy_is_that_of_the_labels_counted_by_hand() -> None:
    stream = records(9, classes)
    answers = {e["prediction_id"]: e for e in map(event_of, stream) if "prediction" in e}
    right: dict[int, list[bool]] = {}
    for event in map(event_of, stream):
        if "label" in event:
            made = answers[event["prediction_id"]]
            same = made["prediction"] == event["label"]
            right.setdefault(made["at_ms"] // PERIOD_MS * PERIOD_MS, []).append(same)
    judged = mature(status(stream))
    assert judged
    for period in judged:
        said = right[period.start_ms]
        assert period.figures["accuracy"][0] == pytest.approx(sum(said) / len(said), abs=0.005)


def event_of(one: Record) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(one.value or b"{}")
    return event


def test_numbers_have_a_mean_absolute_error() -> None:
    periods = mature(status(records(9, numbers)))
    assert periods
    assert all(period.figures["mae"][0] == pytest.approx(2.0) for period in periods)


def test_texts_have_a_word_error_rate_by_the_rule_of_what_is_the_same_text() -> None:
    periods = mature(status(records(9, texts)))
    assert periods
    for period in periods:
        assert period.figures["word_error_rate"][0] == pytest.approx(0.125, abs=0.03)
        assert period.figures["sentence_error"][0] == pytest.approx(0.5, abs=0.1)


def test_what_counts_as_the_same_text_is_configurable() -> None:
    strict = load_config(
        f"""
[defaults.reference]
learn_events = 50
[defaults.labels]
period_ms = {PERIOD_MS}
text_case = true
text_punctuation = true
text_fillers = []
""",
        "strict.toml",
    )
    engine = Engine(strict)
    engine.apply(records(9, texts))
    periods = mature(engine.status().models[0])
    assert periods
    assert all(period.figures["sentence_error"][0] == 1.0 for period in periods)


@pytest.mark.parametrize("answers", [classes, numbers, texts])
def test_batches_and_restarts_do_not_show(answers: Answers) -> None:
    stream = records(6, answers)
    engine = Engine(CONFIG)
    engine.apply(stream)
    again, restarted = Engine(CONFIG), Engine(CONFIG)
    rng = random.Random(3)
    stored: dict[str, bytes | None] = {}
    for piece in pieces(stream, [rng.randrange(len(stream)) for _ in range(30)]):
        again.apply(piece)
        restarted.apply(piece)
        stored |= restarted.changes()
        entries = {key: value for key, value in stored.items() if value is not None}
        assert entries == restarted.snapshot().entries
        restarted = Engine(CONFIG, restarted.snapshot())
    assert again.snapshot() == restarted.snapshot() == engine.snapshot()
    assert again.status() == restarted.status() == engine.status()
    assert mature(engine.status().models[0])


def test_a_label_for_a_period_that_goes_within_the_batch_counts_as_if_it_came_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(performance_watch, "PERIODS_MAX", 2)
    stream = records(7, classes, delay=900)
    whole, cut = Engine(CONFIG), Engine(CONFIG)
    whole.apply(stream)
    for piece in pieces(stream, range(0, len(stream), 97)):
        cut.apply(piece)
    assert whole.snapshot() == cut.snapshot()
    periods = whole.monitors["m"].performance.periods
    assert periods is not None
    assert periods.refused.total() > 0


def test_a_commit_writes_only_the_periods_that_counted_something() -> None:
    engine = Engine(CONFIG)
    stream = records(6, classes)
    engine.apply(stream[:-10])
    assert len([key for key in engine.changes() if "performance." in key]) == 5
    engine.apply(stream[-10:])
    assert len([key for key in engine.changes() if "performance." in key]) == 1


def test_periods_are_bounded_and_small() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(PERIODS_MAX + 4, classes))
    sizes = [len(value) for key, value in engine.snapshot().entries.items() if "/performance." in key]
    assert len(sizes) == PERIODS_MAX
    assert max(sizes) < 2500


def test_a_new_version_is_counted_anew_and_what_was_stored_goes() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(4, classes))
    assert "model/m/performance" in engine.changes()
    engine.apply([control(0, START_MS, type="deployment", model="m", model_version="2")])
    assert engine.changes()["model/m/performance"] is None
    assert engine.status().models[0].periods == ()


def test_a_person_reads_a_line_for_each_period() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(9, classes))
    lines = period_lines(model_performance(engine.monitors["m"]))
    assert len(lines) == PERIODS_SHOWN + 2
    assert (
        lines[0] == f"model m, accuracy by the time of prediction, the latest {PERIODS_SHOWN} of 8 periods:"
    )
    assert " 600          100%      0." in lines[-2]
    assert " it is not over " in lines[-1]
    assert set(WHY) == {why.value for why in Immature}


def test_a_report_is_made_anew_when_a_period_begins_or_many_events_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(CONFIG)
    stream = records(7, classes)
    seventh = next(i for i, one in enumerate(stream) if one.timestamp_ms >= START_MS + 6 * PERIOD_MS)
    engine.apply(stream[: seventh - 20])
    first = engine.status().models[0].periods
    engine.apply(stream[seventh - 20 : seventh])
    assert engine.status().models[0].periods is first
    engine.apply(stream[seventh : seventh + 2])
    second = engine.status().models[0].periods
    assert len(second) == len(first) + 1
    monkeypatch.setattr(performance_watch, "REPORT_EVENTS", 100)
    engine.apply(stream[seventh + 2 : seventh + 200])
    assert engine.status().models[0].periods[-1].predictions > second[-1].predictions


def test_metrics_show_the_latest_period_that_can_be_judged() -> None:
    model = status(records(9, classes))
    families: dict[str, Metric] = {family.name: family for family in performance_metrics([model])}
    (accuracy,) = [
        s for s in families["driftd_model_performance"].samples if s.labels["figure"] == "accuracy"
    ]
    assert accuracy.value == mature(model)[-1].figures["accuracy"][0]
    estimates = families["driftd_model_performance_estimated"].samples
    (estimate,) = [s for s in estimates if s.labels["figure"] == "estimated_accuracy"]
    assert estimate.value == model.periods[-1].estimated["estimated_accuracy"][0]
    (begin,) = families["driftd_model_performance_period_start_timestamp_seconds"].samples
    assert begin.value == mature(model)[-1].start_ms / 1000
    (waiting,) = families["driftd_model_periods_immature"].samples
    assert waiting.value == len(model.periods) - len(mature(model))
