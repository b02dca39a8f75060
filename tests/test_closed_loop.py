"""The closed loop on a real broker: the model changes, driftd asks, a worker trains it anew, and driftd sees it help.

Ten months are cut out of the elec2 stream, so that it is known where the change is; all times are the stream's.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from architecture import ROOT
from broker import Broker
from driftd import subscribe
from driftd.contract.events_out import RetrainingData
from driftd_process import Daemon, Setup, environment, wait_until
from examples.retraining.inference import Inference
from examples.retraining.registry import Registry
from examples.retraining.stream import Collected, Stream, elec2
from examples.retraining.worker import UNANSWERED, is_enough
from topic_io import consume_all

TRAINING_ROWS, CHANGE, RESUMED, ROWS = 6_000, 10_000, 25_000, 13_300
STOPS = (CHANGE, 10_400, 10_800, 11_200, 12_200, ROWS)
"""The rows at which to look whether a worker has all that it waits for."""
MODELS = """
[defaults.labels]
period_ms = 604800000
reference_events = 1000
[defaults.reference]
reference_events = 2000
[defaults.retraining]
deadline_ms = 2592000000
verify_ms = 10368000000
"""


def leap() -> Stream:
    """elec2, with ten months left out at CHANGE."""
    whole = elec2()
    examples = [*whole.examples[:CHANGE], *whole.examples[RESUMED : RESUMED + ROWS - CHANGE]]
    return Stream(whole.model, examples, whole.first_ms, whole.step_ms)


@contextmanager
def worker(setup: Setup, registry: Path) -> Iterator[None]:
    """The worker as a process; what it says goes to a file beside the registry."""
    words = ["--config", str(setup.path), "--registry", str(registry), "--recorded"]
    with registry.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.retraining.worker", *words],
            cwd=ROOT, env=environment(), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
        assert process.poll() is None, registry.with_suffix(".log").read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait()


def in_flight(setup: Setup) -> RetrainingData | None:
    """The request that is open now."""
    with subscribe.requests(setup.bootstrap, topics=setup.config.topics, follow=False) as requests:
        return next((request.data for request in requests), None)


def play(setup: Setup, inference: Inference) -> None:
    """Send the stream; where a worker has all that it waits for, time stands still until it has answered."""
    sent: list[bytes] = []
    begin = TRAINING_ROWS
    for end in STOPS:
        records = inference.answer(begin, end)
        setup.send(records, partitions=1)
        sent += [record.value or b"" for record in records]
        begin = end
        wait_until(setup.is_done, f"row {end}")
        request = in_flight(setup)
        if request is None or request.phase not in UNANSWERED:
            continue
        collected = Collected(request.model, request.data_range.from_at_ms)
        for value in sent:
            collected.add(value)
        if is_enough(request, collected):
            wait_until(
                lambda: (one := in_flight(setup)) is None or one.phase not in UNANSWERED, "a new version"
            )


def data_of(values: list[bytes | None]) -> list[dict[str, Any]]:
    return [json.loads(value or b"")["data"] for value in values]


def right_share(stream: Stream, said: list[tuple[int, str, str]], begin: int, end: int) -> float:
    """The share of right answers among those to the rows from `begin` to before `end`."""
    right = [stream.examples[row].answer == answer for row, _, answer in said if begin <= row < end]
    assert len(right) == end - begin
    return sum(right) / len(right)


def test_one_change_makes_one_request_whose_new_version_is_verified_and_right_again(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(
        tmp_path,
        broker.bootstrap,
        topic_prefix,
        partitions=1,
        models=MODELS,
        more_kafka="commit_interval_ms = 50",
    )
    setup.driftd("topics", "create")
    stream, registry = leap(), Registry(tmp_path / "models")
    with Daemon(setup) as daemon, worker(setup, tmp_path / "models"):
        play(setup, Inference(stream, registry, TRAINING_ROWS))
        assert daemon.stop() == 0

    told = setup.outputs()
    assert told["rejected"] == []
    requested, verified = data_of(told["retraining"])
    assert (requested["phase"], verified["phase"]) == ("requested", "verified")
    assert verified["request_id"] == requested["request_id"] == verified["new_version"] == registry.deployed()
    assert verified["risk_new"] < verified["risk_after"]

    losses = [one for one in data_of(told["alerts"]) if "concept_drift" in one["kinds"]]
    found = stream.row_at(losses[0]["decided"]["at_ms"]) - CHANGE
    asked = stream.row_at(requested["requested_at_ms"]) - CHANGE
    assert 0 < asked <= 2 * found
    # data since the loss, which begins to show some time after the change, and not before it
    assert -50 < stream.row_at(requested["data_range"]["from_at_ms"]) - CHANGE < found

    topic = setup.config.topics.predictions[0]
    said = [
        (stream.row_at(event["at_ms"]), event["model_version"], event["prediction"])
        for event in (json.loads(record.value or b"") for record in consume_all(setup.bootstrap, topic))
    ]
    renewed = min(row for row, version, _ in said if version == verified["new_version"])
    before, meanwhile, after = (
        right_share(stream, said, begin, end)
        for begin, end in ((CHANGE - 1000, CHANGE), (CHANGE, renewed), (renewed, renewed + 1000))
    )
    assert meanwhile < 0.7
    assert min(before, after) > 0.75
