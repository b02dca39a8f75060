"""Who is told what: a table, one row a sentence; and what a receiver remembers of the log."""

from typing import Any

import pytest

from driftd.config_notify import Notify
from driftd.contract.events_out import AlertData
from driftd.notify.notice import Request
from driftd.notify.routing import Decision, Told, decide
from notify_setup import alert, notice, resolved


def receiver(kind: str = "webhook", **more: Any) -> Notify:
    url = "slack://a/b/c" if kind == "apprise" else "https://hooks.example.org/x"
    key = {"secret_env": "KEY"} if kind == "pagerduty" else {}
    return Notify.model_validate({"name": "r", "type": kind, "url": url, **key, **more})


def request(phase: str = "requested", cause: str = "data_drift") -> Request:
    return Request("req-1", "churn", cause, phase, "please")


WARNING: dict[str, Any] = {"severity": "warning"}
QUIET_UPDATE: dict[str, Any] = {"cause": "still_open", "page": False, "number": 5}

ROWS: list[tuple[str, Notify, AlertData | Request, bool | None, Decision]] = [
    ("a webhook is told everything", receiver(), alert(**QUIET_UPDATE), True, Decision.SEND),
    ("of the models that it asked for", receiver(models=("fraud*",)), alert(), None, Decision.OTHER_MODEL),
    ("by pattern", receiver(models=("fraud*", "ch?rn")), alert(), None, Decision.SEND),
    ("of the kinds that it asked for", receiver(kinds=("silence",)), alert(), None, Decision.OTHER_KIND),
    (
        "where any kind of the story counts",
        receiver(kinds=("performance",)),
        alert(kinds=["data_drift", "performance"]),
        None,
        Decision.SEND,
    ),
    ("of the severities that it asked for", receiver(severities=("critical",)), alert(**WARNING), None,
     Decision.OTHER_SEVERITY),
    ("pages only, where it asked for that", receiver(pages_only=True), alert(page=False), None, Decision.NO_PAGE),
    ("whoever was told is told the end", receiver(severities=("critical",)), resolved(**WARNING), True, Decision.SEND),
    ("whoever was not, is not", receiver(), resolved(), False, Decision.NEVER_TOLD),
    ("an end of something unknown goes by the filters", receiver(pages_only=True), resolved(), None, Decision.SEND),
    ("people are told what is critical at once", receiver("apprise"), alert(), None, Decision.SEND),
    ("and warnings in a digest", receiver("apprise"), alert(**WARNING), None, Decision.COLLECT),
    ("or at once where they want no digest", receiver("apprise", digest_ms=0), alert(**WARNING), None, Decision.SEND),
    ("people are not told what is no news", receiver("apprise"), alert(**QUIET_UPDATE), True, Decision.NO_NEWS),
    ("nor what is silenced", receiver("apprise"), alert(page=False, silenced_by="s"), None, Decision.SILENCED),
    ("programs are", receiver("alertmanager"), alert(page=False, silenced_by="s"), None, Decision.SEND),
    ("critical news without a page wait", receiver("apprise"), alert(page=False), None, Decision.COLLECT),
    ("a pager is woken by pages", receiver("pagerduty"), alert(**WARNING), None, Decision.SEND),
    ("and by nothing else", receiver("pagerduty"), alert(page=False), None, Decision.NO_PAGE),
    ("but for the end of what woke it", receiver("pagerduty"), resolved(), True, Decision.SEND),
    ("it is told who is at work on it", receiver("pagerduty"), alert(cause="acknowledged", page=False), True,
     Decision.SEND),
    ("if it was woken", receiver("pagerduty"), alert(cause="acknowledged", page=False), False, Decision.NO_PAGE),
    ("a webhook is told of requests", receiver(), request("verified"), None, Decision.SEND),
    ("people of those that ask something", receiver("apprise"), request("escalated"), None, Decision.COLLECT),
    ("and not of others", receiver("apprise"), request("verified"), None, Decision.NO_NEWS),
    ("Alertmanager of none", receiver("alertmanager"), request(), None, Decision.NOT_FOR_ITS_TYPE),
    ("a pager neither", receiver("pagerduty"), request(), None, Decision.NOT_FOR_ITS_TYPE),
    ("requests go by the kind of their cause", receiver(kinds=("silence",)), request(), None, Decision.OTHER_KIND),
]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "data", "told", "decision"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_who_is_told(to: Notify, data: AlertData | Request, told: bool | None, decision: Decision) -> None:
    assert decide(notice(data), to, told) is decision


def test_every_decision_has_a_row() -> None:
    assert {row[4] for row in ROWS} == {*Decision}


def test_nothing_without_a_page_wakes_anybody_whatever_else_it_says() -> None:
    for cause in (
        "held",
        "severity_raised",
        "kind_changed",
        "reopened",
        "still_open",
        "acknowledged",
        "silence_over",
    ):
        for severity in ("info", "warning", "critical"):
            data = alert(cause=cause, severity=severity, page=False)
            assert not decide(notice(data), receiver("pagerduty"), None).is_told


def decisions(to: Notify, *alerts: AlertData) -> list[Decision]:
    told = Told(to)
    return [told.note(notice(data)) for data in alerts]


def test_the_end_of_a_silenced_incident_wakes_nobody() -> None:
    silenced: dict[str, Any] = {"page": False, "silenced_by": "sil-1"}
    assert decisions(receiver("pagerduty"), alert(**silenced), resolved(**silenced)) == [
        Decision.SILENCED,
        Decision.NEVER_TOLD,
    ]


def test_an_incident_that_becomes_worse_is_told_to_the_end_to_who_wants_only_the_worst() -> None:
    to = receiver(severities=("critical",))
    raised = alert(number=2, cause="severity_raised")
    assert decisions(to, alert(**WARNING), raised, resolved(number=3, **WARNING)) == [
        Decision.OTHER_SEVERITY,
        Decision.SEND,
        Decision.SEND,
    ]


def test_an_end_that_comes_again_is_not_told_again() -> None:
    assert decisions(receiver("pagerduty"), alert(), resolved(), resolved())[1:] == [
        Decision.SEND,
        Decision.NEVER_TOLD,
    ]


def test_an_incident_whose_beginning_is_out_of_the_log_counts_as_told() -> None:
    assert decisions(receiver(), resolved(number=9)) == [Decision.SEND]
