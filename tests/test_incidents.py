"""An incident's life, row by row, and the rules by which findings become one story or two."""

from dataclasses import replace

import pytest

from driftd.config import Incidents as IncidentSettings
from driftd.detectors.base import Effect, Finding
from driftd.engine import incident as life
from driftd.engine.incident import Cause, Incident, Part, Phase
from driftd.engine.incidents import Change, Incidents
from driftd.engine.kinds import (
    STORIES_MAX,
    Kind,
    Severity,
    Stage,
    Strand,
)
from driftd.engine.stream import Evaluation, StreamName
from driftd.reference.panes import Place

SETTINGS = IncidentSettings(hold_panes=2, keep_open_panes=3, update_panes=5, join_panes=4, reopen_ms=50_000)


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
    incident = Incident("i", Strand.MODEL, phase, place(0))
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
    assert incidents.current == []


def test_an_open_incident_is_told_again_after_update_panes() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    assert causes(incidents, *(pane(n, finding()) for n in range(3, 13))) == ["still_open", "still_open"]


def test_signals_that_join_are_told_once_some_panes_have_passed() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    told = causes(incidents, *(pane(n, finding(), finding("features.b")) for n in range(3, 6)))
    assert told == ["signals_joined"]


def changes_of(incidents: Incidents, *evaluations: Evaluation) -> list[Change]:
    return [change for evaluation in evaluations for change in incidents.step(evaluation)]


def test_drift_of_inputs_then_of_the_error_is_one_story_whose_severity_rises() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    (change,) = incidents.step(point(3, weighed("error")))
    assert (change.cause, change.incident.severity) == (Cause.SEVERITY_RAISED, Severity.CRITICAL)
    assert change.incident.kinds == (Kind.PERFORMANCE, Kind.DATA_DRIFT)
    assert incidents.current == [change.incident]


def test_a_loss_joins_the_drift_however_much_later_it_shows() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, *(pane(n, finding()) for n in range(1, 60)))
    incidents.step(point(60, replace(weighed("error"), onset=place(58))))
    assert [incident.kinds for incident in incidents.current] == [(Kind.PERFORMANCE, Kind.DATA_DRIFT)]


def test_a_request_asks_for_data_since_the_loss_and_not_since_the_drift_before_it() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, *(pane(n, finding()) for n in range(1, 60)))
    incidents.step(point(60, replace(weighed("error"), onset=place(58))))
    (incident,) = incidents.current
    assert (incident.onset, incident.asks_since) == (place(0), place(58))


def test_a_loss_stays_what_it_was_told_as_whatever_the_inputs_do_meanwhile() -> None:
    incidents = Incidents("m", SETTINGS)
    assert causes(incidents, point(1, weighed("error"))) == ["held"]
    causes(incidents, pane(2, finding()), pane(3, finding()))
    causes(incidents, point(4, weighed("loss")))
    assert [incident.kinds for incident in incidents.current] == [(Kind.CONCEPT_DRIFT, Kind.DATA_DRIFT)]


def test_what_begins_at_the_same_time_is_the_same_story_though_it_shows_later() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, *(pane(n, finding()) for n in range(1, 30)))
    causes(incidents, *(pane(n, finding(), finding("features.b", onset=2)) for n in range(30, 34)))
    (incident,) = incidents.current
    assert [one.signal for one in incident.findings] == ["features.a", "features.b"]


def test_what_begins_later_is_another_story_until_there_are_too_many() -> None:
    incidents = Incidents("m", SETTINGS)
    found = [finding()]
    causes(incidents, *(pane(n, *found) for n in range(1, 20)))
    for k in range(1, 6):
        found.append(finding(f"features.f{k}", onset=20 * k))
        causes(incidents, *(pane(n, *found) for n in range(20 * k + 1, 20 * k + 19)))
    signals = [[one.signal for one in incident.findings] for incident in incidents.current]
    assert len(signals) == STORIES_MAX[Strand.MODEL] == 3
    assert signals == [
        ["features.a"],
        ["features.f1"],
        ["features.f2", "features.f3", "features.f4", "features.f5"],
    ]


def test_wrong_labels_and_the_errors_they_make_are_one_story_of_the_labels() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, point(1, weighed("error")))
    swapped = replace(weighed("labels.classes_swapped"), effect=Effect.LABELS)
    (change,) = incidents.step(Evaluation(StreamName.LABELS, 2, place(2), (swapped,), True, (), {}))
    assert (change.cause, change.incident.kind, change.incident.stage) == (
        Cause.KIND_CHANGED, Kind.LABEL_QUALITY, Stage.LABELS,
    )  # fmt: skip
    assert change.incident.severity is Severity.CRITICAL


def test_labels_that_come_late_are_no_story_of_the_inputs() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()))
    late = replace(weighed("labels.delay_grows"), effect=Effect.LABELS)
    incidents.step(Evaluation(StreamName.LABELS, 3, place(3), (late,), True, (), {}))
    assert [incident.strand for incident in incidents.current] == [Strand.MODEL, Strand.LABELS]


def test_a_story_is_over_when_all_its_parts_are() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, pane(1, finding()), pane(2, finding()), point(3, weighed("error")))
    outcomes = StreamName.OUTCOMES
    assert causes(incidents, *(pane(n) for n in range(4, 10))) == []
    assert causes(incidents, *(pane(n, stream=outcomes) for n in range(10, 13))) == ["quiet"]


