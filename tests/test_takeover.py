"""Two workers, one shard: whoever is not the owner any more writes nothing, whatever it believes."""

import signal
from pathlib import Path

import pytest

from broker import Broker
from driftd_process import Daemon, Setup, wait_until
from streams import Story
from test_live_replay import replayed

SMALL_STEPS = "batch_records_max = 25\ncommit_interval_ms = 20\nrequest_timeout_ms = 3000"


def begun(setup: Setup, records: int) -> bool:
    """Whether more than `records` of them were applied."""
    return sum(setup.applied().values()) > records


def check_outputs(setup: Setup, folder: Path) -> None:
    """What was said, read committed, is what a single engine says that reads the same records in the same order."""
    live = setup.outputs()
    assert all(live.values())
    recording = folder / "live.jsonl"
    setup.driftd("record", "-o", str(recording))
    assert replayed(setup, recording, folder / "out") == live


@pytest.fixture
def setup(broker: Broker, topic_prefix: str, tmp_path: Path) -> Setup:
    """Topics with a stream in them."""
    made = Setup(tmp_path, broker.bootstrap, topic_prefix, more_kafka=SMALL_STEPS)
    made.driftd("topics", "create")
    made.send(Story(seed=11, events=8000).tell())
    return made


def test_a_stand_by_takes_over_from_a_worker_that_was_killed(setup: Setup, tmp_path: Path) -> None:
    with Daemon(setup, "first") as first, Daemon(setup, "second") as second:
        wait_until(lambda: begun(setup, 500), "the begin")
        owner, other = (first, second) if "shard runs" in first.log() else (second, first)
        owner.kill9()
        other.wait_for("shard runs")
        wait_until(setup.is_done, "the rest")
        assert other.stop() == 0
    check_outputs(setup, tmp_path)


def test_a_worker_that_slept_through_its_succession_is_fenced(setup: Setup, tmp_path: Path) -> None:
    with Daemon(setup, "sleeper") as sleeper:
        wait_until(lambda: begun(setup, 500), "the begin")
        sleeper.process.send_signal(signal.SIGSTOP)
        with Daemon(setup, "successor") as successor:
            successor.wait_for("shard runs")
            wait_until(lambda: begun(setup, 3000), "the successor's part")
            sleeper.process.send_signal(
                signal.SIGCONT
            )  # in the middle of what it did, and sure that the shard is its own
            wait_until(setup.is_done, "the rest")
            assert sleeper.stop() == 0
            assert successor.stop() == 0
    check_outputs(setup, tmp_path)


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    own_broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, own_broker.bootstrap, topic_prefix, more_kafka=SMALL_STEPS)
    setup.driftd("topics", "create")
    setup.send(Story(seed=12, events=8000).tell())
    with Daemon(setup) as daemon:
        wait_until(lambda: begun(setup, 1500), "the begin")
        own_broker.kill9()
        own_broker.start()
        wait_until(setup.is_done, "the rest", seconds_max=120)
        assert daemon.stop() == 0
    check_outputs(setup, tmp_path)
