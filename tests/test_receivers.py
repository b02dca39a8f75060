"""The examples of retraining receivers, each with what it imports, on a real broker with a request that it answers."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from architecture import ROOT
from asked import asked
from broker import Broker
from driftd.config import Topics
from driftd.contract.events_out import RetrainingData
from driftd_process import Setup, environment
from example_venv import venv_python
from examples.retraining.registry import Registry
from topic_io import consume_all


@pytest.fixture
def setup(broker: Broker, topic_prefix: str, tmp_path: Path) -> Setup:
    return Setup(tmp_path, broker.bootstrap, topic_prefix, partitions=1)


def ran(
    setup: Setup, registry: Path, lock: str, check: str, *words: str, more: Mapping[str, str], given: str = ""
) -> str:
    """What a program in the environment of `lock` prints that is `given` a text on stdin."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "daemon"), str(ROOT)]),
        "DRIFTD_CONFIG": str(setup.path),
        "DRIFTD_REGISTRY": str(registry),
        "DRIFTD_RECORDED": "1",
        **more,
    }
    done = subprocess.run(
        [str(venv_python(lock)), str(ROOT / "tests" / check), *words],
        env=environment, cwd=registry.parent, input=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def answers(setup: Setup) -> list[dict[str, Any]]:
    """What was said to driftd."""
    records = consume_all(setup.bootstrap, setup.config.topics.control)
    return [json.loads(record.value or b"") for record in records]


def is_answered(setup: Setup, data: RetrainingData, registry: Path) -> bool:
    """Whether `data` was accepted, completed and answered by a deployment of the version that is deployed."""
    *replies, deployment = answers(setup)
    assert [reply["status"] for reply in replies] == ["accepted", "completed"]
    assert {one["request_id"] for one in (*replies, deployment)} == {data.request_id}
    assert deployment["type"] == "deployment"
    return bool(deployment["model_version"] == Registry(registry).deployed() != "1")


def test_dagsters_sensor_begins_one_run_for_a_request_which_answers_it(setup: Setup, tmp_path: Path) -> None:
    registry = tmp_path / "models"
    data = asked(setup, registry)
    home = tmp_path / "dagster"
    home.mkdir()
    told = json.loads(
        ran(
            setup, registry, "requirements-dagster.lock", "dagster_check.py", more={"DAGSTER_HOME": str(home)}
        )
    )
    assert told["keys"] == [[data.request_id], [data.request_id]]  # one key: Dagster begins one run
    assert told["tags"] == {"model": data.model, "stage": "modeling"}
    assert told["succeeded"]
    assert is_answered(setup, data, registry)


def test_airflows_trigger_fires_for_a_request_and_its_task_answers_it(setup: Setup, tmp_path: Path) -> None:
    registry, result = tmp_path / "models", tmp_path / "result.json"
    data = asked(setup, registry)
    connection = {
        "conn_type": "kafka",
        "extra": {
            "bootstrap.servers": setup.bootstrap, "group.id": "airflow", "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "isolation.level": "read_committed",
        },
    }  # fmt: skip
    more = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_DRIFTD": json.dumps(connection),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DRIFTD_RETRAINING_TOPIC": setup.config.topics.retraining,
    }
    ran(setup, registry, "requirements-airflow.lock", "airflow_check.py", str(result), more=more)
    told = json.loads(result.read_text(encoding="utf-8"))
    assert told["errors"] == {}
    assert told["tasks"] == ["retrain"]
    assert told["trigger"] == "AwaitMessageTrigger"
    assert told["request_id"] == data.request_id
    assert told["answers"][0].startswith("deployed")
    assert is_answered(setup, data, registry)


def reached(document: Any, path: str) -> Any:
    """What is at a path of keys and indices."""
    for key in path.split("."):
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def filled(trigger: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """The resource that a trigger creates out of an event's payload, as the Sensor does it."""
    job: dict[str, Any] = trigger["source"]["resource"]
    for parameter in trigger["parameters"]:
        value = reached(payload, parameter["src"]["dataKey"])
        parent, _, key = parameter["dest"].rpartition(".")
        reached(job, parent)[key] = value if isinstance(value, str) else json.dumps(value)
    return job


def test_argos_sensor_makes_a_job_of_a_request_which_answers_it(setup: Setup, tmp_path: Path) -> None:
    registry = tmp_path / "models"
    data = asked(setup, registry)
    text = (ROOT / "examples" / "retraining" / "argo-events.yaml").read_text(encoding="utf-8")
    source, sensor = yaml.safe_load_all(text)
    assert source["spec"]["kafka"]["retraining"]["topic"] == Topics().retraining
    (dependency,), (trigger,) = sensor["spec"]["dependencies"], sensor["spec"]["triggers"]
    (wanted,) = dependency["filters"]["data"]
    records = consume_all(setup.bootstrap, setup.config.topics.retraining)
    payloads = [{"body": json.loads(record.value or b"")} for record in records]
    passed = [one for one in payloads if reached(one, wanted["path"]) in wanted["value"]]
    assert [one["body"]["data"]["phase"] for one in payloads] == ["expired", "requested"]
    (payload,) = passed

    job = filled(copy.deepcopy(trigger["template"]["k8s"]), payload)
    assert job["metadata"]["name"] == data.request_id
    (container,) = job["spec"]["template"]["spec"]["containers"]
    paths = {"/etc/driftd/config.toml": str(setup.path), "/models": str(registry)}
    words = [paths.get(word, word) for word in container["args"]]
    env = {one["name"]: one["value"] for one in container["env"]}
    subprocess.run(
        [sys.executable, *container["command"][1:], *words, "--recorded"],
        env={**environment(), **env}, cwd=ROOT, check=True, timeout=60,
    )  # fmt: skip
    assert is_answered(setup, data, registry)

    trigger["template"]["k8s"]["source"]["resource"] = {}  # any object may stand there
    ran(
        setup,
        registry,
        "requirements-argo.lock",
        "argo_check.py",
        more={},
        given=json.dumps([source, sensor]),
    )
