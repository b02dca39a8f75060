"""What Prometheus sees and does: names of metrics, the table of them, the rules and their tests, by promtool itself."""

import re
import subprocess
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from architecture import ROOT
from driftd.contract.rejection import RejectionReason
from driftd.engine.request import RequestPhase
from driftd.shard_view import ServiceView, ShardView
from driftd.shells.metrics import ENGINE_COUNTERS, MODEL_COUNTERS, build_registry
from metric_table import PAGE, TABLE, busy_registry, metric_table, shown_name
from prometheus_install import PrometheusInstall

FOLDER = ROOT / "docker" / "prometheus"
RUNBOOK = ROOT / "docs" / "runbook.md"
RULES = [
    rule for group in YAML(typ="safe").load(FOLDER / "driftd.rules.yml")["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
TEST_FILES = sorted(FOLDER.glob("*.test.yml"))


def promtool(
    install: PrometheusInstall, *arguments: object, text: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [install.promtool, *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def alert_cases() -> list[tuple[str, bool]]:
    """The name of the alert, and whether it is to fire, of each case of the tests of rules."""
    tests: list[dict[str, Any]] = [
        test for path in TEST_FILES for test in YAML(typ="safe").load(path)["tests"]
    ]
    return [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in tests
        for case in test.get("alert_rule_test", [])
    ]


def test_promtool_has_nothing_to_say_about_the_names_of_the_metrics(prometheus: PrometheusInstall) -> None:
    done = promtool(prometheus, "check", "metrics", text=generate_latest(busy_registry()).decode())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_promtool_finds_a_name_that_breaks_the_conventions(prometheus: PrometheusInstall) -> None:
    text = "# HELP driftd_commit_ms how long\n# TYPE driftd_commit_ms gauge\ndriftd_commit_ms 3\n"
    done = promtool(prometheus, "check", "metrics", text=text)
    assert done.returncode != 0
    assert "driftd_commit_ms" in done.stdout + done.stderr


def test_each_metric_is_there_once_for_prometheus_too_which_asks_for_openmetrics() -> None:
    text: bytes = openmetrics.generate_latest(busy_registry())  # type: ignore[no-untyped-call]
    families = list(text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert {"driftd_model_phase", "driftd_model_retraining_requested", "driftd_build_info"} <= set(names)
    assert all(family.samples for family in families), "a metric without a sample is checked by nobody"


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == metric_table(busy_registry()), "make metrics"


def samples(registry: CollectorRegistry) -> set[tuple[str, ...]]:
    return {(one.name, *one.labels.values()) for family in registry.collect() for one in family.samples}


def test_what_is_counted_is_there_before_its_first_event() -> None:
    fresh = samples(build_registry(ServiceView({0: ShardView(0)}))[0])
    assert {("driftd_events_rejected_total", reason.value) for reason in RejectionReason} <= fresh
    assert {("driftd_engine_events_total", name) for name in ENGINE_COUNTERS} <= fresh
    busy = samples(busy_registry())
    assert {(f"driftd_model_{name}_total", "fraud") for name in MODEL_COUNTERS} <= busy
    assert {f"retraining_{phase.value}" for phase in RequestPhase} <= MODEL_COUNTERS.keys()


def test_the_rules_are_in_order_and_their_own_tests_pass(prometheus: PrometheusInstall) -> None:
    for arguments in (
        ("check", "rules", "--lint=all", "--lint-fatal", FOLDER / "driftd.rules.yml"),
        ("check", "config", FOLDER / "prometheus.yml"),
        ("test", "rules", *TEST_FILES),
    ):
        done = promtool(prometheus, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_where_it_fires_and_where_it_does_not(name: str) -> None:
    cases = alert_cases()
    assert (name, True) in cases
    assert (name, False) in cases


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_means_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    severity = rule.get("labels", {}).get("severity")
    assert severity in {"info", "warning", "critical"} or "severity" in rule["expr"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert ROOT / page == RUNBOOK
    assert anchor == name.lower()


def test_the_runbook_has_a_section_per_alert_and_no_other() -> None:
    sections = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(ALERTS)


def test_the_rules_ask_for_metrics_that_driftd_shows() -> None:
    shown = {shown_name(family) for family in busy_registry().collect()}
    shown |= {f"{name}_bucket" for name in shown}
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    for rule in RULES:
        names = set(re.findall(r"[a-z_:0-9]*(?:driftd|process)_[a-z_:0-9]+", rule["expr"]))
        assert names <= shown | recorded, rule
