"""A retraining request's life: its table row by row, and when one is made, ended, verified, and made again."""

from dataclasses import replace

import pytest

from driftd.config import Retraining as RetrainingSettings
from driftd.contract.events_out import PlaceData, RetrainingData
from driftd.contract.record import Source
from driftd.detectors.base import Effect, Finding
from driftd.engine import request as requests
from driftd.engine.harm import Basis, Harm, Risk, Verdict, risk_limit
from driftd.engine.incident import Incident, Part, Phase
from driftd.engine.kinds import Kind, Severity, Stage, Strand
from driftd.engine.marks import BEGIN, MARKS_MAX, Mark, Marks
from driftd.engine.request import CAME_TO_NOTHING, EARLIER, IN_FLIGHT, Request, RequestPhase, Step
from driftd.engine.retraining import Retraining
from driftd.engine.retraining_telling import EVENT_TYPES, SUMMARIES, Asked, request_data
from driftd.engine.stream import StreamName
from driftd.reference.panes import Place

LIMIT = Risk(0.3, 0.0, Basis.LABELS)


def place(number: int) -> Place:
    return Place(1000 * number, "predictions", 0, number)


def an_incident(kind: Kind, name: str = "i", open_panes: int = 0, signal: str = "error") -> Incident:
    found = Finding(signal, Effect.SHIFT, "evidence", 2.0, 0.5, place(1))
    part = Part(kind, StreamName.INPUTS, place(1), Severity.WARNING, {found.key: found}, is_held=True)
    part.open_panes = open_panes
    incident = Incident(name, Strand.MODEL, Phase.OPEN, place(2), {kind: part})
    incident.severity = Severity.WARNING
    return incident


def retraining(**settings: int) -> Retraining:
    return Retraining("m", RetrainingSettings(**{"cooldown_ms": 100, "deadline_ms": 1000, **settings}))  # type: ignore[arg-type]


def asked_once(**settings: int) -> tuple[Retraining, Request]:
    """One request of a concept drift, made at 0 ms, that has its data."""
    asks = retraining(**settings)
    request = asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0)
    assert request is not None
    request.data, request.risk_limit = data_of(request), LIMIT
    return asks, request


def data_of(request: Request) -> RetrainingData:
    onset = PlaceData(at_ms=1000, topic="predictions", partition=0, offset=1)
    return request_data(request, Asked("m", "1", onset, None, [], place(3), 0, 10), Marks())


@pytest.mark.parametrize(("phase", "step"), [(phase, step) for phase in RequestPhase for step in Step])
def test_each_step_of_a_request_is_a_row_and_what_is_no_row_changes_nothing(
    phase: RequestPhase, step: Step
) -> None:
    request = Request("r", Kind.CONCEPT_DRIFT, Stage.MODELING, ("i",), 1, 1, phase=phase)
    moved = request.move(step)
    assert moved == ((phase, step) in requests.TRANSITIONS)
    assert request.phase is requests.TRANSITIONS.get((phase, step), phase)


def test_what_has_ended_never_goes_on_and_is_told_as_an_end() -> None:
    assert set(EVENT_TYPES) == set(RequestPhase) - IN_FLIGHT
    assert set(SUMMARIES) == set(RequestPhase)
    assert not CAME_TO_NOTHING & IN_FLIGHT


def test_each_request_in_flight_ends_some_day() -> None:
    assert {phase for phase, step in requests.TRANSITIONS if step is Step.DEADLINE_PASSED} == IN_FLIGHT


def test_a_storm_of_incidents_makes_one_request() -> None:
    asks = retraining()
    incidents = [an_incident(Kind.DATA_DRIFT, "d", open_panes=999), an_incident(Kind.CONCEPT_DRIFT)]
    first = asks.step(incidents, place(3), 3000)
    assert first is not None
    assert first.incident_ids == ("i", "d")
    assert all(asks.step(incidents, place(n), 3000 + n) is None for n in range(4, 50))


def test_drift_asks_only_once_it_has_lasted_and_again_as_a_loss() -> None:
    asks = retraining(lasting_drift_panes=5, cooldown_ms=0)
    assert asks.step([an_incident(Kind.DATA_DRIFT, open_panes=4)], place(3), 0) is None
    request = asks.step([an_incident(Kind.DATA_DRIFT, open_panes=5)], place(3), 0)
    assert request is not None
    assert request.stage is Stage.DATA
    asks.reply(request.request_id, Step.REPLY_REJECTED, "it does no harm")
    assert asks.step([an_incident(Kind.DATA_DRIFT, open_panes=9)], place(4), 9) is None
    again = asks.step([an_incident(Kind.PERFORMANCE, open_panes=9)], place(5), 10)
    assert again is not None
    assert (again.attempt, again.incident_ids) == (2, request.incident_ids)


