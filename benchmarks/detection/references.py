"""What becomes of a short reference: false alarms and delay by its length, with and without growth.

A stream begins, is learned, and goes on for many events in which nothing changes; then one signal shifts by a
deviation. What a reference cannot judge must not be judged; what it judges must keep to the budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.detection.changes import deviation_of
from benchmarks.detection.streams import DAY_EVENTS, KINDS, Kind, Values, autoregressive, stream
from benchmarks.detection.subjects import CHUNK_EVENTS, Driftd, EventPlaces, columns_of, schema_of
from benchmarks.report import Row
from driftd.engine.stream import Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.null import judged_signals

LENGTHS: Final = (1_000, 5_000, 20_000)
GROW_DAYS: Final = (0.0, 15.0)
QUIET_EVENTS: Final = 300_000
SEEDS: Final = 1
WAIT_EVENTS: Final = 40_000
CYCLE: Final = "week"
"""As it is where nobody changed it."""
SLOW_WALK: Final = "slow walk"
STREAMS: Final[Mapping[str, Kind]] = {
    "independent": KINDS["independent"],
    "AR(0.9)": KINDS["AR(0.9)"],
    SLOW_WALK: Kind(autoregressive(0.999)),
    "daily": KINDS["daily"],
    "weekly": KINDS["weekly"],
}


@dataclass(frozen=True, slots=True)
class Life:
    """What was said in one stream's life; `judged` signals at the end of its reference and of its quiet time."""

    judged_first: int
    judged_last: int
    false_alarms: int
    delay: int | None


def life(
    kind: str, reference_events: int, grow_days: float, quiet_events: int, budget_events: int, seed: int
) -> Life:
    """A stream from its first event to the shift of one signal."""
    what = STREAMS[kind]
    subject = Driftd({"name": "evidence"}, "evidence", budget_events, grow_days=grow_days)
    settings = subject.settings(reference_events, CYCLE)
    one = Stream(StreamName.INPUTS, "measured", None, settings, 200)
    first = _values(what, kind, 0, reference_events, seed)
    learned = settings.reference.learn_events
    one.start(
        start(schema_of(first.shape[1], False), columns_of(first[:learned], False)), EventPlaces(0, learned)
    )
    alarms = _alarms(one, first, 0)
    judged_first = _judged(one)
    alarms += _alarms(one, _values(what, kind, reference_events, quiet_events, seed + 1), reference_events)
    judged_last = _judged(one)
    begin = reference_events + quiet_events
    changed = _values(what, kind, begin, WAIT_EVENTS, seed + 2)
    changed[:, 7] += np.float32(deviation_of(first[:, 7]))
    after = _alarms(one, changed, begin)
    return Life(judged_first, judged_last, len(alarms), after[0] - begin + 1 if after else None)


def _values(what: Kind, kind: str, first: int, count: int, seed: int) -> Values:
    if kind in KINDS:
        return stream(kind, first, count, seed)
    return what.make(np.random.default_rng([seed, first]), np.arange(first, first + count, dtype=np.int64))


def _alarms(one: Stream, values: Values, first: int) -> list[int]:
    """At which events something was found where nothing had been."""
    found: list[int] = []
    speaking = False
    for begin in range(0, len(values), CHUNK_EVENTS):
        chunk = values[begin : begin + CHUNK_EVENTS]
        places = EventPlaces(first + begin, first + begin + len(chunk))
        for evaluation in one.add(columns_of(chunk, False), places):
            if evaluation.findings and not speaking:
                found.append(evaluation.place.offset)
            speaking = bool(evaluation.findings)
    return found


def _judged(one: Stream) -> int:
    if one.profile is None:
        return 0
    return int(judged_signals(one.profile, one.settings.reference.independent_events_min).sum())


def reference_row(
    kind: str,
    reference_events: int,
    grow_days: float,
    quiet_events: int,
    budget_events: int,
    seeds: list[int],
) -> Row:
    """One line of the table, over `seeds`."""
    lives = [life(kind, reference_events, grow_days, quiet_events, budget_events, seed) for seed in seeds]
    delays = [one.delay for one in lives if one.delay is not None]
    return {
        "stream": kind,
        "reference": reference_events,
        "of_a_day": round(reference_events / DAY_EVENTS, 1),
        "grows": "yes" if grow_days else "no",
        "judged_first": round(sum(one.judged_first for one in lives) / len(lives), 1),
        "judged_after": round(sum(one.judged_last for one in lives) / len(lives), 1),
        "events": quiet_events * len(seeds),
        "false_alarms": sum(one.false_alarms for one in lives),
        "delay_1_sigma": round(median(delays)) if delays else None,
        "missed": len(lives) - len(delays),
    }


def plans(budget_events: int, seed: int) -> list[Mapping[str, Any]]:
    """The arguments of every row."""
    return [
        {
            "kind": kind,
            "reference_events": length,
            "grow_days": grow_days,
            "quiet_events": QUIET_EVENTS,
            "budget_events": budget_events,
            "seeds": [seed + 1_000 * n for n in range(SEEDS)],
        }
        for kind in STREAMS
        for length in LENGTHS
        for grow_days in GROW_DAYS
    ]
