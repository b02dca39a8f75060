"""A model's pulse: what came between two ticks. Rule: looked at by ticks only, so what is found replays with them.

The feeds are predictions, labels, and labels that found their prediction; where predictions, or labels, come from
several partitions, each of these too. Silence of a feed, a clock that jumps, events that producers sent and that never
came, throughput, and objectives that burn are told as one evaluation per tick, at the tick. A gap in the offsets of a
partition is no finding: transaction markers, aborted transactions and compaction leave gaps in every healthy topic. It
is counted; records that are really gone end the shard with an alert of its own (see `driftd.shard`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.config import ModelSettings
from driftd.contract.record import Record
from driftd.decode.schema import Schema, SignalType
from driftd.detectors.base import Effect, Finding
from driftd.engine.burn import Burn, Burning, objectives_of
from driftd.engine.producers import Producers
from driftd.engine.pulse_words import (
    LABELS,
    MATCHES,
    PREDICTIONS,
    burning_words,
    feed_of,
    jump_words,
    silence_words,
    throughput_words,
)
from driftd.engine.rhythm import Rhythm
from driftd.engine.shares import silence_share
from driftd.engine.skew import Skew
from driftd.engine.stream import Evaluation, StreamName
from driftd.engine.throughput import Throughput
from driftd.reference.cycle import DAY_MS, HOUR_MS, Cycle
from driftd.reference.panes import Columns, Place

FEEDS: Final = (PREDICTIONS, LABELS, MATCHES)
"""Each is named like the counter of the model that counts it."""
CLOCK: Final = "clock"
SOURCES_MAX: Final = 64
"""So many partitions of predictions are watched per model, and so many of labels, the first ones seen; more say little
each. Predictions of a batch are seen before its labels, so what counts both together would depend on the batch."""
PARTITION: Final = attrgetter("topic", "partition")
STRENGTH_MAX: Final = 1e6
DETECTOR: Final = "ticks"


class Pulse:
    """What one model's ticks know."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.cycle = Cycle(settings.reference.cycle)
        self.burns = [Burn(objective) for objective in objectives_of(settings.operations)]
        self.ticked_ms: int | None = None
        self.rhythms = {feed: Rhythm(self.cycle) for feed in FEEDS}
        self.counted: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.objectives: dict[str, list[int]] = {}
        """What came since the last tick: by partition, and by objective how many events and how many bad ones."""
        self.silent: dict[str, float] = {}
        self.skew = Skew()
        self.throughput = Throughput()
        self.producers = Producers()

    def see(self, schema: Schema, values: Columns, at_ms: NDArray[np.int64], came: Sequence[Record]) -> None:
        """Take n predictions that are watched; `at_ms` (n,) are their times, `came` their records."""
        self.see_partitions(PREDICTIONS, came)
        stamped = np.array([record.timestamp_ms for record in came], np.int64)
        if self.settings.silence.enabled:
            self.skew.add((at_ms - stamped)[stamped >= 0])
        if not self.burns:
            return
        rows = [signal.name for signal in schema.signals if signal.type is not SignalType.CATEGORY]
        for burn in self.burns:
            objective = burn.objective
            if objective.signal not in rows:
                continue
            numbers = values.numbers[rows.index(objective.signal)]
            numbers = numbers[np.isfinite(numbers)]
            bad = numbers > (0.5 if objective.latency_ms_max is None else objective.latency_ms_max)
            counts = self.objectives.setdefault(objective.name, [0, 0])
            counts[0], counts[1] = counts[0] + len(numbers), counts[1] + int(bad.sum())

    def see_partitions(self, feed: str, came: Iterable[Record]) -> None:
        """Take the records of a `feed`, by the partitions that they came from."""
        for (topic, partition), number in Counter(map(PARTITION, came)).items():
            name = f"{feed} {topic}:{partition}"
            if name in self.sources or name in self.rhythms or len(self._parts(feed)) < SOURCES_MAX:
                self.sources[name] = self.sources.get(name, 0) + number

    def number(self, source: str, number: int | None) -> None:
        """Take the number of an event in what its `source` sent; None where it has none that could be used."""
        if self.settings.silence.enabled:
            self.producers.take(source, number)

    def _parts(self, feed: str) -> set[str]:
        """The partitions of `feed` that are watched."""
        return {name for name in (*self.rhythms, *self.sources) if name != feed and feed_of(name) == feed}

    def tick(self, place: Place, counters: Mapping[str, int]) -> Evaluation | None:
        """What the tick at `place` tells; None where time has not passed since the last one."""
        begin_ms, now_ms = self.ticked_ms, place.at_ms
        if begin_ms is not None and now_ms <= begin_ms:
            return None
        came = self._came(counters)
        missing = self.producers.tick(place)
        self.ticked_ms = now_ms
        for name in sorted(came.keys() - self.rhythms.keys()):
            self.rhythms[name] = Rhythm(self.cycle)
        if begin_ms is None:
            for rhythm in self.rhythms.values():
                rhythm.since = place
            return None
        found = [burning_finding(one, place) for one in self._burning(now_ms)]
        if self.settings.silence.enabled:
            found += self._throughput(begin_ms, place, came)
            self._pass_time(begin_ms, place, came)
            found += self._silence(place) + missing
        return Evaluation(StreamName.TICKS, 0, place, tuple(found), True, (), {})

    def forget(self) -> None:
        """A person says that it is well as it is: what is silent, or has jumped, is learned anew."""
        for name in self.silent:
            self.rhythms[name] = Rhythm(self.cycle)
        self.silent = {}
        self.producers.forget()
        if self.skew.jump is not None:
            self.skew = Skew()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the model cannot be judged: the silent feeds, `clock` where it has jumped, producers that lost events."""
        jumped = (CLOCK,) if self.skew.jump is not None else ()
        return (*self._told_silent(), *jumped, *self.producers.reasons)

    def _came(self, counters: Mapping[str, int]) -> dict[str, int]:
        """What came since the last tick, by feed and partition."""
        came, self.sources = self.sources, {}
        for feed in FEEDS:
            number = counters.get(feed, 0)
            came[feed] = number - self.counted.get(feed, 0)
            self.counted[feed] = number
        return came

    def _span_ms(self) -> float:
        """The time that the budget is counted over, in milliseconds."""
        budget = self.settings.budget
        if budget.per_events is None:
            return budget.per_days * DAY_MS
        per_hour = self.rhythms[PREDICTIONS].per_hour()
        return budget.per_events / per_hour * HOUR_MS if per_hour else budget.per_days * DAY_MS

    def _false_alarms(self) -> float:
        """The share of the budget of each feed, and of each side of the throughput."""
        share = self.settings.budget.false_alarms * silence_share(self.settings)
        return share / (len(self.rhythms) + 2)

    def _pass_time(self, begin_ms: int, place: Place, came: Mapping[str, int]) -> None:
        shortest_ms, span_ms = self.settings.silence.shortest_ms, self._span_ms()
        share = self._false_alarms()
        for name, rhythm in self.rhythms.items():
            number = came.get(name, 0)
            rhythm.pass_time(begin_ms, place, number, name in self.silent)
            excess = 0.0 if number else rhythm.excess(place.at_ms, shortest_ms, span_ms, share)
            if excess >= 1:
                self.silent[name] = min(excess, STRENGTH_MAX)
            elif number:
                self.silent.pop(name, None)

    def _told_silent(self) -> list[str]:
        """The silent feeds that tell something: what is silent as a whole makes its parts silent.

        A part that is the only one is the whole.
        """
        told = []
        for name in self.silent:
            whole = LABELS if name == MATCHES else feed_of(name)
            is_part = name not in FEEDS
            if name == whole or (whole not in self.silent and not (is_part and len(self._parts(whole)) == 1)):
                told.append(name)
        return told

    def _silence(self, place: Place) -> list[Finding]:
        found = []
        for name in self._told_silent():
            since = self.rhythms[name].since or place
            words = silence_words(name, self.rhythms[name], place.at_ms)
            found.append(_finding(name, Effect.SILENCE, self.silent[name], 1.0, since, words))
        jump = self.skew.look()
        if jump is not None:
            found.append(_finding(CLOCK, Effect.SILENCE, 1.0, jump.share, place, jump_words(jump)))
        return found

    def _throughput(self, begin_ms: int, place: Place, came: Mapping[str, int]) -> list[Finding]:
        rhythm, watch = self.rhythms[PREDICTIONS], self.throughput
        known = rhythm.is_known(self.settings.silence.shortest_ms)
        known = known and rhythm.has_seen(begin_ms) and rhythm.has_seen(place.at_ms - 1)
        if not known or PREDICTIONS in self.silent or place.at_ms - begin_ms > HOUR_MS:
            watch.skip()
            return []
        times_ms, expected = (begin_ms, place.at_ms), rhythm.expected(begin_ms, place.at_ms)
        watch.pass_time(times_ms, came[PREDICTIONS], expected, self._span_ms(), self._false_alarms())
        if not watch.strength:
            return []
        onset = Place(watch.since_ms, place.topic, place.partition, place.offset)
        words = throughput_words(watch.ratio)
        return [_finding("throughput", Effect.RATE, watch.strength, 1.0, onset, words)]

    def _burning(self, now_ms: int) -> list[Burning]:
        burning = []
        for burn in self.burns:
            burn.add(now_ms, *self.objectives.pop(burn.objective.name, (0, 0)))
            one = burn.look(now_ms)
            if one is not None:
                burning.append(one)
        return burning


def burning_finding(one: Burning, place: Place) -> Finding:
    """The finding that an objective burns."""
    effect = Effect.BURNS_FAST if one.windows.urgent else Effect.BURNS
    onset = Place(place.at_ms - one.span_ms, place.topic, place.partition, place.offset)
    return _finding(one.objective.name, effect, one.strength, one.share, onset, burning_words(one))


def _finding(signal: str, effect: Effect, strength: float, share: float, onset: Place, words: str) -> Finding:
    return Finding(signal, effect, DETECTOR, max(strength, 1.0), share, onset, None, True, words)
