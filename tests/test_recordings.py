"""Golden recordings: of each accident driftd says what a person expects, and to the byte what it said before.

The expected output beside a recording is written by `make recordings`; the tables here are written by hand, so that
output that was made anew and is wrong does not pass.
"""

import random
from dataclasses import dataclass
from typing import Any

import pytest
import zstandard

from driftd.cli.app import main
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.shells.recording import RecordingReader
from recordings.accidents import ACCIDENTS, DROP_FROM, PERIOD_S
from recordings.make import CONFIG, FOLDER, as_printed, content, documents, expected_of, recording_of
from recordings.telling import START_MS
from streams import pieces

RECORDING_BYTES_MAX = 150_000
RECORDINGS_BYTES_MAX = 1_000_000
ACCURACY = 0.1 * 0.5 + 0.9 * 0.97
SECOND_MS = 1_000


@dataclass(frozen=True)
class Incident:
    """What a person is told of: `words` stand in a summary; `onset_s` and `told_s` are seconds after the accident.

    The onset may be off by so much either way; the signal may join later, and is told so much later at most.
    """

    kind: str
    stage: str
    signal: str
    words: str
    onset_s: int = 60
    told_s: int = 600
    is_over: bool = False


SWAPPED = Incident(
    "label_quality", "labels", "labels.classes_swapped", 'The labels "cat" and "dog" are swapped'
)
EXPECTED: dict[str, tuple[Incident, ...]] = {
    # labels that are wrong look like a model that is wrong: that is part of their story
    "classes_swapped": (SWAPPED,),
    "class_renamed": (
        Incident("label_quality", "labels", "labels.class_renamed", '"dog" is now labelled "hound"', told_s=1_000),
    ),
    "annotator_drifts": (
        Incident("label_quality", "labels", "labels.annotator_drifts", '"ben" agrees less with the model'),
    ),
    "convention_changes": (
        Incident(
            "label_quality", "labels", "labels.convention_changed", '"um" is now followed by "…" where it was ","'
        ),
    ),
    "labels_stop": (Incident("label_quality", "labels", "labels.labels_stopped", "Labels have stopped"),),
    # both only show when labels of predictions since then have come, or should have
    "delay_grows": (
        Incident("label_quality", "labels", "labels.delay_grows", "Labels come later: ", onset_s=300),
    ),
    "corrections_rise": (
        Incident("label_quality", "labels", "labels.corrections_rise", "More labels are corrected", onset_s=300),
    ),
    "labels_match_nothing": (
        Incident("silence", "deployment", "labels_joined", "labels match no prediction", told_s=120),
    ),
    "early_labels": (),
    # periods are compared once they are complete
    "early_labels_and_a_drop": (
        Incident(
            "concept_drift", "modeling", "performance.divergence", "the concept has changed",
            onset_s=PERIOD_S, told_s=12 * PERIOD_S,
        ),
    ),
    "predictions_stop": (
        Incident("silence", "deployment", "predictions", "no predictions for", told_s=120, is_over=True),
    ),
    # the outliers come first; the objective joins them
    "latency_burns": (
        Incident("operations", "deployment", "latency_ms_p99_max", "the error budget burns", told_s=900),
    ),
}  # fmt: skip


def records_of(name: str) -> list[Record]:
    return [record for chunk in RecordingReader(recording_of(name)) for record in chunk]


def alerts_of(name: str) -> dict[str, list[dict[str, Any]]]:
    """The alerts that are expected, by incident in the order in which they were opened."""
    alerts: dict[str, list[dict[str, Any]]] = {}
    for document in documents(expected_of(name).read_text(encoding="utf-8")):
        if document["type"].startswith("dev.driftd.alert."):
            alerts.setdefault(document["data"]["incident_id"], []).append(document["data"])
    return alerts


def test_there_is_a_recording_of_each_accident_and_all_are_small() -> None:
    assert sorted(EXPECTED) == sorted(ACCIDENTS)
    assert {path.name.partition(".")[0] for path in FOLDER.glob("*.jso*")} == set(ACCIDENTS)
    sizes = [recording_of(name).stat().st_size for name in ACCIDENTS]
    assert max(sizes) <= RECORDING_BYTES_MAX
    assert sum(sizes) <= RECORDINGS_BYTES_MAX