def test_damage_never_asks() -> None:
    assert retraining().step([an_incident(Kind.DATA_QUALITY, open_panes=999)], place(3), 0) is None


def test_nothing_is_asked_during_maintenance() -> None:
    asks = retraining()
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0, asks=False) is None
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(3), 0, asks=True) is not None


def test_a_request_is_cancelled_when_its_incidents_are_over_before_anybody_took_it() -> None:
    asks, request = asked_once()
    assert asks.step([], place(4), 1) is request
    assert request.phase is RequestPhase.CANCELLED
    assert asks.current is None


def test_an_accepted_request_goes_on_though_its_incidents_are_over() -> None:
    asks, request = asked_once()
    assert asks.reply(request.request_id, Step.REPLY_ACCEPTED, None)
    assert asks.step([], place(4), 1) is None
    assert asks.current is request


def test_labels_that_turn_out_to_be_wrong_take_a_request_back() -> None:
    asks, request = asked_once()
    labels = an_incident(Kind.LABEL_QUALITY, "l", signal="labels.classes_swapped")
    both = [an_incident(Kind.CONCEPT_DRIFT), labels]
    assert asks.step(both, place(4), 1) is request
    assert request.phase is RequestPhase.CANCELLED
    assert asks.step(both, place(5), 9_999) is None
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(6), 99_999) is not None


@pytest.mark.parametrize("end", [Step.REPLY_REJECTED, Step.REPLY_FAILED])
def test_what_was_refused_is_not_asked_for_again_but_another_incident_asks(end: Step) -> None:
    asks, request = asked_once()
    assert asks.reply(request.request_id, end, "no budget")
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(4), 99_999) is None
    again = asks.step([an_incident(Kind.CONCEPT_DRIFT, "another")], place(4), 99_999)
    assert again is not None
    assert again.attempt == 2


def test_the_cool_down_doubles_with_each_request_that_came_to_nothing() -> None:
    asks, now_ms = retraining(cooldown_ms=100), 0
    for k, wait_ms in enumerate([0, 200, 400, 800]):
        other = [an_incident(Kind.CONCEPT_DRIFT, f"i{k}")]
        if wait_ms:
            assert asks.step(other, place(4), now_ms + wait_ms - 1) is None
        now_ms += wait_ms
        request = asks.step(other, place(4), now_ms)
        assert request is not None
        asks.reply(request.request_id, Step.REPLY_REJECTED, None)


def test_a_loss_does_not_wait_because_a_drift_was_asked_about_in_vain() -> None:
    asks = retraining(lasting_drift_panes=1, cooldown_ms=100)
    drift = asks.step([an_incident(Kind.DATA_DRIFT, "d", open_panes=9)], place(3), 0)
    assert drift is not None
    asks.reply(drift.request_id, Step.REPLY_REJECTED, "it does no harm")
    assert asks.step([an_incident(Kind.DATA_DRIFT, "e", open_panes=9)], place(4), 1) is None
    loss = asks.step([an_incident(Kind.CONCEPT_DRIFT, "l")], place(5), 2)
    assert loss is not None
    asks.reply(loss.request_id, Step.REPLY_REJECTED, "no budget")
    assert asks.step([an_incident(Kind.CONCEPT_DRIFT, "m")], place(6), 3) is None


def test_a_reply_to_another_request_changes_nothing() -> None:
    asks, request = asked_once()
    assert asks.reply("another", Step.REPLY_ACCEPTED, None) is None
    assert request.phase is RequestPhase.REQUESTED


@pytest.mark.parametrize(
    ("risk", "limit", "phase"),
    [
        (Risk(0.1, 0.01, Basis.LABELS), LIMIT, RequestPhase.VERIFIED),
        (Risk(0.31, 0.01, Basis.LABELS), LIMIT, RequestPhase.VERIFIED),  # within what chance does
        (Risk(0.33, 0.01, Basis.LABELS), LIMIT, RequestPhase.ESCALATED),
        (Risk(0.1, 0.01, Basis.SCORES), LIMIT, RequestPhase.UNVERIFIED),
        (None, LIMIT, RequestPhase.UNVERIFIED),
        (Risk(0.1, 0.01, Basis.LABELS), None, RequestPhase.UNVERIFIED),
    ],
)
def test_a_new_version_is_held_against_what_was_asked_about(
    risk: Risk | None, limit: Risk | None, phase: RequestPhase
) -> None:
    asks, request = asked_once()
    request.risk_limit = limit
    assert asks.judge(risk) is None  # nothing is out yet
    assert asks.deployed("2", 10, is_past=False) is request
    assert asks.judge(risk) is request
    assert request.phase is phase
    assert asks.current is None


