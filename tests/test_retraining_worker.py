"""The example worker: when it begins, when it refuses, and what it does when it is asked twice."""

from pathlib import Path

import pytest

from asked import asked
from broker import Broker
from driftd import subscribe
from driftd.contract.events_out import RetrainingData
from driftd.subscribe import Request
from driftd_process import Setup
from examples.elec2.make_recording import TRAIN_ROWS
from examples.retraining import inference
from examples.retraining.model import DOWN, UP, Example, Model, train
from examples.retraining.registry import Registry
from examples.retraining.stream import Collected, Stream, elec2
from examples.retraining.worker import EXAMPLES_MIN, Refused, is_enough, renewed, worker_for
from told import AT_MS, request_data
from topic_io import consume_all

MINUTE_MS = 60_000
TWO_SIDES = [Example({"x": float(i % 7 - 3)}, UP if i % 7 > 3 else DOWN) for i in range(1_500)]
STREAM = Stream("churn", TWO_SIDES, AT_MS, MINUTE_MS)


def collected(rows: int) -> Collected:
    """What a worker has of the stream after so many rows."""
    found = Collected("churn", AT_MS)
    for row in range(rows):
        found.add(STREAM.prediction(row, "7", {UP: 0.5, DOWN: 0.5}).value)
        found.add(STREAM.label(row).value)
    return found


def data_until(not_before_rows: int, deadline_rows: int) -> RetrainingData:
    return request_data(
        not_before_ms=STREAM.at_ms(not_before_rows), deadline_ms=STREAM.at_ms(deadline_rows), stage="modeling"
    )


@pytest.mark.parametrize(
    ("rows", "not_before_rows", "deadline_rows", "begins"),
    [
        (999, 10, 5_000, False),  # too few labels
        (1_000, 10, 5_000, True),
        (1_000, 1_200, 5_000, False),  # more will have come
        (1_200, 1_200, 5_000, True),
        (89, 10, 100, False),
        (90, 10, 100, True),  # a tenth of the time is left: with what there is, or never
    ],
)
def test_the_worker_begins_when_it_has_what_it_needs_or_time_is_up(
    rows: int, not_before_rows: int, deadline_rows: int, begins: bool
) -> None:
    assert is_enough(data_until(not_before_rows, deadline_rows), collected(rows)) is begins


def test_labels_that_come_again_are_corrections_and_other_models_are_left_out() -> None:
    found = collected(3)
    found.add(STREAM.label(1).value.replace(b'"label":"DOWN"', b'"label":"UP"'))  # type: ignore[union-attr]
    other = Stream("fraud", TWO_SIDES, AT_MS, MINUTE_MS)
    found.add(other.prediction(3, "7", {UP: 0.5, DOWN: 0.5}).value)
    assert [one.answer for one in found.examples()] == [DOWN, UP, DOWN]


def test_the_worker_says_why_there_is_no_new_version() -> None:
    data = data_until(10, 5_000)
    right = train(TWO_SIDES)
    turned = [Example(one.features, UP if one.answer == DOWN else DOWN) for one in TWO_SIDES]
    wrong: Model = train(turned)
    with pytest.raises(Refused, match="looked at by a person"):
        renewed(data.model_copy(update={"stage": "labels"}), TWO_SIDES, wrong)
    with pytest.raises(Refused, match=f"12 labels since the change; {EXAMPLES_MIN} are needed"):
        renewed(data, TWO_SIDES[:12], wrong)
    with pytest.raises(Refused, match=r"the running one in 100\.0%"):
        renewed(data, TWO_SIDES, right)
    assert max(renewed(data, TWO_SIDES, wrong).scores({"x": 3.0}).items(), key=lambda one: one[1])[0] == UP


def test_a_worker_that_is_asked_again_says_again_what_it_deployed_and_trains_nothing(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, partitions=1)
    data = asked(setup, tmp_path / "models")
    worker = worker_for(setup.path, tmp_path / "models", is_recorded=True)
    with subscribe.requests(setup.bootstrap, topics=worker.topics, follow=False) as requests:
        (request,) = requests
    assert isinstance(request, Request)
    assert worker.answer(request).startswith("deployed, trained on")
    (file,) = (tmp_path / "models").glob(f"{data.request_id}.pickle")
    made = file.stat().st_mtime_ns
    worker.answer(request)
    assert file.stat().st_mtime_ns == made
    told = [(record.value or b"").decode() for record in consume_all(setup.bootstrap, worker.topics.control)]
    assert ["deployment" in one for one in told] == [False, False, True, False, True]
    assert told[2] == told[4]


def test_the_inference_service_plays_the_stream_with_the_version_that_is_deployed(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, partitions=1)
    setup.driftd("topics", "create")
    words = ["--config", str(setup.path), "--registry", str(tmp_path / "models"), "--rows", "60"]
    inference.main([*words, "--rows-per-second", "100000"])
    topics = setup.config.topics
    predictions = consume_all(setup.bootstrap, topics.predictions[0])
    assert len(predictions) == 60
    assert len(consume_all(setup.bootstrap, topics.labels[0])) == 59
    assert all(b'"model_version":"1"' in (record.value or b"") for record in predictions)
    assert predictions[0].timestamp_ms == elec2().at_ms(TRAIN_ROWS)
    assert Registry(tmp_path / "models").deployed() == "1"
