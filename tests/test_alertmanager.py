"""What people hear: docker's configuration in a real Alertmanager, told as the documentation says."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alertmanager import Alertmanager, People, alertmanager, people, wait_until
from architecture import ROOT
from doc_blocks import blocks
from prometheus_install import PrometheusInstall

PAGE = "docs/running.md"
INCIDENT_LABELS = {"alertname", "model", "kind", "severity", "incident_id"}


@pytest.fixture(scope="module")
def heard() -> Iterator[People]:
    with people() as listening:
        yield listening


@pytest.fixture(scope="module")
def running(
    prometheus: PrometheusInstall, heard: People, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alertmanager]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    with alertmanager(prometheus, folder, heard) as one:
        yield one


def now(ago_s: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() - ago_s, UTC).isoformat()


def documented() -> dict[str, Any]:
    """The alert that the documentation shows."""
    (text,) = [
        block.text
        for block in blocks(PAGE, (ROOT / PAGE).read_text(encoding="utf-8"))
        if block.language == "json" and "DriftdIncident" in block.text
    ]
    (alert,) = json.loads(text)
    return {**alert, "startsAt": now(ago_s=60)}


def incident(model: str, number: int, severity: str, **more: str) -> dict[str, Any]:
    """As the documented one, of another model."""
    alert = documented()
    assert set(alert["labels"]) == INCIDENT_LABELS
    labels = {**alert["labels"], "model": model, "incident_id": f"inc-{number}", "severity": severity}
    return {**alert, "labels": labels, **more}


def rule_alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """As Prometheus sends it."""
    labels = {"alertname": name, "job": "driftd", "severity": severity, **labels}
    return {"labels": labels, "annotations": {"summary": name}, "startsAt": now(ago_s=60)}


def told(heard: People, receiver: str, status: str, model: str) -> list[Mapping[str, Any]]:
    """What `receiver` was told of `model` up to now."""
    return [one for one in heard.notifications(receiver, status) if one["groupLabels"].get("model") == model]


def hear(heard: People, receiver: str, status: str, model: str) -> Mapping[str, Any]:
    """Waits for one notification; there is to be no other."""
    wait_until(lambda: bool(told(heard, receiver, status, model)), f"{status} of {model} for {receiver}")
    (only,) = told(heard, receiver, status, model)
    return only


def test_the_documented_alert_reaches_people_and_so_does_its_end(
    running: Alertmanager, heard: People
) -> None:
    alert = documented()
    running.push([alert])
    firing = hear(heard, "people", "firing", "fraud")
    assert firing["groupLabels"] == {"model": "fraud", "incident_id": alert["labels"]["incident_id"]}
    assert [one["labels"] for one in firing["alerts"]] == [alert["labels"]]
    assert firing["alerts"][0]["annotations"] == alert["annotations"]
    running.push([{**alert, "endsAt": now()}])
    over = hear(heard, "people", "resolved", "fraud")
    assert [one["status"] for one in over["alerts"]] == ["resolved"]


def test_an_incident_that_becomes_critical_goes_from_tickets_to_people_and_leaves_no_ticket_open(
    running: Alertmanager, heard: People
) -> None:
    running.push([incident("rising", 1, "warning"), incident("other", 2, "warning")])
    hear(heard, "tickets", "firing", "rising")
    hear(heard, "tickets", "firing", "other")
    running.push([incident("rising", 1, "warning", endsAt=now()), incident("rising", 1, "critical")])
    page = hear(heard, "people", "firing", "rising")
    assert page["groupLabels"] == {"model": "rising", "incident_id": "inc-1"}
    assert [one["labels"]["severity"] for one in page["alerts"]] == ["critical"]
    hear(heard, "tickets", "resolved", "rising")
    assert not told(heard, "tickets", "resolved", "other")


def test_what_the_rules_say_of_one_model_comes_together(running: Alertmanager, heard: People) -> None:
    names = ["DriftdModelLearnsTooLong", "DriftdModelSilent"]
    alerts = [rule_alert(name, "warning", model="grouped") for name in names]
    running.push([*alerts, rule_alert("DriftdModelSilent", "warning", model="alone")])
    together = hear(heard, "tickets", "firing", "grouped")
    assert sorted(one["labels"]["alertname"] for one in together["alerts"]) == names
    assert len(hear(heard, "tickets", "firing", "alone")["alerts"]) == 1


def test_driftd_s_own_alert_holds_back_the_rule_that_counts_it_and_nothing_else(
    running: Alertmanager,
) -> None:
    running.push(
        [
            incident("bad", 10, "critical"),
            incident("bad", 11, "warning"),
            rule_alert("DriftdModelIncident", "critical", model="bad", kind="performance"),
            rule_alert("DriftdModelIncident", "critical", model="unpushed", kind="performance"),
            rule_alert("DriftdRetrainingNotAccepted", "warning", model="bad"),
        ]
    )
    expected = {
        ("DriftdIncident", "bad", "critical"): "active",
        ("DriftdIncident", "bad", "warning"): "active",
        ("DriftdModelIncident", "bad", "critical"): "suppressed",
        ("DriftdModelIncident", "unpushed", "critical"): "active",
        ("DriftdRetrainingNotAccepted", "bad", "warning"): "active",
    }
    wait_until(lambda: expected.items() <= running.states().items(), str(expected))


def test_where_nobody_answers_each_is_quiet_and_other_alerts_of_the_job_are_not(
    running: Alertmanager,
) -> None:
    running.push(
        [
            rule_alert("DriftdDown", "critical"),
            rule_alert("DriftdInstanceDown", "warning", instance="a:9464"),
            rule_alert("DriftdLagGrowing", "warning", topic="predictions", partition="0"),
        ]
    )
    expected = {
        ("DriftdDown", "", "critical"): "active",
        ("DriftdInstanceDown", "", "warning"): "suppressed",
        ("DriftdLagGrowing", "", "warning"): "active",
    }
    wait_until(lambda: expected.items() <= running.states().items(), str(expected))
