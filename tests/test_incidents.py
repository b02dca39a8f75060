"""An incident's life and a request's life: their tables, row by row."""

from dataclasses import replace

import pytest

from driftd.config import Incidents as IncidentSettings
from driftd.config import Retraining as RetrainingSettings
from driftd.detectors.base import Effect, Finding
from driftd.engine import incidents as life
from driftd.engine import retraining as requests
from driftd.engine.incidents import Cause, Incidents, Phase
from driftd.engine.kinds import SEVERITIES, STAGES, Kind, Severity, Stage, kind_of, severity_of
from driftd.engine.retraining import Request, RequestPhase, Retraining, Step
from driftd.engine.stream import Evaluation, StreamName
from driftd.reference.panes import Place

SETTINGS = IncidentSettings(hold_panes=2, keep_open_panes=3, update_panes=5)


def place(number: int) -> Place:
    return Place(1000 * number, "predictions", 0, number)


def finding(
    signal: str = "features.a", effect: Effect = Effect.SHIFT, onset: int = 0, **more: float
) -> Finding:
    return Finding(
        signal, effect, "distance", more.get("strength", 2.0), more.get("share", 0.3), place(onset)
    )


def weighed(signal: str) -> Finding:
    return replace(finding(signal), weighed=True)


def pane(
    number: int, *findings: Finding, stream: StreamName = StreamName.INPUTS, elevated: bool = False
) -> Evaluation:
    return Evaluation(stream, number, place(number), findings, True, (), {}, elevated)


def point(number: int, *findings: Finding) -> Evaluation:
    return Evaluation(StreamName.OUTCOMES, number, place(number), findings, False, (), {})


def causes(incidents: Incidents, *evaluations: Evaluation) -> list[str]:
    return [change.cause.value for evaluation in evaluations for change in incidents.step(evaluation)]


@pytest.mark.parametrize(("phase", "cause"), [(phase, cause) for phase in Phase for cause in Cause])
def test_each_transition_is_a_row_and_what_is_no_row_changes_nothing(phase: Phase, cause: Cause) -> None:
    incident = life.Incident(
        "i", Kind.DATA_DRIFT, StreamName.INPUTS, Severity.WARNING, phase, place(0), place(0)
    )
    if (phase, cause) in life.TRANSITIONS:
        incident.move(cause)
        assert incident.phase is life.TRANSITIONS[phase, cause]
    else:
        with pytest.raises(life.IllegalTransition, match=cause.value):
            incident.move(cause)
        assert incident.phase is phase


def test_nothing_goes_on_from_resolved() -> None:
    assert not [row for row in life.TRANSITIONS if row[0] is Phase.RESOLVED]


def test_one_pane_with_a_finding_tells_nobody_two_in_a_row_do() -> None:
    incidents = Incidents("m", SETTINGS)
    assert causes(incidents, pane(1, finding()), pane(2), pane(3, finding()), pane(4)) == []
    assert causes(incidents, pane(5, finding()), pane(6, finding())) == ["held"]


def test_fifty_signals_are_one_incident() -> None:
    incidents = Incidents("m", SETTINGS)
    findings = [finding(f"features.f{i}") for i in range(50)]
    changes = [c for n in range(1, 4) for c in incidents.step(pane(n, *findings))]
    assert len(changes) == 1
    assert len(changes[0].incident.findings) == 50


def test_it_is_resolved_after_keep_open_panes_of_quiet_and_not_before() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    assert causes(incidents, pane(3), pane(4), pane(5, finding()), pane(6), pane(7)) == []
    assert causes(incidents, pane(8)) == ["quiet"]
    assert incidents.current == {}


def test_an_open_incident_is_told_again_after_update_panes() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    assert causes(incidents, *(pane(n, finding()) for n in range(3, 13))) == ["still_open", "still_open"]


def test_signals_that_join_are_told_once_some_panes_have_passed() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    told = causes(incidents, *(pane(n, finding(), finding("features.b")) for n in range(3, 6)))
    assert told == ["signals_joined"]


def test_drift_becomes_critical_when_performance_is_lost() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    changes = incidents.step(point(3, weighed("error")))
    assert [(c.incident.kind, c.cause, c.incident.severity) for c in changes] == [
        (Kind.PERFORMANCE, Cause.HELD, Severity.CRITICAL),
        (Kind.DATA_DRIFT, Cause.SEVERITY_RAISED, Severity.CRITICAL),
    ]


def test_a_loss_stays_one_incident_whatever_the_inputs_do_meanwhile() -> None:
    incidents = Incidents("m", SETTINGS)
    assert causes(incidents, point(1, weighed("error"))) == ["held"]
    causes(incidents, pane(2, finding()), pane(3, finding()))
    causes(incidents, point(4, weighed("loss")))
    assert set(incidents.current) == {Kind.CONCEPT_DRIFT, Kind.DATA_DRIFT}


def test_a_loss_is_not_over_while_the_error_is_elevated() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, point(1, weighed("error")))
    outcomes = StreamName.OUTCOMES
    assert causes(incidents, *(pane(n, stream=outcomes, elevated=True) for n in range(2, 20))) == []
    assert causes(incidents, *(pane(n, stream=outcomes) for n in range(20, 23))) == ["quiet"]


def test_the_silence_of_one_stream_says_nothing_about_the_other() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, point(1, weighed("error")))
    assert causes(incidents, *(pane(n) for n in range(2, 20))) == []


def test_a_new_version_closes_what_was_told_and_forgets_what_was_suspected() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    causes(incidents, pane(3, finding(effect=Effect.MISSING)))
    assert [(c.incident.kind, c.cause) for c in incidents.close_all()] == [
        (Kind.DATA_DRIFT, Cause.NEW_VERSION)
    ]
    assert incidents.current == {}


