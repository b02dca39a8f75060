"""What is wrong with the labels becomes an alert that sends people back to the labels, and says in words what it is."""

import json
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.label_watch import BUDGET_LABELS_FIRST, MARKS_MAX, WATCHES
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.shares import LABELS_SHARE
from labelled import CHANGE, CLASSES, CONFIG, STEP_MS, Labelled, Labeller, records, stopping, usual
from streams import FIRST_MS, pieces


def swapped(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
    ((label, who),) = usual(i, answer, rng)
    names = {"cat": "dog", "dog": "cat"} if i >= CHANGE else {}
    return [(names.get(str(label), label), who)]


def drifting(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
    ((label, who),) = usual(i, answer, rng)
    return [(rng.choice(CLASSES) if who == "ben" and i >= CHANGE else label, who)]


SPOKEN = ("um, today's weather is fine", "um, it rains in the north", "um, the sun will shine")


def comma(text: str) -> str:
    return text[0].upper() + text[1:]


def dots(text: str) -> str:
    return comma(text).replace("Um, ", "Um… ")


def convention(i: int, answer: Any, _: random.Random) -> list[Labelled]:
    return [((dots if i >= CHANGE else comma)(answer), None)]


def two_ways(i: int, answer: Any, _: random.Random) -> list[Labelled]:
    """The founding example: two people write down the same words, and agree on nothing but the words."""
    return [(comma(answer), "ann"), (dots(answer), "ben")] if i % 3 == 0 else [(comma(answer), "ann")]


def moved_on(count: int, labels: Labeller, answers: Sequence[object] = CLASSES) -> list[dict[str, Any]]:
    """The alerts about labels of a stream."""
    return told(Engine(CONFIG).apply(records(count, labels, answers)).events)


def told(events: Sequence[OutputEvent]) -> list[dict[str, Any]]:
    alerts = [json.loads(event.value)["data"] for event in events if event.topic is OutputTopic.ALERTS]
    return [alert for alert in alerts if alert["kind"] == "label_quality"]


@cache
def first(count: int, labels: Labeller, answers: Sequence[object] = CLASSES) -> dict[str, Any]:
    alerts = moved_on(count, labels, answers)
    assert alerts, "nothing was said of the labels"
    assert (alerts[0]["stage"], alerts[0]["phase"]) == ("labels", "open")
    assert alerts[0]["harm"] is None
    return alerts[0]


def after_change(alert: dict[str, Any]) -> int:
    """How many predictions after the change it was decided."""
    return int(alert["decided"]["at_ms"] - FIRST_MS) // STEP_MS - CHANGE


def test_two_classes_that_go_by_each_others_names_are_named_with_the_time() -> None:
    alert = first(6000, swapped)
    contributor = alert["contributors"][0]
    assert (contributor["signal"], contributor["effect"]) == ("labels.classes_swapped", "labels")
    assert contributor["claim"]["parties"] == ["cat", "dog"]
    assert contributor["claim"]["after"] > 0.5 > contributor["claim"]["before"]
    assert contributor["before"] is contributor["after"] is None
    assert 0 < after_change(alert) <= 2000
    assert alert["onset"]["at_ms"] == pytest.approx(FIRST_MS + CHANGE * STEP_MS, abs=200 * STEP_MS)
    assert alert["onset"]["topic"] in {"predictions", "labels"}
    summary = alert["summary"]
    assert summary.startswith("The labels have changed: model m, since 2023-11-14 23:")
    assert '"cat"' in summary
    assert '"dog"' in summary
    assert summary.endswith(
        "Go back to labels: look at how the labels are made, before anybody trains on them."
    )


def test_nothing_is_trained_on_labels_that_are_wrong() -> None:
    events = Engine(CONFIG).apply(records(6000, swapped)).events
    of_labels = next(i for i, event in enumerate(events) if b'"label_quality"' in event.value)
    kinds = [event.event_type.split(".")[-2] for event in events if event.topic is OutputTopic.RETRAINING]
    late = [event for event in events[of_labels:] if event.topic is OutputTopic.RETRAINING]
    assert [event.event_type.split(".")[-2] for event in late] == ["cancelled"] * len(late)
    assert kinds.count("requested") == kinds.count("cancelled")


def test_one_annotator_who_drifts_is_named_and_the_others_are_not() -> None:
    alert = first(8000, drifting)
    assert [c["claim"]["parties"] for c in alert["contributors"]] == [["ben"]]
    assert '"ben" agrees less with the model' in alert["summary"]
    assert after_change(alert) > 0


def test_another_convention_is_named_with_both_ways() -> None:
    """That these texts were never seen before is told first: they are few here, and so levels of a category."""
    told_first, alert = moved_on(8000, convention, SPOKEN)[:2]
    assert (told_first["stage"], alert["incident_id"]) == ("labels", told_first["incident_id"])
    contributor = alert["contributors"][0]
    assert contributor["signal"] == "labels.convention_changed"
    assert contributor["claim"]["parties"] == ["what follows a filler", ",", "…"]
    assert '"um" is now followed by "…" where it was ","' in alert["summary"]
    assert after_change(alert) > 0


def test_the_same_words_written_down_in_two_ways_are_an_alert_about_labels() -> None:
    alert = first(8000, two_ways, SPOKEN)
    assert alert["contributors"][0]["detector"] == "label_conventions"
    assert "ann" in alert["summary"] or "two ways" in alert["summary"].lower()
    assert not [c for c in alert["contributors"] if c["detector"] == "label_annotators"]


def test_labels_that_stop_while_predictions_go_on_are_told() -> None:
    alert = first(6000, stopping)
    assert [c["signal"] for c in alert["contributors"]] == ["labels.labels_stopped"]
    assert "Labels have stopped: " in alert["summary"]
    assert 0 < after_change(alert) <= 1500


def test_a_tick_tells_that_labels_have_stopped_when_nothing_else_comes() -> None:
    engine = Engine(CONFIG)
    assert told(engine.apply(records(CHANGE, usual)).events) == []
    at_ms = FIRST_MS + (CHANGE + 40_000) * STEP_MS
    tick = json.dumps({"type": "tick", "at_ms": at_ms}).encode()
    assert told(engine.apply([Record("driftd.control", 0, 0, at_ms, None, tick)]).events) == []
    waiting = records(CHANGE + 150, stopping)
    engine = Engine(CONFIG)
    assert told(engine.apply(waiting).events) == []
    (alert,) = told(engine.apply([Record("driftd.control", 0, 0, at_ms, None, tick)]).events)
    assert "Labels have stopped" in alert["summary"]
    assert alert["decided"]["topic"] == "driftd.control"


def test_twenty_thousand_stationary_labels_raise_nothing() -> None:
    assert moved_on(20_000, usual) == []


def test_what_is_over_is_resolved() -> None:
    def for_a_while(i: int, answer: Any, rng: random.Random) -> list[Labelled]:
        return swapped(i, answer, rng) if i < CHANGE + 1500 else usual(i, answer, rng)

    phases = [alert["phase"] for alert in moved_on(16_000, for_a_while)]
    assert phases[0] == "open"
    assert phases[-1] == "resolved"


@pytest.mark.parametrize(
    ("labels", "answers"),
    [(swapped, CLASSES), (drifting, CLASSES), (stopping, CLASSES), (two_ways, SPOKEN)],
)
def test_batches_and_restarts_do_not_show(labels: Labeller, answers: Sequence[object]) -> None:
    stream = records(6000, labels, answers)
    engine = Engine(CONFIG)
    whole = engine.apply(stream).events
    rng = random.Random(7)
    again, restarted = Engine(CONFIG), Engine(CONFIG)
    stored: dict[str, bytes | None] = {}
    one: list[OutputEvent] = []
    other: list[OutputEvent] = []
    for piece in pieces(stream, [rng.randrange(len(stream)) for _ in range(40)]):
        one += again.apply(piece).events
        other += restarted.apply(piece).events
        stored |= restarted.changes()
        entries = {key: value for key, value in stored.items() if value is not None}
        assert entries == restarted.snapshot().entries
        restarted = Engine(CONFIG, restarted.snapshot())
    assert told(whole), "the stream is to have a finding"
    assert one == other == list(whole)
    assert again.snapshot() == restarted.snapshot() == engine.snapshot()


def test_a_model_without_labels_keeps_nothing_for_them() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(3000, lambda *_: []))
    assert not [key for key in engine.snapshot().entries if "label_watch" in key]
    assert engine.monitors["m"].label_watch.events == 0


def test_a_new_version_is_watched_anew_and_what_was_stored_of_the_old_one_goes() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(1500, usual))
    assert "model/m/label_watch.mapping" in engine.changes()
    new = {"type": "deployment", "model": "m", "model_version": "2", "at_ms": FIRST_MS}
    engine.apply([Record("driftd.control", 0, 0, FIRST_MS, None, json.dumps(new).encode())])
    changes = engine.changes()
    gone = {key for key, value in changes.items() if value is None and "label_watch" in key}
    assert gone == {f"model/m/label_watch.{name}" for name in ("mapping", "annotators", "stream")}


