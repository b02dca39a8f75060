"""What is open, folded out of the compacted topic; and the changes of it, for those who come back."""

import json

import pytest

from driftd.api.board import Board
from driftd.api.changes import Changes, message
from driftd.api.standing import Change, ChangeName, Standing
from driftd.contract.record import Record
from driftd.contract.standing import Subject
from http_api import entry, over

A = "incident/churn/i1"


def test_an_event_that_comes_twice_changes_nothing_the_second_time() -> None:
    standing = Standing()
    change = standing.apply(entry(A, "e1"))
    assert change is not None
    assert (change.name, change.event_id) == (ChangeName.CHANGED, "e1")
    assert standing.apply(entry(A, "e1")) is None
    assert standing.apply(entry(A, "e2")) is not None
    assert [one.event_id for one in standing.all(Subject.INCIDENT)] == ["e2"]


def test_what_is_over_is_gone_and_names_the_event_that_ended_it() -> None:
    standing = Standing()
    standing.apply(entry(A, "e1"))
    change = standing.apply(over(A, by="e9"))
    assert change is not None
    assert (change.name, change.event_id) == (ChangeName.OVER, "e9")
    assert json.loads(change.document) == {
        "subject": "incident", "id": "i1", "model": "churn", "type": "dev.driftd.alert.resolved.v1"
    }  # fmt: skip
    assert list(standing.all(Subject.INCIDENT)) == []
    assert standing.apply(over(A)) is None


def test_an_end_without_headers_has_an_id_by_its_place() -> None:
    standing = Standing()
    standing.apply(entry(A, "e1"))
    change = standing.apply(over(A, offset=41))
    assert change is not None
    assert change.event_id == "driftd.incidents/0/41"


def test_a_model_s_name_may_hold_slashes() -> None:
    standing = Standing()
    standing.apply(entry("request/team/a/churn/r1", "e1", model="team/a/churn"))
    found = standing.find(Subject.REQUEST, "r1")
    assert found is not None
    assert found.facts.model == "team/a/churn"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"\xff", b"{}"),
        (b"incident", b"{}"),
        (b"state/churn/1", b"{}"),
        (b"incident/churn/i1", b"\x80\x04"),
        (b"incident/churn/i1", b"[" * 100_000),
        (b"incident/churn/i1", b'{"id": "e1", "type": "t", "data": {"model": 7}}'),
        (b"incident/churn/i1", b'{"id": "e1", "type": "t"}'),
    ],
)
def test_what_is_not_driftd_s_is_counted_and_passed_over(key: bytes | None, value: bytes) -> None:
    standing = Standing()
    assert standing.apply(Record("driftd.incidents", 0, 0, 0, key, value)) is None
    assert standing.unreadable == 1
    assert standing.apply(entry("incident/churn/i2", "e2")) is not None


def test_what_is_too_much_is_counted_and_not_held() -> None:
    record = entry(A, "e1")
    standing = Standing(bytes_max=len(record.value or b""))
    standing.apply(record)
    standing.apply(entry("incident/churn/i2", "e2"))
    assert standing.not_held == 1
    assert [one.entry_id for one in standing.all(Subject.INCIDENT)] == ["i1"]
    standing.apply(over(A))
    standing.apply(entry("incident/churn/i3", "e3"))
    assert [one.entry_id for one in standing.all(Subject.INCIDENT)] == ["i3"]


def change(event_id: str, size: int = 2) -> Change:
    return Change(ChangeName.CHANGED, event_id, b" " * size)


def test_who_names_a_change_that_is_held_is_told_those_after_it() -> None:
    changes = Changes(events_max=3)
    for number in range(5):
        changes.add(change(str(number)))
    assert changes.last_id == "4"
    assert [one.event_id for one in changes.since("2") or []] == ["3", "4"]
    assert changes.since("4") == []
    assert changes.since("1") is None
    assert Changes().since("1") is None


def test_changes_are_bounded_by_their_size_as_well() -> None:
    changes = Changes(bytes_max=100)
    for number in range(5):
        changes.add(change(str(number), 40))
    assert changes.since("2") is None
    assert len(changes.since("3") or []) == 1
    changes.add(change("large", 1000))
    assert changes.last_id == "large"
    assert changes.since("4") is None


def test_a_line_cannot_be_put_into_a_server_sent_event() -> None:
    sent = message("changed", "e\nevent: over\r1", b'{\n"a":1}')
    assert sent == b'event: changed\nid: eevent: over1\ndata: {\ndata: "a":1}\n\n'


def test_the_last_known_is_stale_since_the_brokers_last_answered() -> None:
    board = Board()
    board.answered(10_000, 14_000, 5_000)
    assert board.stale_since_ms is None
    board.answered(10_000, 15_000, 5_000)
    assert board.stale_since_ms == 10_000
    board.answered(None, 20_000, 5_000)
    assert board.stale_since_ms == 10_000
    board.answered(21_000, 21_500, 5_000)
    assert board.stale_since_ms is None
    board.answered(None, 30_000, 5_000)
    assert board.stale_since_ms == 30_000
