"""Reading events without a broker: versions that differ, filters, where to begin, and what is handed out once."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from driftd.contract.record import Record
from driftd.errors import BadInput, ConfigError
from driftd.subscribe import Alert, Request, Selection, Skipped, SkipReason, connection, decode, decode_value
from driftd.subscribe.progress import Progress
from driftd.subscribe.sieve import PRIMED_RECORDS, Bounds, Position, Sieve, Start, position_of
from told import AT_MS, alert_data, cloudevent, request_data, silence_data

OPENED = "dev.driftd.alert.opened"


def record(value: bytes | None, offset: int = 0, key: bytes = b"churn") -> Record:
    return Record("driftd.alerts", 0, offset, AT_MS, key, value)


def changed(**changes: Any) -> bytes:
    """An alert whose envelope has `changes`; None takes a field away."""
    document = {**json.loads(cloudevent(alert_data())[3]), **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def test_an_alert_is_an_object_with_its_attributes_its_place_and_its_data() -> None:
    alert = decode(record(cloudevent(alert_data())[3], 41))
    assert isinstance(alert, Alert)
    assert (alert.id, alert.subject, alert.offset) == ("inc-1.1", "churn", 41)
    assert alert.time == datetime.fromtimestamp(AT_MS / 1000, UTC)
    assert alert.data == alert_data()
    assert isinstance(decode_value(cloudevent(request_data())[3].decode()), Request)


def test_fields_that_are_not_known_are_ignored_at_every_depth() -> None:
    document = json.loads(cloudevent(alert_data())[3])
    document["trace"] = "x"
    document["data"]["mood"] = "bad"
    document["data"]["contributors"][0]["before"]["p99"] = 1.0
    alert = decode(record(json.dumps(document).encode()))
    assert isinstance(alert, Alert)
    assert alert.data == alert_data()


LACKING = {
    name: value for name, value in json.loads(cloudevent(alert_data())[3])["data"].items() if name != "page"
}

SKIPPED = {
    "a later version": (changed(type=f"{OPENED}.v3"), "other_version", r"opened\.v3 is read as version 1.*update"),
    "an earlier version": (changed(type=f"{OPENED}.v0"), "other_version", "daemon is older than the subscriber"),
    "a type that is not known": (changed(type="dev.driftd.alert.muted.v1"), "unknown_type", "older than the daemon"),
    "somebody else's event": (changed(type="com.example.x"), "unknown_type", "com.example.x is no type"),
    "a field is lacking": (changed(data=LACKING), "does_not_fit", "data.page: Field required.*update"),
    "no data": (changed(data=None), "does_not_fit", "data: Field required"),
    "no type": (changed(type=None), "not_a_cloudevent", "no CloudEvent of driftd"),
    "a list": (b"[1]", "not_a_cloudevent", "no CloudEvent of driftd"),
    "a text": (b"hello", "not_json", "it is not JSON"),
    "not UTF-8": (b'{"type": "\xff"}', "not_json", "it is not JSON"),
    "a thousand brackets": (b"[" * 100_000, "not_json", "it is not JSON"),
    "nothing": (None, "not_json", "it is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "reason", "words"), SKIPPED.values(), ids=SKIPPED.keys())
def test_what_cannot_be_read_is_skipped_with_its_reason(value: bytes | None, reason: str, words: str) -> None:
    skipped = decode(record(value, 5))
    assert isinstance(skipped, Skipped)
    assert skipped.reason == reason
    assert re.search(words, str(skipped)), str(skipped)
    assert str(skipped).startswith("driftd.alerts, partition 0, offset 5: ")


def test_skipped_records_are_counted_told_and_logged_once_for_each_type(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Skipped] = []
    sieve = Sieve(Alert, Selection(), told.append)
    later = changed(type=f"{OPENED}.v3")
    assert [sieve.take(record(value, offset)) for offset, value in enumerate([later, later, b"x"])] == [
        None
    ] * 3
    assert sieve.skipped == {"other_version": 2, "not_json": 1}
    assert [one.reason for one in told] == [SkipReason.OTHER_VERSION] * 2 + [SkipReason.NOT_JSON]
    assert len(caplog.messages) == 2
    assert f"{OPENED}.v3" in caplog.messages[0]


WANTED = [
    (Selection(), True),
    (Selection(models=["fraud", "ch*"]), True),
    (Selection(models=["fraud"]), False),
    (Selection(kinds=["performance"]), True),  # a kind of its story, though not the leading one
    (Selection(kinds=["silence"]), False),
    (Selection(severities=["critical"]), False),
    (Selection(stages=["data"], severities=["info", "warning"]), True),
    (Selection(stages=["labels"]), False),
    (Selection(pages_only=True), False),
    (Selection(models=[]), False),
]


@pytest.mark.parametrize(("selection", "wanted"), WANTED)
def test_a_selection_lets_through_what_matches_all_of_it(selection: Selection, wanted: bool) -> None:
    alert = decode(record(cloudevent(alert_data(2, kinds=["data_drift", "performance"]))[3]))
    assert isinstance(alert, Alert)
    assert selection.wants(alert) is wanted


def test_a_selection_refuses_a_text_where_a_list_is_meant() -> None:
    with pytest.raises(TypeError, match=r"models is a text; a list of texts would be right: \['churn'\]"):
        Selection(models="churn")
    request = decode_value(cloudevent(request_data())[3])
    assert isinstance(request, Request)
    assert Selection(kinds=["data_drift"], pages_only=True).wants(request)
    assert not Selection(kinds=["performance"]).wants(request)


POSITIONS: list[tuple[Bounds, int | None, Start, Position]] = [
    (Bounds(0, 9), None, "open", Position(9, 9, is_open=True)),
    (Bounds(2, 9), None, "beginning", Position(2, 2)),
    (Bounds(2, 9), None, "new", Position(9, 9)),
    (Bounds(2, 9, since=5), None, 1_000, Position(5, 5)),
    (Bounds(2, 9, since=None), None, 1_000, Position(9, 9)),  # nothing is as new as that
    (Bounds(0, 9), 4, "open", Position(0, 4)),  # ids before 4 are read again, to be known
    (Bounds(0, 5_000), 4_000, "new", Position(4_000 - PRIMED_RECORDS, 4_000)),
    (Bounds(6, 9), 4, "new", Position(6, 6, is_open=True, lost=2)),
    (Bounds(0, 2), 4, "beginning", Position(2, 2, is_open=True)),  # the topic was made anew
]


@pytest.mark.parametrize(("bounds", "committed", "start", "position"), POSITIONS)
def test_where_a_subscriber_begins(
    bounds: Bounds, committed: int | None, start: Start, position: Position
) -> None:
    assert position_of(bounds, committed, start) == position


def values(*numbers: int, incident: str = "inc-1") -> list[bytes]:
    return [cloudevent(alert_data(number, incident))[3] for number in numbers]


def numbers_of(progress: Progress[Alert]) -> list[int]:
    """The numbers of all alerts that are handed out now, the last one done too."""
    found = []
    while (alert := progress.next()) is not None:
        found.append(alert.data.number)
    return found


def begun(position: Position, *, ids_max: int = 100) -> Progress[Alert]:
    progress = Progress(Sieve(Alert, Selection(), ids_max=ids_max))
    progress.begin(0, position, Bounds(0, 100))
    return progress


def test_a_repeat_is_dropped_as_long_as_its_id_is_remembered() -> None:
    one, two, three = values(1, 2, 3)
    progress = begun(Position(0, 0), ids_max=2)
    progress.add(record(value, offset) for offset, value in enumerate([one, one, two, one, three, one]))
    assert numbers_of(progress) == [1, 2, 3, 1]
    assert progress.done == {0: 6}


def test_after_a_restart_repeats_of_what_was_done_before_are_dropped_too() -> None:
    one, two, three = values(1, 2, 3)
    progress = begun(Position(0, 2))
    progress.add(record(value, offset) for offset, value in enumerate([one, b"x", two, one, three]))
    assert numbers_of(progress) == [2, 3]
    assert progress.sieve.skipped == {}  # it was told before the restart


def test_what_is_open_comes_first_then_what_follows_without_what_is_older() -> None:
    one, two, three, four = values(1, 2, 3, 4)
    progress = begun(Position(1, 1, is_open=True))
    key, other = b"incident/churn/inc-1", b"incident/fraud/inc-2"
    compacted = [
        record(one, 0, key),
        record(cloudevent(request_data())[3], 1, b"request/churn/req-1"),
        record(cloudevent(alert_data(1, "inc-2", "fraud"))[3], 2, other),
        record(cloudevent(silence_data())[3], 3, b"silence/sil-1"),
        record(three, 4, key),
        record(None, 5, other),
    ]
    progress.begin_open(progress.sieve.open_now(compacted, lambda model: model == b"churn"))
    progress.add(record(value, offset) for offset, value in enumerate([two, three, four], start=1))
    first = progress.next()
    assert first is not None
    assert (first.data.number, progress.done) == (3, {})
    assert numbers_of(progress) == [4]
    assert progress.done == {0: 4}


def test_a_request_that_is_accepted_is_not_asked_for_again_by_the_event_that_asked() -> None:
    progress = Progress(Sieve(Request, Selection()))
    progress.begin(0, Position(0, 0, is_open=True), Bounds(0, 2))
    phases = ("accepted", "requested", "verified")
    accepted, *later = (cloudevent(request_data(phase=phase))[3] for phase in phases)
    progress.begin_open(
        progress.sieve.open_now([record(accepted, 0, b"request/churn/req-1")], lambda _: True)
    )
    progress.add(record(value, offset) for offset, value in enumerate(later))
    found = []
    while (request := progress.next()) is not None:
        found.append(request.data.phase)
    assert found == ["accepted", "verified"]


def test_the_offset_of_a_new_group_waits_until_all_that_is_open_is_done() -> None:
    progress = begun(Position(9, 9, is_open=True))
    compacted = [
        record(values(1, incident=name)[0], 0, f"incident/churn/{name}".encode())
        for name in ("inc-1", "inc-2")
    ]
    progress.begin_open(progress.sieve.open_now(compacted, lambda _: True))
    progress.next()
    assert progress.next() is not None
    assert progress.commits() == {}
    progress.finish()
    assert progress.commits() == {0: 9}
    progress.committed({0: 9})
    assert progress.commits() == {}


def test_an_event_that_is_not_done_keeps_the_offset_and_one_that_is_not_wanted_moves_it() -> None:
    progress = Progress(Sieve(Alert, Selection(models=["churn"])))
    progress.begin(0, Position(0, 0), Bounds(0, 2))
    other = cloudevent(alert_data(1, "inc-2", "fraud"))[3]
    progress.add([record(other, 0), record(values(1)[0], 1), record(other, 2)])
    assert progress.next() is not None
    assert progress.commits() == {0: 1}
    progress.finish()
    assert progress.commits() == {0: 2}


REFUSED = [
    ("kafka", {}, '^"kafka" is no address. Write "host:port"'),
    ("a:1,", {}, "is no address"),
    ([], {}, "brokers"),
    ("a:1", {"security_protocol": "SASL"}, "security_protocol"),
    ("a:1", {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}, "needs sasl_username"),
    ("a:1", {"request_timeout_ms": 0}, "request_timeout_ms"),
]


@pytest.mark.parametrize(("brokers", "more", "words"), REFUSED)
def test_an_address_that_is_none_is_refused_before_anybody_connects(
    brokers: str | list[str], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        connection(brokers, **more)


def test_a_login_is_what_the_clients_are_told() -> None:
    login: dict[str, Any] = {"sasl_mechanism": "PLAIN", "sasl_username": "ann", "sasl_password": "secret"}
    settings = connection("a:1, b:2", security_protocol="SASL_PLAINTEXT", **login)
    assert settings.brokers == ("a:1", "b:2")
    assert settings.client()["sasl_plain_password"] == "secret"
    assert connection(settings) is settings
    with pytest.raises(ConfigError, match="no certificates"):
        connection("a:1", security_protocol="SSL", ssl_ca_file="/nowhere.pem")