def test_what_flaps_is_one_incident_that_wakes_once() -> None:
    incidents = Incidents("m", SETTINGS)
    waking, ids, told = 0, set(), []
    for n in range(0, 40, 8):
        for k in range(8):
            for change in incidents.step(pane(n + k, *([finding()] if k < 2 else []))):
                waking += change.incident.wakes(change.cause)
                ids.add(change.incident.incident_id)
                told.append(change.cause.value)
    assert told == ["held", "quiet", *["reopened", "quiet"] * 4]
    assert (waking, len(ids)) == (1, 1)
    assert incidents.past[-1].reopened == 4


def test_signals_that_leave_again_much_later_are_another_incident() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, *(pane(n, *([finding()] if n < 3 else [])) for n in range(1, 8)))
    assert causes(incidents, pane(90, finding()), pane(91, finding())) == ["held"]


def test_an_incident_that_is_opened_again_and_is_worse_wakes_again() -> None:
    incidents = Incidents("m", SETTINGS)
    (opened,) = changes_of(incidents, pane(1, finding()), pane(2, finding()))
    assert opened.incident.wakes(opened.cause)
    causes(incidents, *(pane(n) for n in range(3, 8)))
    (again,) = changes_of(incidents, pane(9, finding()), pane(10, finding()))
    assert (again.cause, again.incident.wakes(again.cause)) == (Cause.REOPENED, False)
    (worse,) = incidents.step(point(11, weighed("error")))
    assert worse.incident.wakes(worse.cause)


def test_another_stage_to_go_back_to_wakes_again() -> None:
    incidents = Incidents("m", SETTINGS)
    (opened,) = changes_of(incidents, point(1, weighed("error")))
    assert opened.incident.wakes(opened.cause)
    swapped = replace(weighed("labels.classes_swapped"), effect=Effect.LABELS)
    (labels,) = incidents.step(Evaluation(StreamName.LABELS, 2, place(2), (swapped,), True, (), {}))
    assert labels.incident.severity is opened.incident.severity
    assert labels.incident.wakes(labels.cause)
    assert not labels.incident.wakes(labels.cause)


def test_the_same_signal_in_another_kind_of_trouble_is_another_incident() -> None:
    incidents = Incidents("m", SETTINGS)
    causes(incidents, *(pane(n, *([finding()] if n < 3 else [])) for n in range(1, 8)))
    broken = finding(effect=Effect.MISSING, share=0.9)
    assert causes(incidents, pane(9, broken), pane(10, broken)) == ["held"]


def test_what_a_person_resolved_and_is_still_there_is_opened_again_and_wakes_nobody() -> None:
    incidents = Incidents("m", SETTINGS)
    (opened,) = changes_of(incidents, pane(1, finding()), pane(2, finding()))
    assert opened.incident.wakes(opened.cause)
    assert [change.cause for change in incidents.resolve([opened.incident], 2500)] == [Cause.PERSON]
    (again,) = changes_of(incidents, pane(3, finding()), pane(4, finding()))
    assert (again.cause, again.incident.incident_id) == (Cause.REOPENED, opened.incident.incident_id)
    assert not again.incident.wakes(again.cause)


@pytest.mark.parametrize(
    ("severity", "phase", "silenced", "paged", "cause", "wakes"),
    [
        (Severity.WARNING, Phase.OPEN, None, None, Cause.HELD, True),
        (Severity.CRITICAL, Phase.OPEN, None, Severity.WARNING, Cause.SEVERITY_RAISED, True),
        (Severity.WARNING, Phase.OPEN, None, None, Cause.SILENCE_OVER, True),
        (Severity.INFO, Phase.OPEN, None, None, Cause.HELD, False),
        (Severity.CRITICAL, Phase.OPEN, "sil-1", None, Cause.HELD, False),
        (Severity.WARNING, Phase.OPEN, None, Severity.WARNING, Cause.STILL_OPEN, False),
        (Severity.WARNING, Phase.OPEN, None, Severity.WARNING, Cause.REOPENED, False),
        (Severity.WARNING, Phase.OPEN, None, None, Cause.ACKNOWLEDGED, False),
        (Severity.WARNING, Phase.RESOLVED, None, None, Cause.QUIET, False),
    ],
)
def test_who_is_woken(
    severity: Severity, phase: Phase, silenced: str | None, paged: Severity | None, cause: Cause, wakes: bool
) -> None:
    incident = Incident("i", Strand.MODEL, phase, place(0), severity=severity, silenced_by=silenced)
    found = Part(Kind.DATA_DRIFT, StreamName.INPUTS, place(0), severity, is_held=True)
    incident.parts[Kind.DATA_DRIFT] = found
    incident.paged_rank = life.NOBODY_PAGED if paged is None else paged.rank
    incident.paged_stage = None if paged is None else Stage.DATA
    assert incident.wakes(cause) is wakes
    assert not incident.wakes(cause)  # once at each severity


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
    (change,) = incidents.close_all()
    assert (change.incident.kind, change.cause) == (Kind.DATA_QUALITY, Cause.NEW_VERSION)
    assert incidents.current == []
