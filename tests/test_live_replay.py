"""Live equals replay, byte for byte: what a daemon said while records came in, its recording says again."""

import json
import threading
import time
from pathlib import Path

from broker import Broker
from driftd_process import Daemon, Setup, wait_until
from streams import SMALL, Story, pieces, prediction

OUT_FILES = {"alerts": "alerts.jsonl", "retraining": "retraining.jsonl", "rejected": "rejected.jsonl"}


def replayed(setup: Setup, recording: Path, out: Path) -> dict[str, list[bytes]]:
    """What `driftd replay` says of `recording`."""
    setup.driftd("replay", str(recording), "--out", str(out))
    return {name: (out / file).read_bytes().splitlines() for name, file in OUT_FILES.items()}


def test_a_recording_of_what_a_daemon_saw_replays_to_the_same_bytes(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix)
    setup.driftd("topics", "create")
    records = Story(seed=7, events=3000).tell()
    begin, *rest = pieces(records, range(500, len(records), 250))
    setup.send(begin)

    def go_on() -> None:
        for piece in rest:
            setup.send(piece)

    sender = threading.Thread(target=go_on)
    with Daemon(setup, "first") as daemon:
        sender.start()  # records come in while it is at work, over four partitions: only its journal knows their order
        daemon.wait_for("shard runs")
        wait_until(lambda: sum(setup.applied().values()) > len(records) / 3, "a third of the stream")
        assert daemon.stop() == 0
    with Daemon(setup, "second") as daemon:
        daemon.wait_for("shard runs")  # the first one may have been as far as that
        sender.join()
        wait_until(setup.is_done, "the rest of the stream")
        assert daemon.stop() == 0

    live = setup.outputs()
    assert all(live.values())
    recording = tmp_path / "live.jsonl.zst"
    told = setup.driftd("record", "--out", str(recording)).stderr
    assert f"{len(records):,} records in journal order" in told
    assert replayed(setup, recording, tmp_path / "out") == live


def test_what_no_daemon_has_read_is_recorded_as_a_daemon_would_apply_it(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix)
    setup.driftd("topics", "create")
    setup.send(Story(seed=8, events=1500).tell())
    before = tmp_path / "before.jsonl.gz"
    assert "in time order" in setup.driftd("record", "-o", str(before)).stderr

    with Daemon(setup) as daemon:
        wait_until(setup.is_done, "the stream")
        assert daemon.stop() == 0
    live = setup.outputs()
    assert live["alerts"]
    assert replayed(setup, before, tmp_path / "out") == live


def test_a_recording_ends_with_the_record_that_an_alert_names(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix)
    setup.driftd("topics", "create")
    setup.send(Story(seed=8, events=600).tell())
    target = tmp_path / "part.jsonl"
    place = f"{topic_prefix}predictions:1:100"
    setup.driftd("record", "-o", str(target), "--until", place)
    last = target.read_text(encoding="utf-8").splitlines()[-1]
    assert f'"topic":"{topic_prefix}predictions","partition":1,"offset":100,' in last

    refused = setup.driftd("record", "-o", str(target), expect=2)
    assert "--force" in refused.stderr
    wrong = setup.driftd("record", "-o", str(tmp_path / "x.jsonl"), "--until", "predictions-100", expect=2)
    assert "TOPIC:PARTITION:OFFSET" in wrong.stderr
    unreached = setup.driftd(
        "record", "-o", str(target), "--force", "--until", f"{topic_prefix}predictions:1:999999"
    )
    assert "is not among them" in unreached.stderr
    empty = setup.driftd("record", "-o", str(target), "--force", "--order", "journal", expect=2)
    assert "no daemon has run" in empty.stderr


def test_a_model_that_stops_is_published_as_silent_and_replays_to_the_same_bytes(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    quick = "[defaults.silence]\nshortest_ms = 300\n"
    models = SMALL.replace("[defaults.reference]", '[defaults.reference]\ncycle = "none"') + quick
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, tick_interval_ms=200, models=models)
    setup.driftd("topics", "create")
    sent = 0

    def send(seconds: float) -> None:
        nonlocal sent
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now_ms = time.time_ns() // 1_000_000
            setup.send([prediction(sent + n, now_ms, features={"a": n % 7}) for n in range(20)])
            sent += 20

    def phases() -> list[str]:
        told = [json.loads(value or b"")["data"] for value in setup.outputs()["alerts"]]
        return [alert["phase"] for alert in told if alert["kind"] == "silence"]

    with Daemon(setup) as daemon:
        daemon.wait_for("shard runs")
        send(4)
        wait_until(lambda: phases()[-1:] == ["open"], "the silence")
        send(0.1)
        wait_until(lambda: phases()[-1:] == ["resolved"], "its end")
        assert daemon.stop() == 0

    live = setup.outputs()
    recording = tmp_path / "silence.jsonl"
    told = setup.driftd("record", "--out", str(recording)).stderr
    assert f"{sent:,} of {topic_prefix}predictions" in told
    assert "are gone" not in told
    assert replayed(setup, recording, tmp_path / "out") == live
