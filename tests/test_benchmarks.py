"""The benchmarks run, in short forms: what they print has the shape that readers of their numbers rely on."""

import json
from pathlib import Path

import numpy as np
import pytest
from river import drift
from river.drift import kswin

from benchmarks import (
    batch_speed,
    detector_speed,
    join_speed,
    label_pictures,
    labelling,
    memory,
    notify_latency,
    performance_speed,
    replay_speed,
    service_speed,
    storm,
)
from benchmarks.closed_loop import measure as closed_loop
from benchmarks.detection import measure as detection
from benchmarks.detection.kswin import quick_kswin
from benchmarks.report import table
from benchmarks.stream import Shape, events, numeric_event
from driftd.contract.events_in import Label, Prediction


def test_the_stream_is_what_the_contract_accepts_and_the_same_for_one_seed() -> None:
    shape = Shape(models=3, labels=True)
    chunks = list(events(1000, shape, chunk_records=300))
    records = [record for chunk in chunks for record in chunk]
    predictions = [
        Prediction.model_validate_json(r.value or b"") for r in records if r.topic == "predictions"
    ]
    labels = [Label.model_validate_json(r.value or b"") for r in records if r.topic == "labels"]
    assert [len(prediction.features) for prediction in predictions] == [30] * 1000
    assert {prediction.model for prediction in predictions} == {"model-000", "model-001", "model-002"}
    assert len({prediction.prediction_id for prediction in predictions}) == 1000
    assert {label.prediction_id for label in labels} < {
        prediction.prediction_id for prediction in predictions
    }
    assert 500 < sum(len(r.value or b"") for r in records if r.topic == "predictions") / 1000 < 700
    assert chunks == list(events(1000, shape, chunk_records=300))


def test_events_of_known_numbers_are_what_the_contract_accepts() -> None:
    event = Prediction.model_validate_json(numeric_event(5, "measured", 1_780_000_000_000, [0.5, -1e-7, 3e9]))
    assert event.features == {"f00": 0.5, "f01": -1e-7, "f02": 3e9}


