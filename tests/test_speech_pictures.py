"""The pictures of the speech case: the same bytes each time, and what all transcripts say is what stands in them."""

import json
from pathlib import Path

import matplotlib as mpl
import pytest

from benchmarks import speech_pictures
from benchmarks.speech_pictures import BEGAN_MS, DAY_MS, DIGITS, WEEK_MS, Lived, realised_of
from driftd.contract.record import Record

FIRST_WEEK_MS = BEGAN_MS // WEEK_MS * WEEK_MS


def record(topic: str, at_ms: int, model: str = DIGITS, **event: object) -> Record:
    value = json.dumps({"model": model, "at_ms": at_ms, **event}).encode()
    return Record(topic, 0, 0, at_ms, None, value)


def test_a_label_counts_in_the_week_of_its_prediction() -> None:
    late = FIRST_WEEK_MS + WEEK_MS + 5
    records = [
        record("predictions", FIRST_WEEK_MS, prediction_id="a", prediction="one"),
        record("predictions", FIRST_WEEK_MS + 1, prediction_id="b", prediction="two"),
        record("predictions", late, prediction_id="c", prediction="two"),
        record("predictions", late, model="voice-codes", prediction_id="d", prediction="one two three"),
        record("labels", late, prediction_id="a", label="one"),
        record("labels", late, prediction_id="b", label="nine"),
        record("labels", late + 9, prediction_id="c", label="two"),
        record("labels", late + 9, model="voice-codes", prediction_id="d", label="one two two"),
    ]
    assert realised_of(records) == {FIRST_WEEK_MS: 0.5, FIRST_WEEK_MS + WEEK_MS: 0.0}


def test_the_pictures_are_small_and_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = {"model": DIGITS, "stage": "data", "decided": {"at_ms": BEGAN_MS + 5 * DAY_MS}}
    week = FIRST_WEEK_MS + WEEK_MS
    lives = Lived({week: (0.1, 0.08, 0.12)}, {FIRST_WEEK_MS: 0.09, week: 0.11}, [alert])
    monkeypatch.setattr(speech_pictures, "lived", lambda _: lives)
    with mpl.rc_context():
        drawn = [path.read_bytes() for path in speech_pictures.main(["--out", str(tmp_path)])]
        assert [path.read_bytes() for path in speech_pictures.main(["--out", str(tmp_path)])] == drawn
    assert len(drawn) == 2
    assert all(len(picture) <= 80_000 for picture in drawn)
