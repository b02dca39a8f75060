"""The daemon as its operator meets it: start, stop, pages, and every reason for which it does not go on."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition

from broker import Broker, free_ports
from driftd.engine.state import seal
from driftd_process import Daemon, Setup, wait_until
from streams import Story
from topic_io import Message, produce


def get(port: int, path: str) -> tuple[int, str]:
    """Status and text of a page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture
def setup(broker: Broker, topic_prefix: str, tmp_path: Path) -> Setup:
    """Topics, with nothing in them."""
    made = Setup(tmp_path, broker.bootstrap, topic_prefix)
    made.driftd("topics", "create")
    return made


def test_a_running_daemon_shows_itself_and_stops_when_asked(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, http_port=port)
    setup.driftd("topics", "create")
    setup.send(Story(seed=3, events=800).tell())
    with Daemon(setup) as daemon:
        wait_until(lambda: get(port, "/livez")[0] == 200, "/livez")
        status, text = get(port, "/readyz")
        assert (status == 200) == (json.loads(text)["status"] == "ready")
        wait_until(lambda: get(port, "/readyz")[0] == 200, "/readyz")
        assert json.loads(get(port, "/readyz")[1]) == {"status": "ready", "shards": [0], "reasons": []}
        wait_until(setup.is_done, "the stream")
        wait_until(
            lambda: 'driftd_model_phase{model="m0",phase=' in get(port, "/metrics")[1], "the model's metrics"
        )
        metrics = get(port, "/metrics")[1]
        alerts = setup.outputs()["alerts"]
        kind = "dev.driftd.alert.opened.v1"
        opened = sum(json.loads(value or b"")["type"] == kind for value in alerts)
        assert f'driftd_events_published_total{{shard="0",type="{kind}"}} {float(opened)}' in metrics
        assert re.search(r'driftd_events_rejected_total\{reason="malformed_json"\} [1-9]', metrics)
        assert f'driftd_lag_records{{partition="0",topic="{topic_prefix}predictions"}} 0.0' in metrics
        assert daemon.stop() == 0
    assert get(port, "/livez")[0] == 0


def test_a_worker_that_owns_nothing_yet_is_not_ready(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, http_port=port)
    setup.driftd("topics", "create")
    with Daemon(setup):
        wait_until(lambda: get(port, "/readyz")[0] != 0, "/readyz")
        status, text = get(port, "/readyz")
        assert status == 503
        assert json.loads(text)["reasons"]


def test_a_missing_broker_ends_it_with_69_and_its_address(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    setup = Setup(tmp_path, f"127.0.0.1:{port}", "none.", more_kafka="request_timeout_ms = 1000")
    for words in (
        ("run",),
        ("topics", "create"),
        ("topics", "plan"),
        ("record", "-o", str(tmp_path / "r.jsonl")),
    ):
        told = setup.driftd(*words, expect=69).stderr
        assert f"127.0.0.1:{port}" in told
        assert "Traceback" not in told


def test_missing_topics_end_it_with_what_makes_them(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix)
    told = setup.driftd("run", expect=78).stderr
    assert f"{topic_prefix}predictions" in told
    assert "driftd topics create" in told


def test_a_port_that_is_taken_ends_it_with_78(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix, http_port=int(broker.bootstrap.split(":")[1]))
    setup.driftd("topics", "create")
    assert "http.port: 127.0.0.1:" in setup.driftd("run", expect=78).stderr


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (b"engine", b"\x80\x04pickle", "is not of driftd"),
        (b"\xff", b"anything", "is not of driftd"),
        (b"engine", b"driftd-state 999 abc\n{}", "is of version 999"),
        (b"engine", seal({"offsets": []}).replace(b"offsets", b"offsetz"), "checksum does not match"),
        (b"engine", seal({"nothing": 1}), "does not fit together"),
        (b"layout", seal({"nothing": 1}), "does not fit together"),
    ],
)
def test_a_state_that_cannot_be_gone_on_from_ends_it_and_stays_as_it_is(
    setup: Setup, key: bytes, value: bytes, told: str
) -> None:
    topic = setup.config.topics.state
    produce(setup.bootstrap, [Message(topic, value, key, 0)])
    ended = setup.driftd("run", expect=78)
    assert told in ended.stderr.replace("\n", " ")
    assert topic in ended.stderr or "state entry" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert setup.applied() == {}


