"""Times as tables hold them. Rule: what is no time is None; a time without a zone is UTC.

>>> parse_time("2020-01-01 00:00:00"), parse_time("1577836800"), parse_time(1577836800000), parse_time("noon")
(1577836800000, 1577836800000, 1577836800000, None)
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from driftd.contract.events_in import TIME_MAX_MS

SECONDS_BELOW: Final = 1e11
"""Numbers below are seconds since 1970 (until the year 5138), others milliseconds (since 1973)."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(cell: object) -> int | None:
    """`cell` in milliseconds since 1970 UTC: a number of seconds or milliseconds, or ISO 8601; else None."""
    if isinstance(cell, bool) or cell is None:
        return None
    at_ms = _from_number(cell) if isinstance(cell, int | float) else _from_text(str(cell).strip())
    return at_ms if at_ms is not None and 0 <= at_ms < TIME_MAX_MS else None


def _from_number(number: float) -> int | None:
    if not math.isfinite(number):
        return None
    return round(number * 1000) if abs(number) < SECONDS_BELOW else round(number)


def _from_text(text: str) -> int | None:
    # an ISO date without hyphens, 20200101, is a number too: as a number of seconds it would be in August 1970
    if not (len(text) == 8 and text.isdigit()):
        try:
            return _from_number(float(text))
        except ValueError:
            pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        return (moment - EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        return None