def test_what_did_not_help_is_asked_again_at_an_earlier_stage_with_what_there_is_by_now() -> None:
    asks, request = asked_once()
    stages = [request.stage]
    for n in range(3):
        asks.deployed(f"{n}", 1, is_past=False)
        asks.judge(Risk(0.9, 0.01, Basis.LABELS))
        again = asks.step([], place(10), 100_000 * (n + 1))
        assert again is not None
        assert (again.is_again, again.attempt, again.incident_ids) == (True, n + 2, ("i",))
        assert asks.step([], place(11), 100_000 * (n + 1)) is None  # no incident needs to be open for it
        again.data = data_of(again)
        stages.append(again.stage)
    assert stages == [Stage.MODELING, Stage.LABELS, Stage.DATA, Stage.DATA]
    assert EARLIER[Stage.DEPLOYMENT] is Stage.MODELING


def test_a_new_version_that_nobody_asked_for_ends_what_was_to_be_asked_again() -> None:
    asks, _ = asked_once()
    asks.deployed("2", 1, is_past=False)
    asks.judge(Risk(0.9, 0.01, Basis.LABELS))
    asks.deployed("3", 2, is_past=False)
    assert asks.step([], place(10), 100_000) is None


def test_two_deployments_one_after_the_other_are_judged_by_the_last() -> None:
    asks, request = asked_once()
    asks.deployed("2", 1, is_past=False)
    asks.deployed("3", 2, is_past=False)
    assert (request.new_version, request.phase) == ("3", RequestPhase.WATCHED)


@pytest.mark.parametrize(("is_out", "phase"), [(False, RequestPhase.CANCELLED), (True, RequestPhase.FAILED)])
def test_a_version_that_ran_before_answers_no_request(is_out: bool, phase: RequestPhase) -> None:
    asks, request = asked_once()
    if is_out:
        asks.deployed("2", 1, is_past=False)
    asks.deployed("1", 2, is_past=True)
    assert request.phase is phase


def test_what_is_not_known_in_time_is_not_called_verified() -> None:
    asks, request = asked_once(verify_ms=500)
    asks.deployed("2", 100, is_past=False)
    assert asks.step([], place(4), 600) is None
    assert asks.step([], place(4), 601) is request
    assert request.phase is RequestPhase.UNVERIFIED


def test_what_became_of_a_request_is_remembered_for_those_that_answer_late() -> None:
    asks, request = asked_once()
    asks.step([an_incident(Kind.CONCEPT_DRIFT)], place(4), 1001)
    assert asks.phase_of(request.request_id) is RequestPhase.EXPIRED
    assert asks.phase_of("unknown") is None


@pytest.mark.parametrize(
    ("harm", "limit"),
    [
        (Harm(Verdict.HARMFUL, Basis.LABELS, 0.1, 0.3, 500), 0.2),
        (Harm(Verdict.BENIGN, Basis.LABELS, 0.1, 0.1, 500), 0.125),
        (Harm(Verdict.PENDING, Basis.SCORES, 0.2, None, 5), 0.25),
        (Harm(Verdict.UNKNOWN, Basis.NOTHING), None),
    ],
)
def test_the_risk_that_has_to_be_reached(harm: Harm, limit: float | None) -> None:
    found = risk_limit(harm)
    assert (None if found is None else found.mean) == (None if limit is None else pytest.approx(limit))


def test_a_request_says_which_offsets_and_how_many_labels_there_are_since_the_onset() -> None:
    marks = Marks()
    predictions, labels = Source("predictions", 0), Source("labels", 0)
    for n in range(1, 6):
        marks.add(Mark({predictions: 600 * n - 1, labels: 400 * n - 1}, 600 * n, 600 * n, 400 * n))
    request = Request("r", Kind.CONCEPT_DRIFT, Stage.MODELING, ("i",), 1, 10_000)
    onset = PlaceData(at_ms=1_500, topic="predictions", partition=0, offset=1_500)
    asked = Asked("m", "1", onset, None, [], replace(place(3_100), at_ms=3_100), 3_100, 1_800)
    data = request_data(request, asked, marks)
    ranges = {(one.topic, one.from_offset, one.to_offset) for one in data.data_range.partitions}
    assert ranges == {("predictions", 1_500, 3_100), ("labels", 800, 1_999)}
    assert (data.data_range.events, data.data_range.labelled) == (1_800, 1_200)
    # a label came each 1.5 ms, and 600 are missing
    assert data.not_before_ms == 3_100 + 900


def test_marks_stay_few_and_the_latest_stay_close() -> None:
    marks = Marks()
    for n in range(1, 1_001):
        assert marks.add(Mark({Source("predictions", 0): n}, n, n, 0))
    assert len(marks.all) <= MARKS_MAX
    assert marks.before(place(990)).predictions == 989
    assert marks.before(place(0)) is BEGIN
    restored = Marks()
    restored.fill(marks.to_json())
    assert restored.all == marks.all