@pytest.mark.parametrize(
    ("signal", "effect", "inputs_moved", "kind"),
    [
        ("features.a", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("prediction", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("scores.yes", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("features.a", Effect.MISSING, False, Kind.DATA_QUALITY),
        ("features.a", Effect.UNSEEN, False, Kind.DATA_QUALITY),
        ("features.a", Effect.OUTSIDE, False, Kind.DATA_QUALITY),
        ("features.a", Effect.INVALID, False, Kind.DATA_QUALITY),
        ("error", Effect.SHIFT, False, Kind.CONCEPT_DRIFT),
        ("error", Effect.SHIFT, True, Kind.PERFORMANCE),
        ("loss", Effect.SHIFT, True, Kind.PERFORMANCE),
        ("label", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("label", Effect.UNSEEN, False, Kind.LABEL_QUALITY),
        ("latency_ms", Effect.SHIFT, False, Kind.OPERATIONS),
        ("failed", Effect.SHIFT, False, Kind.OPERATIONS),
    ],
)
def test_the_kind_of_a_finding(signal: str, effect: Effect, inputs_moved: bool, kind: Kind) -> None:
    assert kind_of(finding(signal, effect), inputs_moved) is kind


def test_each_kind_has_a_stage_and_a_severity() -> None:
    assert set(STAGES) == set(SEVERITIES) == set(Kind)


@pytest.mark.parametrize(
    ("share", "severity"), [(0.001, Severity.INFO), (0.05, Severity.WARNING), (0.5, Severity.CRITICAL)]
)
def test_damage_is_as_severe_as_it_is_wide(share: float, severity: Severity) -> None:
    assert severity_of(Kind.DATA_QUALITY, finding(effect=Effect.MISSING, share=share), False) is severity


def an_incident(kind: Kind, name: str = "i", open_panes: int = 0) -> life.Incident:
    return life.Incident(
        name, kind, StreamName.INPUTS, Severity.WARNING, Phase.OPEN, place(1), place(2), open_panes=open_panes
    )


def retraining(**settings: int) -> Retraining:
    return Retraining("m", RetrainingSettings(**{"cooldown_ms": 100, "deadline_ms": 1000, **settings}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("phase", "step"), [(phase, step) for phase in RequestPhase for step in Step])
def test_each_step_of_a_request_is_a_row_and_what_is_no_row_changes_nothing(
    phase: RequestPhase, step: Step
) -> None:
    request = Request("r", ("i",), Kind.CONCEPT_DRIFT, Stage.MODELING, place(0), place(1), 0, 1, 1, phase)
    moved = request.move(step)
    assert moved == ((phase, step) in requests.TRANSITIONS)
    assert request.phase is requests.TRANSITIONS.get((phase, step), phase)


def test_what_has_ended_never_goes_on() -> None:
    assert {phase for phase, _ in requests.TRANSITIONS} == set(requests.IN_FLIGHT)


def test_a_storm_of_incidents_makes_one_request() -> None:
    asks = retraining()
    incidents = [an_incident(Kind.CONCEPT_DRIFT), an_incident(Kind.DATA_DRIFT, "d", open_panes=999)]
    first = asks.step(incidents, place(3), 3000)
    assert first is not None
    assert first.incident_ids == ("i", "d")
    assert all(asks.step(incidents, place(n), 3000 + n) is None for n in range(4, 50))


def test_drift_asks_only_once_it_has_lasted() -> None:
    asks = retraining(lasting_drift_panes=5)
    assert asks.step([an_incident(Kind.DATA_DRIFT, open_panes=4)], place(3), 0) is None
    request = asks.step([an_incident(Kind.DATA_DRIFT, open_panes=5)], place(3), 0)
    assert request is not None
    assert request.stage is Stage.DATA


def test_damage_never_asks() -> None:
    assert retraining().step([an_incident(Kind.DATA_QUALITY, open_panes=999)], place(3), 0) is None


def test_a_request_is_cancelled_when_its_incidents_are_over_before_anybody_took_it() -> None:
    asks = retraining()
    asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0)
    ended = asks.step([], place(4), 1)
    assert ended is not None
    assert ended.phase is RequestPhase.CANCELLED
    assert asks.current is None


def test_an_accepted_request_goes_on_though_its_incidents_are_over() -> None:
    asks = retraining()
    request = asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0)
    assert request is not None
    assert asks.reply(request.request_id, Step.REPLY_ACCEPTED, None)
    assert asks.step([], place(4), 1) is None
    assert asks.current is request


@pytest.mark.parametrize("end", [Step.REPLY_REJECTED, Step.REPLY_FAILED])
def test_what_was_refused_is_not_asked_for_again_but_another_incident_asks(end: Step) -> None:
    asks = retraining()
    request = asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0)
    assert request is not None
    assert asks.reply(request.request_id, end, "no budget")
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(4), 99_999) is None
    again = asks.step([an_incident(Kind.CONCEPT_DRIFT, "another")], place(4), 99_999)
    assert again is not None
    assert again.attempt == 2


def test_within_the_cool_down_nobody_asks() -> None:
    asks = retraining(cooldown_ms=100)
    request = asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 1000)
    assert request is not None
    asks.reply(request.request_id, Step.REPLY_REJECTED, None)
    other = [an_incident(Kind.CONCEPT_DRIFT, "other")]
    assert asks.step(other, place(4), 1099) is None
    assert asks.step(other, place(4), 1100) is not None


def test_a_reply_to_another_request_changes_nothing() -> None:
    asks = retraining()
    asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0)
    assert not asks.reply("another", Step.REPLY_ACCEPTED, None)
    assert asks.current is not None
    assert asks.current.phase is RequestPhase.REQUESTED
