"""What the engine says. Rule: an output is complete, bytes and all; a shell only carries it to its topic."""

from dataclasses import dataclass, field
from enum import StrEnum


class OutputTopic(StrEnum):
    """Which of the configured output topics an event belongs to (the name is the key in `[topics]`)."""

    ALERTS = "alerts"
    RETRAINING = "retraining"
    INCIDENTS = "incidents"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class OutputEvent:
    """One CloudEvent on its way out: structured JSON in `value`, the attributes besides as `ce_*` headers.

    `event_id` is derived from what decided it (never random), so a subscriber can drop repeats. `standing` is the key
    by which it is remembered in the compacted topic of what is open now, until one that `is_over` comes by that key.
    An event of that topic itself (a silence) is one that nobody else is told.
    """

    topic: OutputTopic
    key: str
    event_id: str
    event_type: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    standing: str | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Outputs:
    """All that one `Engine.apply` has to say, in the order of the records that decided it."""

    events: tuple[OutputEvent, ...] = field(default=())
