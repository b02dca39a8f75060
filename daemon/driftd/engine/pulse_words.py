"""What ticks find, in words. Rule: a sentence says what was to be expected, so that a person can judge it."""

from typing import Final

from driftd.engine.burn import Burning
from driftd.engine.rhythm import Rhythm
from driftd.engine.skew import Jump
from driftd.reference.cycle import DAY_MS, HOUR_MS

MINUTE_MS = 60_000
SECOND_MS = 1_000
PREDICTIONS: Final = "predictions"
LABELS: Final = "labels"
MATCHES: Final = "labels_joined"
"""The feeds; each is named like the counter of the model that counts it."""
PRODUCER: Final = "producer"
WHAT: Final = {PREDICTIONS: "no predictions", LABELS: "no labels", MATCHES: "labels match no prediction"}


def feed_of(name: str) -> str:
    """The feed that `name` is, or is a partition of.

    >>> feed_of("labels"), feed_of("labels eu.labels:3")
    ('labels', 'labels')
    """
    return name.partition(" ")[0]


def silence_words(name: str, rhythm: Rhythm, now_ms: int) -> str:
    """That a feed, or a partition of it, is silent, for how long, and what was to be expected meanwhile."""
    feed, _, partition = name.partition(" ")
    quiet_ms = 0 if rhythm.since is None else now_ms - rhythm.since.at_ms
    source = f" from {partition}" if partition else ""
    expected = f"{rhythm.missed:,.3g} were to be expected"
    return f"{WHAT[feed]}{source} for {span(quiet_ms)}, where {expected}"


def producer_name(source: str) -> str:
    """What the producer `source` is called beside the feeds."""
    return f"{PRODUCER} {source}"


def is_producer(name: str) -> bool:
    """Whether `name` is that of a producer."""
    return feed_of(name) == PRODUCER


def missing_words(source: str, missing: int, lowest: int, highest: int) -> str:
    """That events of a producer never came.

    >>> missing_words("/checkout/3", 2, 41, 42)
    '2 events of producer /checkout/3 never came: numbers 41 to 42'
    """
    events = "1 event" if missing == 1 else f"{missing:,} events"
    numbers = f"number {lowest}" if lowest == highest else f"numbers {lowest} to {highest}"
    among = "among " if lowest + missing <= highest else ""
    return f"{events} of {producer_name(source)} never came: {among}{numbers}"


def jump_words(jump: Jump) -> str:
    """That event times have moved away from the timestamps of their records."""
    where = "ahead of" if jump.distance_ms > 0 else "behind"
    distance = span(abs(jump.distance_ms))
    return f"event times are {distance} or more {where} their records' timestamps in {jump.share:.0%} of the events"


def throughput_words(ratio: float) -> str:
    """That more, or fewer, predictions come than were to be expected."""
    return f"{ratio:,.3g} times as many predictions as at this hour before"


def burning_words(one: Burning) -> str:
    """That the error budget of an objective burns, and how fast."""
    objective = one.objective
    bad = (
        "fail"
        if objective.latency_ms_max is None
        else f"take longer than {objective.latency_ms_max:,.12g} ms"
    )
    return (
        f"{one.share:.3%} of the predictions of the last {span(one.span_ms)} {bad}, {objective.allowed:.3%} "
        f"are allowed: the error budget burns {one.rate:,.3g} times too fast"
    )


def span(length_ms: int) -> str:
    """A length of time in two digits and a unit.

    >>> span(90_000), span(5_400_000), span(1_000)
    ('1.5 minutes', '1.5 hours', '1 second')
    """
    units = ((DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute"), (SECOND_MS, "second"))
    unit_ms, unit = next((one for one in units if length_ms >= one[0]), units[-1])
    number = f"{length_ms / unit_ms:.3g}"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