@pytest.mark.parametrize("name", ACCIDENTS)
def test_a_recording_is_what_the_program_makes(name: str) -> None:
    stored = zstandard.ZstdDecompressor().stream_reader(recording_of(name).read_bytes()).read()
    assert stored == content(ACCIDENTS[name])


@pytest.mark.parametrize("name", ACCIDENTS)
def test_driftd_says_of_an_accident_what_it_said_before(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording_of(name)), "--config", str(CONFIG), "--format", "json"]) == 0
    printed = capsys.readouterr().out
    assert printed == as_printed(expected_of(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ACCIDENTS)
def test_driftd_says_of_an_accident_what_a_person_expects(name: str) -> None:
    began_ms = START_MS + ACCIDENTS[name].change_s * SECOND_MS
    told = list(alerts_of(name).values())
    assert [(life[0]["kind"], life[0]["stage"]) for life in told] == [
        (one.kind, one.stage) for one in EXPECTED[name]
    ]
    for life, expected in zip(told, EXPECTED[name], strict=True):
        opened = life[0]
        assert (life[-1]["phase"] == "resolved") == expected.is_over
        assert abs(opened["onset"]["at_ms"] - began_ms) <= expected.onset_s * SECOND_MS
        named = [alert for alert in life if expected.words in alert["summary"]]
        assert named
        assert expected.signal in {one["signal"] for one in named[0]["contributors"]}
        assert 0 < opened["decided"]["at_ms"] - began_ms <= expected.told_s * SECOND_MS
        assert 0 < named[0]["decided"]["at_ms"] - began_ms <= expected.told_s * SECOND_MS


@pytest.mark.parametrize("name", ACCIDENTS)
def test_batches_and_restarts_change_nothing_of_it(name: str) -> None:
    config = load_config(CONFIG.read_text(encoding="utf-8"), "config.toml")
    rng, records = random.Random(name), records_of(name)
    engine, printed = Engine(config), ""
    for piece in pieces(records, [rng.randrange(len(records)) for _ in range(5)]):
        printed += "".join(f"{event.value.decode()}\n" for event in engine.apply(piece).events)
        engine = Engine(config, engine.snapshot())
    expected = as_printed(expected_of(name).read_text(encoding="utf-8"))
    assert printed == "".join(
        line for line in expected.splitlines(keepends=True) if '"type":"periods"' not in line
    )


def periods_of(name: str) -> list[dict[str, Any]]:
    *_, last = documents(expected_of(name).read_text(encoding="utf-8"))
    assert last["type"] == "periods"
    return [period for period in last["periods"] if period["cannot_judge"] is None]


@pytest.mark.parametrize(("name", "drop"), [("early_labels", 0.0), ("early_labels_and_a_drop", 0.05)])
def test_where_fraud_is_labelled_first_the_corrected_figures_hold_what_is_true(
    name: str, drop: float
) -> None:
    periods = periods_of(name)
    first_ms = START_MS + DROP_FROM * PERIOD_S * SECOND_MS
    since = [period["figures"]["accuracy"] for period in periods if period["start_ms"] >= first_ms]
    before = [period["figures"]["accuracy"] for period in periods if period["start_ms"] < first_ms]
    assert min(len(before), len(since)) >= 8
    for figures, truth in ((before, ACCURACY), (since, ACCURACY - drop)):
        corrected = [figure["corrected"] for figure in figures]
        assert sum(one["low"] <= truth <= one["high"] for one in corrected) >= 0.85 * len(corrected)
        assert sum(one["value"] for one in corrected) / len(corrected) == pytest.approx(truth, abs=0.01)
        assert sum(one["estimated"]["value"] for one in figures) / len(figures) == pytest.approx(
            ACCURACY, abs=0.01
        )
    latest = since[-1]
    assert periods[-1]["labelled_share"] < 0.7
    assert latest["as_labelled"] < latest["corrected"]["value"] - 0.015