def test_the_budget_is_counted_in_labels_by_their_rate() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(900, usual))
    watch = engine.monitors["m"].label_watch
    assert watch.budget_labels == BUDGET_LABELS_FIRST
    engine.apply(records(4000, usual)[1795:])
    per_month = 30 * 86_400_000 / STEP_MS
    assert watch.budget_labels == pytest.approx(per_month / LABELS_SHARE * WATCHES, rel=0.05)
    assert watch.mapping is not None
    assert watch.mapping.budget_labels == watch.stream.budget_labels == watch.budget_labels


def test_what_is_kept_to_date_a_change_is_bounded() -> None:
    engine = Engine(CONFIG)
    engine.apply(records(9000, usual))
    marks = engine.monitors["m"].label_watch.marks
    assert len(marks) <= MARKS_MAX
    assert [labels for labels, _ in marks] == sorted(labels for labels, _ in marks)


def test_numbers_are_not_looked_at_for_names() -> None:
    def close(_: int, answer: Any, rng: random.Random) -> list[Labelled]:
        return [(answer + rng.gauss(0, 1), None)]

    engine = Engine(CONFIG)
    assert told(engine.apply(records(3000, close, [i / 7 for i in range(500)])).events) == []
    assert engine.monitors["m"].label_watch.mapping is None
