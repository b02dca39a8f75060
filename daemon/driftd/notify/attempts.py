"""What an attempt came to, and when the next one is due. Rule: only a receiver's own "no" ends the attempts.

What is slow, broken, busy or away is tried again until it is delivered; 4xx says that the message will never be
taken, so it is given up, logged and counted: it stays where it was, in its topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_PAUSE_MS: Final = 500
RETRY_AFTER_MS_MAX: Final = 3_600_000
LATER: Final = frozenset({408, 425, 429})
"""4xx that mean "not now"; others of them mean "not this"."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Try again. `retry_after_ms`: not before that, where the receiver says so. `reason` is one of a few words."""

    reason: str
    detail: str
    retry_after_ms: int | None = None


Outcome = Delivered | Refused | Failed


def outcome(status: int, headers: Mapping[str, str], excerpt: str, now_s: float) -> Outcome:
    """What the answer of an HTTP receiver means; `now_s` is the time now, in seconds since 1970.

    >>> outcome(204, {}, "", 0.0)
    Delivered()
    >>> outcome(410, {}, "moved away", 0.0)
    Refused(reason='410: moved away')
    >>> outcome(503, {"Retry-After": "7"}, "", 0.0)
    Failed(reason='status_5xx', detail='503', retry_after_ms=7000)
    """
    if 200 <= status < 300:
        return Delivered()
    told = f"{status}: {excerpt}" if excerpt else str(status)
    if 400 <= status < 500 and status not in LATER:
        return Refused(told)
    # a redirect is not followed, and so tried again: it leads where nobody has looked whether we may go
    return Failed(
        f"status_{status}" if status in LATER else f"status_{status // 100}xx",
        told,
        retry_after_ms(headers.get("Retry-After"), now_s),
    )


def retry_after_ms(text: str | None, now_s: float) -> int | None:
    """What Retry-After asks for, in milliseconds from `now_s` on, an hour at most; None where it says nothing."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        asked = int(text[:10]) * 1000
    else:
        try:
            asked = int((parsedate_to_datetime(text).timestamp() - now_s) * 1000)
        except (ValueError, OverflowError):
            return None
    return min(max(asked, 0), RETRY_AFTER_MS_MAX)


def pause_ms(attempt: int, longest_ms: int, fraction: float, asked_ms: int | None = None) -> float:
    """How long to wait after attempt number `attempt`, from 1; `fraction` is a random number of 0 to 1.

    It doubles from half a second up to `longest_ms`; half of it is chance, lest all come back at once. What the
    receiver asked for (`asked_ms`) is kept.

    >>> [pause_ms(attempt, 60_000, 0.0) for attempt in (1, 2, 8, 99)]
    [250.0, 500.0, 30000.0, 30000.0]
    """
    whole = min(FIRST_PAUSE_MS * 2.0 ** min(attempt - 1, 40), float(longest_ms))
    return max(whole * (0.5 + fraction / 2), float(asked_ms or 0))
