"""Who is told what, and when. Rule: a decision is a named reason; `decide` has no other memory than what it is given.

Programs (webhook, alertmanager) are told all that passes their filters. People (apprise, pagerduty) are told news,
once, and are woken only where the alert says so (`page`). Whoever was told of an incident is told that it is over.
"""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from driftd.config_notify import Notify
from driftd.notify.notice import Alert, Notice, Request

NEWS: Final = frozenset({"held", "severity_raised", "kind_changed", "reopened", "silence_over"})
"""Causes of updates that people want to hear of; the others are for programs."""
REQUESTS_TOLD: Final = frozenset({"requested", "escalated"})
PEOPLE: Final = frozenset({"apprise", "pagerduty"})
TOLD_MAX: Final = 100_000


class Decision(StrEnum):
    """What becomes of a notice at a receiver; all but the first two are reasons for silence."""

    SEND = "send"
    COLLECT = "collect"
    OTHER_MODEL = "other_model"
    OTHER_KIND = "other_kind"
    OTHER_SEVERITY = "other_severity"
    NO_PAGE = "no_page"
    NO_NEWS = "no_news"
    SILENCED = "silenced"
    NEVER_TOLD = "never_told"
    NOT_FOR_ITS_TYPE = "not_for_its_type"

    @property
    def is_told(self) -> bool:
        """Whether the receiver is told, now or in a digest."""
        return self in (Decision.SEND, Decision.COLLECT)


def decide(notice: Notice, receiver: Notify, told: bool | None) -> Decision:
    """What becomes of `notice`. `told`: whether the receiver knows of its incident; None where that is not known."""
    data = notice.data
    if not any(fnmatchcase(data.model, pattern) for pattern in receiver.models):
        return Decision.OTHER_MODEL
    if isinstance(data, Request):
        return _of_request(data, receiver)
    if data.is_over and told is not None:
        return _end(data, receiver) if told else Decision.NEVER_TOLD
    if not {data.kind, *data.kinds} & {*receiver.kinds}:
        return Decision.OTHER_KIND
    if data.severity not in receiver.severities:
        return Decision.OTHER_SEVERITY
    if data.is_over:
        return _end(data, receiver)
    pages_only = receiver.pages_only or receiver.type == "pagerduty"
    if data.cause == "acknowledged" and receiver.type == "pagerduty" and told:
        return Decision.SEND
    if receiver.type in PEOPLE and data.silenced_by is not None and not data.page:
        return Decision.SILENCED
    if pages_only and not data.page:
        return Decision.NO_PAGE
    if receiver.type in PEOPLE and not data.page and data.cause not in NEWS:
        return Decision.NO_NEWS
    return Decision.SEND if data.page and data.severity == "critical" else _collected(receiver)


def _end(data: Alert, receiver: Notify) -> Decision:
    return Decision.SEND if data.severity == "critical" else _collected(receiver)


def _of_request(data: Request, receiver: Notify) -> Decision:
    if receiver.type in ("alertmanager", "pagerduty"):
        return Decision.NOT_FOR_ITS_TYPE
    if data.cause not in receiver.kinds:
        return Decision.OTHER_KIND
    if receiver.pages_only:
        return Decision.NO_PAGE
    if receiver.type in PEOPLE and data.phase not in REQUESTS_TOLD:
        return Decision.NO_NEWS
    return _collected(receiver)


def _collected(receiver: Notify) -> Decision:
    """Into the digest, where the receiver has one."""
    return Decision.COLLECT if receiver.type == "apprise" and receiver.digest_ms else Decision.SEND


class Told:
    """Of which incidents a receiver knows. It is a function of the alerts up to now, so it is read, not stored."""

    def __init__(self, receiver: Notify) -> None:
        self._receiver = receiver
        self._known: dict[str, bool] = {}

    def note(self, notice: Notice) -> Decision:
        """What becomes of `notice`; an incident of which it is told is known from then on, until it is over."""
        data = notice.data
        if isinstance(data, Request):
            return decide(notice, self._receiver, None)
        known = self._known.get(data.incident_id)
        decision = decide(notice, self._receiver, known)
        if data.is_over:
            # known as "not told", rather than forgotten: a repeat of the end is not told again as if it were unknown
            self._set(data.incident_id, told=False)
        elif decision.is_told:
            self._set(data.incident_id, told=True)
        elif known is None and data.number == 1:
            self._set(data.incident_id, told=False)
        return decision

    def _set(self, incident_id: str, *, told: bool) -> None:
        self._known.pop(incident_id, None)
        self._known[incident_id] = told
        if len(self._known) > TOLD_MAX:
            del self._known[next(iter(self._known))]
