"""The pure parts of the notifier: keys, pauses, addresses, the ledger, digests, words, what Alertmanager is shown."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from driftd.notify.addresses import refusal
from driftd.notify.alertmanager import AlertmanagerView
from driftd.notify.attempts import Delivered, Failed, Refused, outcome, pause_ms, retry_after_ms
from driftd.notify.digest import COLLECTED_MAX, Digest
from driftd.notify.ledger import Ledger
from driftd.notify.messages import DIGEST_LINES_MAX, digest_message, message, pagerduty_event
from driftd.notify.notice import Alert, Place, UnreadableNotice, read_notice
from driftd.notify.past import Past
from driftd.notify.signature import BadSecret, read_secrets, signed_headers
from notify_setup import SECRET, alert, event, notice, resolved

NOW_MS = 1_800_000_000_000


def test_the_signature_is_that_of_the_specifications_example() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', read_secrets(SECRET)
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_sign_beside_each_other() -> None:
    two = signed_headers("a", 1, b"x", read_secrets(f"{SECRET} whsec_{'A' * 32}"))["webhook-signature"].split(
        " "
    )
    assert two[0] == signed_headers("a", 1, b"x", read_secrets(SECRET))["webhook-signature"]
    assert len({*two}) == 2
    assert "webhook-signature" not in signed_headers("a", 1, b"x", ())


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_?", "whsec_QUJD", "whsec_" + "A" * 88])
def test_a_secret_that_is_none_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(BadSecret) as caught:
        read_secrets(secret)
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        *[(status, Delivered) for status in (200, 204, 299)],
        *[(status, Refused) for status in (400, 401, 404, 410)],
        *[(status, Failed) for status in (302, 408, 425, 429, 500, 503, 599)],
    ],
)
def test_what_a_status_means(status: int, result: type[object]) -> None:
    assert isinstance(outcome(status, {}, "", 0.0), result)


def test_a_receiver_says_when_to_come_back() -> None:
    assert retry_after_ms("120", 0.0) == 120_000
    assert retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 30.0) == 30_000
    assert retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 90.0) == 0
    assert retry_after_ms("99999999999", 0.0) == 3_600_000
    assert retry_after_ms("soon", 0.0) is None
    assert pause_ms(1, 60_000, 0.0, asked_ms=7_000) == 7_000


def test_pauses_grow_to_their_bound_and_half_of_them_is_chance() -> None:
    assert [pause_ms(attempt, 2_000, 1.0) for attempt in range(1, 5)] == [500, 1_000, 2_000, 2_000]
    assert [pause_ms(attempt, 2_000, 0.0) for attempt in range(1, 5)] == [250, 500, 1_000, 1_000]
    assert pause_ms(10**6, 60_000, 0.5) == 45_000


# fmt: off
PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:169.254.169.254",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
]
# fmt: on


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused_until_it_is_listed(address: str) -> None:
    told = refusal("hooks.example.org", address, ["192.0.2.0/24"])
    assert told is not None
    assert f'add "{address}" to allow' in told
    assert refusal("hooks.example.org", address, [address]) is None


def test_public_addresses_are_taken_and_a_listed_network_covers_what_a_mapped_one_means() -> None:
    assert refusal("hooks.example.org", "93.184.216.34", []) is None
    assert refusal("hooks.example.org", "2606:2800:220:1::1", []) is None
    assert refusal("hooks.example.org", "::ffff:10.0.0.1", ["10.0.0.0/8"]) is None


def test_a_listed_name_leads_anywhere_but_to_metadata() -> None:
    assert refusal("Hooks.internal", "10.0.0.1", ["hooks.internal"]) is None
    assert refusal("other.internal", "10.0.0.1", ["hooks.internal"]) is not None
    assert refusal("hooks.internal", "169.254.169.254", ["hooks.internal"]) is not None


def test_an_offset_is_reached_only_when_all_before_it_are_settled_in_any_order() -> None:
    offsets = (3, 5, 6, 9)
    for order in permutations(offsets):
        ledger, settled, reached = Ledger(), set[int](), None
        assert all(ledger.take(offset) for offset in offsets)
        for offset in order:
            reached = ledger.settle(offset)
            settled.add(offset)
            if reached is not None:
                assert {one for one in offsets if one < reached} <= settled
        assert reached == 10
        assert len(ledger) == 0
        assert not ledger.take(9)


def test_a_digest_waits_for_its_time_and_has_the_latest_of_each_incident() -> None:
    done: list[int] = []
    settle: Callable[[int], Any] = lambda n: lambda: done.append(n)  # noqa: E731  a table of names is no clearer
    digest = Digest(1_000)
    assert digest.due_in_ms(NOW_MS) is None
    digest.add(notice(alert(severity="warning"), 0, NOW_MS), settle(0))
    digest.add(notice(resolved(severity="warning"), 1, NOW_MS + 600), settle(1))
    assert digest.due_in_ms(NOW_MS + 100) == 900
    (entry,) = digest.take_all(NOW_MS + 1_000)
    assert entry.latest.data.phase == "resolved"
    for one in entry.settle:
        one()
    assert done == [0, 1]
    digest.add(notice(alert("inc-2"), 2, NOW_MS + 500), settle(2))
    assert digest.due_in_ms(NOW_MS + 1_000) == 1_000, "at most one message each digest_ms"
    assert [one() for one in digest.take("inc-2")] == [None]
    assert (len(digest), done) == (0, [0, 1, 2])


def test_a_digest_that_is_full_does_not_wait() -> None:
    digest = Digest(60_000)
    for offset in range(COLLECTED_MAX):
        digest.add(notice(alert(f"inc-{offset % 7}"), offset, NOW_MS), lambda: None)
    assert digest.due_in_ms(NOW_MS) == 0


def test_a_message_says_what_happened_what_to_do_and_how_to_see_it_again() -> None:
    told = message(notice(alert()))
    assert told.title == "[driftd] CRITICAL churn: data drift"
    for part in (
        "shifted since noon",
        "First: Look at",
        "Go back to: data",
        "driftd replay x.jsonl",
        "inc-1",
    ):
        assert part in told.body
    end = message(notice(resolved()))
    assert (end.title, end.is_good) == ("[driftd] RESOLVED churn: data drift", True)


def test_a_long_digest_says_how_much_more_there_is() -> None:
    notices = [notice(alert(f"inc-{n}", summary=f"story {n}"), n) for n in range(DIGEST_LINES_MAX + 3)]
    told = digest_message(notices[::-1])
    lines = told.body.splitlines()
    assert "story 0" in lines[0]
    assert lines[-1] == "... and 3 more"
    assert digest_message(notices[:1]) == message(notices[0])


def as_alert(number: int = 1, **more: Any) -> Alert:
    data = notice((resolved if more.get("phase") == "resolved" else alert)("inc-1", number, **more)).data
    assert isinstance(data, Alert)
    return data


def test_a_raised_severity_is_a_new_alert_for_alertmanager_and_ends_the_old_one() -> None:
    view = AlertmanagerView(resend_ms=60_000)
    view.note(as_alert(severity="warning"))
    old, new = view.changes(as_alert(2, kind="performance"), NOW_MS)
    assert (old["labels"]["severity"], old["endsAt"]) == ("warning", "2027-01-15T08:00:00.000Z")
    assert (new["labels"]["severity"], new["endsAt"]) == ("critical", "2027-01-15T08:04:00.000Z")
    assert new["labels"] == {**old["labels"], "severity": "critical"}, "the kind is that of the opening"
    assert new["startsAt"] == "2023-11-14T22:13:20.000Z"
    view.note(as_alert(2, kind="performance"))
    assert view.changes(as_alert(1, severity="warning"), NOW_MS) == [], "what is older is no news"
    (end,) = view.changes(as_alert(3, phase="resolved", kind="performance"), NOW_MS)
    assert end["labels"] == new["labels"]
    assert end["endsAt"] == "2027-01-15T08:00:00.000Z"


def test_what_is_open_is_sent_again_until_it_is_over() -> None:
    view = AlertmanagerView(resend_ms=1_000)
    view.begin([as_alert()])
    assert [one["labels"]["incident_id"] for one in view.again(NOW_MS)] == ["inc-1"]
    view.keep([])
    assert view.again(NOW_MS) == [], "it is over, and only its last alert is still to come"
    view.note(as_alert(2))
    assert len(view.again(NOW_MS)) == 1
    view.note(as_alert(3, phase="resolved"))
    assert (view.again(NOW_MS), len(view)) == ([], 0)


def test_an_event_ahead_of_the_clock_starts_before_it_ends() -> None:
    (sent,) = AlertmanagerView(1_000).changes(as_alert(phase="resolved", opened_at_ms=NOW_MS + 10**6), NOW_MS)
    assert sent["startsAt"] < sent["endsAt"]


def test_all_that_is_said_of_one_incident_has_one_key_at_pagerduty() -> None:
    actions = {}
    for data in (as_alert(), as_alert(2, cause="acknowledged", page=False), as_alert(3, phase="resolved")):
        told = pagerduty_event(notice(alert()), data, "key")
        actions[told["event_action"]] = told["dedup_key"]
    assert actions == {"trigger": "inc-1", "acknowledge": "inc-1", "resolve": "inc-1"}


def test_a_record_of_a_later_driftd_is_read_and_one_of_nobody_is_refused() -> None:
    value, _ = event(alert())
    later = value.replace(b'"data":{', b'"traceparent":"x","data":{"mood":"grey",').replace(
        b"alert.opened.v1", b"alert.opened.v9"
    )
    assert read_notice(later, Place("t", 0, 0, 0)).data == notice(alert()).data
    for wrong in (
        b"",
        b"{}",
        b"null",
        value.replace(b'"incident_id"', b'"x"'),
        value.replace(b'"inc-1-1"', b'"a\\n"'),
    ):
        with pytest.raises(UnreadableNotice):
            read_notice(wrong, Place("t", 0, 0, 0))


def test_what_was_told_is_the_log_up_to_its_own_place_and_what_is_older_and_open() -> None:
    log = [notice(alert("inc-1"), 0), notice(resolved("inc-1"), 2), notice(alert("inc-2"), 4)]
    ancient = notice(alert("inc-0", 7), 0)
    past = Past(log, [log[2], ancient], {0: 4})
    assert [one.event_id for one in past.told()] == ["inc-0-7", "inc-1-1", "inc-1-2"]
    assert past.next_offsets() == {("driftd.alerts", 0): 4}
    assert past.open_ids() == {"inc-0", "inc-2"}