def test_replay_speed_tells_every_stage_and_writes_what_it_printed(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    rows = replay_speed.main(["--events", "6000", "--repeats", "1", "--json", str(file)])
    assert [row["stage"] for row in rows] == ["json.loads", "read", "decode", "engine", "apply", "replay"]
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["rows"] == rows
    assert document["settings"]["events"] == "6000"


def test_batches_of_few_records_are_measured_beside_those_of_many() -> None:
    rows = batch_speed.main(["--warm", "2500", "--records", "500", "--features", "4", "--repeats", "1"])
    measured = [(row["records"], row["per_batch"]) for row in rows]
    kinds = ("predictions", "predictions and labels")
    assert measured == [(kind, size) for kind in kinds for size in (batch_speed.SMALL, 500)]
    assert [row["times_large"] for row in rows if row["per_batch"] == 500] == [1.0, 1.0]
    assert all(isinstance(row["commit_ms"], float) and row["commit_ms"] > 0 for row in rows)


def test_performance_speed_tells_every_part() -> None:
    rows = performance_speed.main(["--events", "3000", "--texts", "50", "--repeats", "1"])
    parts = [row["part"] for row in rows]
    assert parts[:3] == ["plain loop", "predict", "label"]
    assert all(isinstance(row["events_per_s"], float) for row in rows[:-1])
    assert str(parts[-1]).startswith("memory")


def test_memory_is_sampled_on_the_way() -> None:
    rows = memory.main(["--events", "20000", "--models", "2"])
    assert [row["events"] for row in rows] == [10_000, 20_000]
    assert all(isinstance(row["rss_mb"], float) and row["rss_mb"] > 10 for row in rows)


def test_the_join_is_measured_with_its_memory_and_the_state_it_writes() -> None:
    rows = {row["what"]: row for row in join_speed.main(["--predictions", "20000", "--labels", "2000"])}
    assert [rows[what]["joined"] for what in ("labels in order", "labels scattered", "corrections scattered")] == [
        2000, 2000, 2000,
    ]  # fmt: skip
    assert [rows[what]["joined"] for what in ("predictions", "labels repeated", "labels of nothing")] == [
        0,
        0,
        0,
    ]
    written = rows["labels scattered"]["state_bytes"]
    assert isinstance(written, float)
    assert 0 < written < 100
    assert rows["restored"]["state_bytes"] == pytest.approx(rows["predictions"]["state_bytes"], rel=0.2)


def test_growth_is_read_off_the_second_half() -> None:
    flat = [{"events": i * 1_000_000, "rss_mb": 100.0 if i > 4 else 10.0 * i} for i in range(10)]
    leaking = [{"events": i * 1_000_000, "rss_mb": 100.0 + i} for i in range(10)]
    assert memory.growth_kb(flat) == pytest.approx(0.0, abs=0.2)
    assert memory.growth_kb(leaking) == pytest.approx(1000.0)


def test_detection_is_measured_beside_a_rule_by_windows_and_dummies() -> None:
    rows = detection.main(["--short"])
    quiet = {
        row["subject"]: row["false_alarms"]
        for row in rows
        if "per_1M" in row and row["stream"] == "independent"
    }
    assert quiet["driftd evidence"] == quiet["dummy, never"] == 0
    assert quiet["dummy, every 1,000"] == 19
    found = {
        (row["subject"], row["change"]): row
        for row in rows
        if "delay_median" in row and row.get("signals") == 1
    }
    evidence = found["driftd evidence", "3 sigma"]
    assert (evidence["missed"], evidence["top_1"], evidence["beats_dummy"]) == (0, 1, "yes")
    assert found["dummy, never", "3 sigma"]["missed"] == 2
    assert found["dummy, every 1,000", "3 sigma"]["beats_dummy"] == "no"
    (short,) = [row for row in rows if "judged_first" in row]
    assert short["false_alarms"] == 0


def test_changes_of_labels_are_found_and_nothing_else_is() -> None:
    rows = labelling.main(["--seeds", "1", "--stationary", "40000"])
    changes = [row for row in rows if "found" in row]
    assert len(changes) == len(labelling.CHANGES)
    assert sum(row["found"] == "1/1" for row in changes) >= len(changes) - 2
    assert [row["false"] for row in rows if "false" in row] == [0] * (len(rows) - len(changes))


def test_the_pictures_of_labels_are_small_and_the_same_each_time(tmp_path: Path) -> None:
    drawn = [path.read_bytes() for path in label_pictures.main(["--out", str(tmp_path)])]
    assert [path.read_bytes() for path in label_pictures.main(["--out", str(tmp_path)])] == drawn
    assert all(len(picture) <= 60_000 for picture in drawn)


def test_the_picture_of_early_labels_shows_that_the_corrected_figure_is_right_when_the_labels_so_far_are_not() -> (
    None
):
    for name, alerts in (("early_labels", []), ("early_labels_and_a_drop", ["concept_drift"])):
        periods, said = label_pictures.lived(label_pictures.records_of(name), "cards")
        assert [alert.kind for alert in said] == alerts
        known = [(one.as_labelled, one.corrected, one.truth) for one in periods]
        judged = [(so_far, interval, truth) for so_far, interval, truth in known if interval and truth]
        assert len(judged) >= 5
        for so_far, (_, low, high), truth in judged:
            assert low <= truth <= high
            assert so_far is not None
            assert so_far < truth - 0.03


def test_a_value_is_timed_part_by_part_and_a_model_of_fifty_signals_is_small() -> None:
    rows = detector_speed.main(["--events", "16000", "--repeats", "1"])
    assert [(row["signals"], row["batch"]) for row in rows] == list(detector_speed.SHAPES)
    fifty = rows[-1]
    assert isinstance(fifty["state_kb"], float)
    assert isinstance(fifty["reference_kb"], float)
    # 64 kB per model of 50 signals, 1.5 kB per signal
    assert fifty["state_kb"] + fifty["reference_kb"] < 64
    assert fifty["state_kb"] < 50 * 1.5


def test_the_service_is_measured_beside_what_a_user_would_write() -> None:
    # so many that no machine takes them in the one second between two commits
    rows = service_speed.main(["--events", "300000", "--baseline-events", "3000"])
    assert [row["way"] for row in rows] == ["driftd", "faust", "aiokafka"]
    assert all(isinstance(row["events_per_s"], float) and row["events_per_s"] > 0 for row in rows)


def test_the_way_of_an_alert_to_its_webhook_is_timed() -> None:
    rows = notify_latency.main(["--alerts", "10", "--rates", "50"])
    assert [row["since"] for row in rows] == ["its timestamp", "its commit"]
    assert all(isinstance(row["p99_ms"], float) for row in rows)


def test_a_table_is_aligned() -> None:
    assert (
        table([{"a": "x", "n": 1.5}, {"a": "long", "n": 12345}]) == "a          n\nx        1.5\nlong  12,345"
    )


def test_the_quick_kswin_says_what_rivers_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    streams = [rng.normal(size=400), rng.integers(0, 2, 400) * 1.0, rng.normal(size=400).cumsum().round(1)]
    rivers = [said(values.tolist()) for values in streams]
    monkeypatch.setattr(kswin, "stats", kswin.stats)  # to be put back
    quick_kswin()
    assert [said(values.tolist()) for values in streams] == rivers
    assert any(drift for stream in rivers for drift, _ in stream)


def said(values: list[float]) -> list[tuple[bool, float]]:
    """Whether River's KSWIN speaks at each of `values`, and its p-value."""
    detector, told = drift.KSWIN(alpha=0.05, seed=7), list[tuple[bool, float]]()
    for value in values:
        detector.update(value)
        told.append((detector.drift_detected, detector.p_value))
    return told


@pytest.mark.parametrize("seed", range(2))
def test_fifty_features_that_shift_at_once_are_one_incident_that_the_right_ones_lead(seed: int) -> None:
    told = storm.storm(seed, 0.5)
    assert (told.incidents, told.again) == (1, 0)
    assert told.pages <= 2
    assert told.first_right
    assert told.last_right


def test_the_closed_loop_asks_once_for_a_change_and_is_right_again(tmp_path: Path) -> None:
    picture = tmp_path / "loop.svg"
    (row,) = closed_loop.main(["--seeds", "1", "--concepts", "2", "--no-prices", "--svg", str(picture)])
    assert (row["outcome"], row["requests"]) == ("verified", 1)
    number = {name: cell for name, cell in row.items() if isinstance(cell, int | float)}
    assert 0 < number["found"] <= number["requested"] <= 2 * number["found"]
    assert number["meanwhile"] < 0.75
    assert min(number["before"], number["after"]) > 0.9
    assert picture.read_bytes().startswith(b"<?xml")
