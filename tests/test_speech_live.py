"""The speech case, live: what is sent is what the contract has, and a request is answered by what was measured."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from driftd.contract.events_in import Deployment, Label, Prediction, RetrainingReply
from examples.speech import live
from examples.speech.adapting import CANDIDATES, Transcribed
from examples.speech.audio import Audio, Samples
from examples.speech.fsdd import RATE_HZ, SPEAKERS, WORDS, Take
from examples.speech.happenings import DIGITS
from examples.speech.recogniser import Heard, Recogniser, Task
from examples.speech.stream import stream

REQUEST = {"request_id": "req-1", "data_range": {"from_at_ms": 5_000}}
UTTERANCE = Transcribed(Audio(np.zeros(100), RATE_HZ), "one")


class Kept:
    """Stands for a Kafka producer: keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, topic: str, value: bytes, key: bytes) -> None:
        """Keep a message."""
        assert key == DIGITS.encode()
        self.sent.append((topic, json.loads(value)))


class Says(Recogniser):
    """A recogniser that always hears "one"."""

    def __init__(self) -> None:
        pass

    def recognise(self, audio: Audio, task: Task) -> Heard:  # noqa: ARG002 - it does not listen
        """One."""
        return Heard("one", "nine", 0.75)


def fleet_with(transcripts: int, at_ms: int = 6_000) -> live.Fleet:
    fleet = live.Fleet(Says())
    fleet.transcribed.extend([(at_ms, UTTERANCE)] * transcripts)
    return fleet


def test_what_is_played_is_what_the_contract_has_and_labels_come_later() -> None:
    rng = np.random.default_rng(3)
    takes: Mapping[Take, Samples] = {
        Take(d, s, n): rng.normal(0.0, 0.1, 2_000) for d in range(10) for s in SPEAKERS for n in range(50)
    }
    said = [one for one in stream()[:200] if one.model == DIGITS][:60]
    producer, fleet = Kept(), live.Fleet(Says())
    live.play(said, takes, producer, fleet, speed=2_000_000.0)
    predictions = [
        Prediction.model_validate(event) for topic, event in producer.sent if topic == live.PREDICTIONS
    ]
    labels = [Label.model_validate(event) for topic, event in producer.sent if topic == live.LABELS]
    assert len(predictions) == 60
    assert 0 < len(labels) < 60
    answers = {one.prediction_id: one for one in predictions}
    truths = [one.truth for one in said]
    assert [one.label for one in labels] == truths[: len(labels)]
    assert all(label.at_ms >= answers[label.prediction_id].at_ms for label in labels)
    assert {one.latency_ms is not None and one.latency_ms >= 0 for one in predictions} == {True}
    wrong = sum(truth != "one" for truth in truths[: len(labels)])
    assert sum(fleet.wrong[1]) == wrong
    assert len(fleet.transcribed) == len(labels)


def test_with_too_few_transcripts_since_the_onset_no_version_is_chosen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    producer, fleet = Kept(), fleet_with(live.TESTED_MIN - 1)
    fleet.transcribed.extend([(4_999, UTTERANCE)] * 500)
    live.reply_to(REQUEST, producer, fleet)
    replies = [RetrainingReply.model_validate(event) for _, event in producer.sent]
    assert [one.status for one in replies] == ["accepted", "failed"]
    assert "49 transcripts since the onset; 50 are needed" in (replies[1].reason or "")
    assert fleet.version == 1
    assert "not adapted" in capsys.readouterr().out


@pytest.mark.parametrize("best", ["as it is", "high-pass at 300 Hz"])
def test_the_best_version_goes_out_with_the_request_s_id_or_none_does(
    best: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def adapt(new: Sequence[Transcribed], candidates: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
        assert len(new) == live.TESTED
        assert next(iter(candidates)) == "as it is"
        return best, dict.fromkeys(candidates, 0.25)

    monkeypatch.setattr(live, "adapt", adapt)
    monkeypatch.setattr("examples.speech.live.CANDIDATES", dict.fromkeys(CANDIDATES, Says))
    producer, fleet = Kept(), fleet_with(400)
    live.reply_to(REQUEST, producer, fleet)
    assert {topic for topic, _ in producer.sent} == {live.CONTROL}
    assert f"{best:22} word error 0.250 of 150 utterances" in capsys.readouterr().out
    statuses = [event.get("status", event["type"]) for _, event in producer.sent]
    if best == "as it is":
        assert statuses == ["accepted", "failed"]
        assert fleet.version == 1
    else:
        assert statuses == ["accepted", "completed", "deployment"]
        deployment = Deployment.model_validate(producer.sent[-1][1])
        assert (deployment.model_version, deployment.request_id) == ("2", "req-1")
        assert (fleet.version, fleet.running) == (2, best)


def test_words_are_those_of_the_stream() -> None:
    assert {one.truth for one in stream()[:500] if one.model == DIGITS} == set(WORDS)
