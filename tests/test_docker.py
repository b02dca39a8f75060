"""The container's files, as far as they can be tried without containers: linters, schemas, and what is ours."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from architecture import ROOT
from broker import Broker
from driftd.cli.app import COMMANDS
from driftd.config import Config
from driftd.config_text import load_config
from topic_io import consume_all

DOCKER = ROOT / "docker"
BIN = Path(sys.executable).parent
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = YAML(typ="safe").load(DOCKER / "compose.yaml")


def hadolint(dockerfile: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "hadolint"), "-"], input=dockerfile, capture_output=True, text=True, check=False
    )


def compose_complaints(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    done = hadolint(DOCKERFILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_a_base_image_without_a_tag() -> None:
    done = hadolint(re.sub(r"(FROM python):\S+", r"\1", DOCKERFILE))
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_the_image_runs_as_nobody_special_and_tells_whether_it_lives() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert len(stages) == 3
    assert re.search(r"^USER 10001$", stages[-1], re.MULTILINE)
    assert "/livez" in stages[-1].partition("HEALTHCHECK")[2]
    assert re.findall(r"^FROM python:(\S+)", DOCKERFILE, re.MULTILINE) == ["3.12.12-slim-bookworm"] * 2
    assert DOCKERFILE.count("--require-hashes -r requirements.lock") == 1


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    wanted = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    ]
    assert wanted
    for name in wanted:
        assert (ROOT / name).exists(), name
        assert f"\n!{name}\n" in ignored, name


def test_compose_is_what_the_compose_specification_says(tmp_path: Path) -> None:
    done = compose_complaints(DOCKER / "compose.yaml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.json"
    wrong.write_text(
        json.dumps({**COMPOSE, "services": {"kafka": {"imagine": "apache/kafka"}}}), encoding="utf-8"
    )
    done = compose_complaints(wrong)
    assert done.returncode == 1
    assert "imagine" in done.stdout


def test_compose_runs_commands_that_driftd_has() -> None:
    services = COMPOSE["services"]
    ours = [service for service in services.values() if service["image"] == "driftd"]
    assert len(ours) == 3
    commands = [" ".join(service["command"]) for service in ours if "entrypoint" not in service]
    assert commands == ["topics create", "run"]
    assert set(commands) <= set(COMMANDS)


def test_compose_waits_for_services_that_exist_and_opens_ports_on_loopback_only() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_prometheus_and_alertmanager_start_on_demand_and_find_each_other_driftd_and_the_rules() -> None:
    services = COMPOSE["services"]
    demanded = {name for name, service in services.items() if "profiles" in service}
    assert demanded == {"prometheus", "alertmanager"}
    assert all(re.fullmatch(r"prom/\w+:v\d+\.\d+\.\d+", services[name]["image"]) for name in demanded)
    for name in demanded:
        (volume,) = services[name]["volumes"]
        source, target, mode = volume.split(":")
        assert (DOCKER / source).exists()
        assert target.startswith(f"/etc/{name}")
        assert mode == "ro"
    asked = YAML(typ="safe").load(DOCKER / "prometheus" / "prometheus.yml")
    (job,) = asked["scrape_configs"]
    assert (job["job_name"], job["static_configs"]) == ("driftd", [{"targets": ["driftd:9464"]}])
    (told,) = asked["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert [(DOCKER / "prometheus" / name).exists() for name in asked["rule_files"]] == [True]


def test_the_container_s_configuration_finds_compose_s_broker() -> None:
    path = DOCKER / "config.toml"
    config = load_config(path.read_text(encoding="utf-8"), str(path))
    (broker,) = config.kafka.brokers
    name, _, port = broker.partition(":")
    listeners = COMPOSE["services"][name]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{broker}" in listeners.split(",")
    assert port == "9092"
    assert COMPOSE["services"]["driftd"]["ports"] == [f"127.0.0.1:{config.http.port}:{config.http.port}"]
    assert config.topics == Config().topics


def test_the_demo_s_producer_sends_predictions_and_labels_in_order(broker: Broker) -> None:
    broker.create_topics({"predictions": 2, "labels": 2})
    command = [
        sys.executable,
        str(DOCKER / "produce_demo.py"),
        "--brokers",
        broker.bootstrap,
        "--per-second",
        "0",
    ]
    environment = {"PYTHONPATH": str(ROOT / "daemon")}
    done = subprocess.run(
        [*command, "--records-max", "3000"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    times = {
        topic: [json.loads(record.value or b"")["at_ms"] for record in consume_all(broker.bootstrap, topic)]
        for topic in ("predictions", "labels")
    }
    assert sum(map(len, times.values())) == 3000
    assert min(map(len, times.values())) > 1400
    assert all(of_topic == sorted(of_topic) for of_topic in times.values())


def test_the_demo_s_producer_fails_where_nobody_takes_its_records() -> None:
    command = [
        sys.executable,
        str(DOCKER / "produce_demo.py"),
        "--brokers",
        "127.0.0.1:1",
        "--per-second",
        "0",
    ]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT / "daemon")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("word", ["PASSWORD", "SECRET", "TOKEN", "_KEY"])
def test_the_image_holds_no_secret(word: str) -> None:
    assert word not in DOCKERFILE.upper()
    # NAME: ${NAME:?why} hands on what whoever starts it has
    assert word not in re.sub(r"'(\w+)': '\$\{\1:\?[^}]*\}'", "", str(COMPOSE)).upper()