def test_records_that_retention_took_before_they_were_read_end_it_with_the_gap(setup: Setup) -> None:
    setup.send(Story(seed=3, events=300).tell())
    with Daemon(setup) as daemon:
        wait_until(setup.is_done, "the stream")
        assert daemon.stop() == 0
    predictions = setup.config.topics.predictions[0]
    last = setup.applied()[predictions, 0]
    setup.send(Story(seed=4, events=300).tell())
    admin = KafkaAdminClient(bootstrap_servers=setup.bootstrap)
    admin.delete_records({TopicPartition(predictions, 0): last + 50})
    admin.close()
    told = setup.driftd("run", expect=78).stderr
    assert f"records {last + 1} to {last + 49} (49 of them)" in told
    before = setup.outputs()["alerts"]
    setup.driftd("run", expect=78)
    *earlier, alert, repeated = (json.loads(value or b"") for value in setup.outputs()["alerts"])
    assert len(earlier) == len(before) - 1
    assert alert == repeated  # the same id: subscribers drop it
    data = alert["data"]
    assert (data["kind"], data["severity"], data["model"]) == ("silence", "critical", "-")
    assert data["onset"] | {"at_ms": 0} == {
        "at_ms": 0, "topic": predictions, "partition": 0, "offset": last + 1
    }  # fmt: skip
    assert data["summary"].startswith("driftd has stopped, and no model of this shard is watched: topic ")
    assert f"records {last + 1} to {last + 49} (49 of them)" in data["summary"]


def test_a_topic_that_was_made_anew_ends_it(setup: Setup) -> None:
    setup.send(Story(seed=3, events=300).tell())
    with Daemon(setup) as daemon:
        wait_until(setup.is_done, "the stream")
        assert daemon.stop() == 0
    labels = setup.config.topics.labels[0]
    admin = KafkaAdminClient(bootstrap_servers=setup.bootstrap)
    admin.delete_topics([labels])
    admin.close()
    setup.driftd("topics", "create")
    told = setup.driftd("run", expect=78).stderr
    assert f"topic {labels} was deleted and made anew" in told


def test_a_partition_that_is_added_is_read_from_its_begin(setup: Setup) -> None:
    begin = Story(seed=3, events=600).tell()
    setup.send(begin[: len(begin) // 2])
    with Daemon(setup) as daemon:
        wait_until(setup.is_done, "the stream")
        assert daemon.stop() == 0
    admin = KafkaAdminClient(bootstrap_servers=setup.bootstrap)
    admin.create_partitions({setup.config.topics.predictions[0]: 3})
    admin.close()
    rest = [record for record in begin[len(begin) // 2 :] if record.topic == "predictions"]
    setup.send(rest, partitions=3)
    with Daemon(setup) as daemon:
        wait_until(setup.is_done, "all three partitions")
        assert daemon.stop() == 0
    assert setup.applied()[setup.config.topics.predictions[0], 2] > 0


def test_topics_are_planned_then_created_and_what_differs_is_told(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, broker.bootstrap, topic_prefix)
    planned = setup.driftd("topics", "plan", expect=1).stdout
    assert f"would create {topic_prefix}state: 1 partition" in planned
    assert "cleanup.policy=compact" in planned
    assert json.loads(setup.driftd("topics", "create", "--format", "json").stdout)["created"]
    assert "0 topics created, 10 were there" in setup.driftd("topics", "create").stdout
    assert "as they should be" in setup.driftd("topics", "plan").stdout
    other = Setup(tmp_path, broker.bootstrap, topic_prefix, partitions=7, more_topics="shard_count = 2")
    told = json.loads(other.driftd("topics", "plan", "--format", "json", expect=1).stdout)
    assert told["missing"] == []
    assert f"{topic_prefix}predictions: has 2 partitions, wanted 7" in told["differing"]
    assert f"{topic_prefix}state: has 1 partitions, wanted 2" in told["differing"]
    ended = other.driftd("run", expect=78).stderr
    assert "one per shard" in ended
