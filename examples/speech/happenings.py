"""What happens in the stream, and when. Rule: this table says it all; nothing else changes anything.

Accidents end, and the stream is as before for days, so that each is found by itself. What is harmless is in the table
too: nobody is to be woken by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DIGITS: Final = "voice-digits"
"""Pickers in a warehouse say a check digit into their headsets; one word, ten classes."""
CODES: Final = "voice-codes"
"""The office dictates codes of three digits; texts."""
START_MS: Final = 1_780_272_000_000
"""Monday, 2026-06-01, 00:00 UTC."""
DAY_MS: Final = 86_400_000
DAYS: Final = 77
DEPLOYED_DAY: Final = 73.375
"""When version 2 of DIGITS goes out, which takes steady noise away before it listens."""


class What(StrEnum):
    """Kinds of happenings; what each does is told where the table has it."""

    HOLIDAY = "holiday"
    LONGER = "longer"
    SPEAKERS = "speakers"
    GAIN = "gain"
    FILLER = "filler"
    CLIPPING = "clipping"
    LATENCY = "latency"
    SWAP = "swap"
    NO_LABELS = "no_labels"
    TELEPHONE = "telephone"
    HUM = "hum"


@dataclass(frozen=True, slots=True)
class Happening:
    """From the day `begin` to before the day `end` after START_MS; `stage` is where to go back to, None if harmless."""

    what: What
    model: str
    begin: float
    end: float
    stage: str | None
    fact: str

    def age(self, day: float) -> float | None:
        """Its age in days at `day`; None before and after it."""
        return day - self.begin if self.begin <= day < self.end else None


HAPPENINGS: Final[Sequence[Happening]] = (
    Happening(What.HOLIDAY, DIGITS, 22.0, 23.0, None, "a holiday: a third of the traffic"),
    Happening(What.LONGER, DIGITS, 23.25, 25.25, None, "utterances are 1 % longer, for two days"),
    Happening(
        What.SPEAKERS,
        DIGITS,
        26.25,
        28.75,
        "data",
        "temporary staff: three of five say their digits with an accent",
    ),
    Happening(What.GAIN, DIGITS, 33.25, 35.25, "data", "new firmware halves the gain of the headsets"),
    Happening(
        What.FILLER, CODES, 35.3, DAYS, "labels", 'the transcribers write "um…" where they wrote "um,"'
    ),
    Happening(
        What.CLIPPING, DIGITS, 39.25, 40.75, "deployment", "a preamplifier is turned up until it clips"
    ),
    Happening(
        What.LATENCY,
        DIGITS,
        44.25,
        47.25,
        "deployment",
        "the server is shared: latency creeps up to three times",
    ),
    Happening(
        What.SWAP,
        DIGITS,
        50.3,
        51.8,
        "labels",
        "two keys of the transcribers' keyboard are swapped: five and nine",
    ),
    Happening(What.NO_LABELS, DIGITS, 57.0, 59.0, "deployment", "no labels for two days"),
    Happening(What.TELEPHONE, DIGITS, 60.25, 61.25, "data", "the headsets fall back to a telephone line"),
    Happening(
        What.HUM,
        DIGITS,
        67.25,
        DAYS,
        "data",
        "a fan runs up beside the belts: its hum grows for three days, and stays",
    ),
)
HUM_GROWS_DAYS: Final = 3.0


def going_on(model: str, day: float) -> Mapping[What, float]:
    """What happens to `model` at `day`, and for how many days already."""
    return {one.what: age for one in HAPPENINGS if one.model == model and (age := one.age(day)) is not None}


def day_of(at_ms: int) -> float:
    """The day after START_MS of a time in milliseconds."""
    return (at_ms - START_MS) / DAY_MS
