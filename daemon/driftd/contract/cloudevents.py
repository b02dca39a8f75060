"""The envelope of events that come out: CloudEvents 1.0, structured JSON, and the attributes as headers too.

Source: CloudEvents 1.0.2, JSON format and Kafka protocol binding. Rule: the same event gives the same bytes.
"""

from enum import StrEnum
from typing import Final

import msgspec
from pydantic import BaseModel

Headers = tuple[tuple[str, bytes], ...]
CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
DAY_MS: Final = 86_400_000


class EventType(StrEnum):
    """The types of events that come out."""

    ALERT_OPENED = "dev.driftd.alert.opened.v1"
    ALERT_UPDATED = "dev.driftd.alert.updated.v1"
    ALERT_RESOLVED = "dev.driftd.alert.resolved.v1"
    RETRAINING_REQUESTED = "dev.driftd.retraining.requested.v1"
    RETRAINING_CANCELLED = "dev.driftd.retraining.cancelled.v1"
    RETRAINING_VERIFIED = "dev.driftd.retraining.verified.v1"
    RETRAINING_ESCALATED = "dev.driftd.retraining.escalated.v1"
    SILENCE_BEGUN = "dev.driftd.silence.begun.v1"
    EVENT_REJECTED = "dev.driftd.event.rejected.v1"


def encode_cloudevent(
    event_type: EventType, event_id: str, source: str, subject: str, time_ms: int, data: BaseModel
) -> tuple[bytes, Headers]:
    """The value and the headers of one event. `time_ms` is the time of the record that decided it."""
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type.value,
        "subject": subject,
        "time": rfc3339(time_ms),
        "dataschema": data_schema_urn(event_type.value),
    }
    value = msgspec.json.encode(
        {**attributes, "datacontenttype": "application/json", "data": data.model_dump(mode="json")}
    )
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return value, (*headers, ("content-type", CONTENT_TYPE.encode()))


def schema_urn(name: str) -> str:
    """The `$id` of the schema file of an event."""
    return f"urn:driftd:schema:{name}"


def data_schema_urn(event_type: str) -> str:
    """What `dataschema` says: the part of the event's schema file that is about its data."""
    return f"{schema_urn(event_type)}#data"


def rfc3339(time_ms: int) -> str:
    """A time in milliseconds since 1970 as RFC 3339 in UTC.

    Days to civil date after Howard Hinnant, "chrono-compatible low-level date algorithms": pure integers,
    valid for any year from 1 to 9999.

    >>> rfc3339(951_782_400_123)
    '2000-02-29T00:00:00.123Z'
    """
    days, rest = divmod(time_ms, DAY_MS)
    year, month, day = civil_date(days)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millis:03d}Z"


def civil_date(days: int) -> tuple[int, int, int]:
    """Year, month and day of the day that is `days` after 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day
