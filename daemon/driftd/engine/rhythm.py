"""How often events of one kind come, and when it has been too long since the last. Rule: learned between ticks.

Ticks are what silence is judged by, so the rate is learned by the same clock: how many events came between two ticks,
by the hour of the cycle. Event times would not do: a backlog's, or a wrong clock's, tell nothing of when events arrive.
An hour of the cycle that was hardly seen yet is expected to bring nothing, so a first quiet night says nothing.

**The rule.** Let E(g) be how many events a gap g was to bring by the learned rates; of a Poisson stream it has an
exponential distribution of scale 1, whatever the time of day. The next gap is as likely as any of the n learned ones to
be the longest (they are exchangeable), and beyond the longest an exponential tail is taken. A silence is a gap of

    E(g) >= L + s ln(T / (a t)),    L = max(E(longest gap), ln(n + 1)),    s = max(1, L / ln(1 + n / L))

t is the time learned from, T that of the budget, a how many false silences are allowed in T: then the expected number
of false silences in T is at most a, by the union bound over all its gaps (Bonferroni), while looking all the time.
s is the scale at which the longest of n / L independent gaps is expected to be as long as it was: 1 for events that
come one by one, more for those that come in bursts, which then are given longer.
"""

from dataclasses import dataclass, field
from math import log
from typing import Any, Final

from driftd.engine.codec import place_from_json, place_to_json
from driftd.reference.cycle import DAY_MS, DAYS, HOUR_MS, Cycle, bucket_of
from driftd.reference.panes import Place

WEEK_MS: Final = DAYS * DAY_MS
EVENTS_MIN: Final = 30
"""With fewer events a rate is known to worse than a fifth."""
SHORTEST_SILENCES_MIN: Final = 10
"""A stream that was seen for less than so many times the shortest silence may be used to such pauses."""
SEEN_MS_MIN: Final = HOUR_MS
"""An hour of the cycle that was seen for less tells nothing of its rate: its events may all be in its first minute."""
LEARNED_MS_MAX: Final = 56 * DAY_MS
"""From there on the older half counts half, so that the rate of a year ago is forgotten."""


@dataclass(slots=True)
class Rhythm:
    """The rate of one kind of events, and the gap that is open now.

    `events` and `exposed_ms` are by bucket of the cycle, `gaps` the longest (begin, end) by the bucket it began in.
    `since` is the tick at which the last events were known to have come, `missed` how many were expected since.
    """

    cycle: Cycle
    events: list[int] = field(default_factory=list)
    exposed_ms: list[int] = field(default_factory=list)
    gaps: dict[int, tuple[int, int]] = field(default_factory=dict)
    since: Place | None = None
    missed: float = 0.0

    def __post_init__(self) -> None:
        self.events = self.events or [0] * self.cycle.buckets
        self.exposed_ms = self.exposed_ms or [0] * self.cycle.buckets

    def pass_time(self, begin_ms: int, place: Place, came: int, silent: bool) -> None:
        """Between the tick at `begin_ms` and the one at `place` there `came` so many events.

        Of a `silent` time nothing is learned.
        """
        since, length_ms = self.since, place.at_ms - begin_ms
        if since is None or (not came and not any(self.events)):
            self.since = place  # before the first event there is no gap
        elif came:
            if begin_ms > since.at_ms and not silent:
                self._remember(since.at_ms, place.at_ms)
            self.since, self.missed = place, 0.0
        else:
            self.missed += self.expected(begin_ms, place.at_ms)
        # of longer times it is not known in which hours their events came: the daemon was away
        if not silent and length_ms <= HOUR_MS and (came or any(self.events)):
            bucket = bucket_of(begin_ms, self.cycle)
            self.events[bucket] += came
            self.exposed_ms[bucket] += length_ms
            self._forget_old(place.at_ms)

    def is_known(self, shortest_ms: int) -> bool:
        """Whether so much was seen that silences of `shortest_ms` and more can be told."""
        return sum(self.events) >= EVENTS_MIN and sum(self.exposed_ms) >= SHORTEST_SILENCES_MIN * shortest_ms

    def excess(self, now_ms: int, shortest_ms: int, span_ms: float, false_alarms: float) -> float:
        """How many times longer than allowed the present gap is, 0 where that need not be asked.

        `false_alarms` are allowed in `span_ms`; no gap below `shortest_ms` is one. See the head of this file.
        """
        if self.since is None or now_ms - self.since.at_ms < shortest_ms or not self.is_known(shortest_ms):
            return 0.0
        number = sum(self.events)
        if self.missed < log(number + 1):
            return 0.0
        longest = max((self.expected(*gap) for gap in self.gaps.values()), default=0.0)
        longest = max(longest, log(number + 1))
        scale = max(1.0, longest / log(1 + number / longest))
        further = log(max(span_ms / (false_alarms * sum(self.exposed_ms)), 1.0))
        return self.missed / (longest + scale * further)

    def expected(self, begin_ms: int, end_ms: int) -> float:
        """How many events were to come from `begin_ms` to `end_ms`, by the rates as they are known now."""
        if self.cycle is Cycle.NONE:
            return self._rate(0) * (end_ms - begin_ms)
        weeks = (end_ms - begin_ms) // WEEK_MS
        number = weeks * self._by_hours(end_ms - WEEK_MS, end_ms) if weeks else 0.0
        return number + self._by_hours(begin_ms + weeks * WEEK_MS, end_ms)

    def per_hour(self) -> float:
        """Events per hour, all hours of the cycle together; 0 where nothing is known."""
        return sum(self.events) / max(sum(self.exposed_ms), 1) * HOUR_MS

    def _by_hours(self, begin_ms: int, end_ms: int) -> float:
        number, at_ms = 0.0, begin_ms
        while at_ms < end_ms:
            stop_ms = min((at_ms // HOUR_MS + 1) * HOUR_MS, end_ms)
            number += self._rate(bucket_of(at_ms, self.cycle)) * (stop_ms - at_ms)
            at_ms = stop_ms
        return number

    def has_seen(self, at_ms: int) -> bool:
        """Whether the rate of the hour around `at_ms` is known."""
        return self._is_seen(bucket_of(at_ms, self.cycle))

    def _is_seen(self, bucket: int) -> bool:
        return self.exposed_ms[bucket] >= (1 if self.cycle is Cycle.NONE else SEEN_MS_MIN)

    def _rate(self, bucket: int) -> float:
        return self.events[bucket] / self.exposed_ms[bucket] if self._is_seen(bucket) else 0.0

    def _remember(self, begin_ms: int, end_ms: int) -> None:
        bucket = bucket_of(begin_ms, self.cycle)
        known = self.gaps.get(bucket, (0, 0))
        if end_ms - begin_ms > known[1] - known[0]:
            self.gaps[bucket] = (begin_ms, end_ms)

    def _forget_old(self, now_ms: int) -> None:
        if sum(self.exposed_ms) <= LEARNED_MS_MAX:
            return
        self.events = [number // 2 for number in self.events]
        self.exposed_ms = [length_ms // 2 for length_ms in self.exposed_ms]
        self.gaps = {b: gap for b, gap in self.gaps.items() if gap[1] > now_ms - LEARNED_MS_MAX}


def rhythm_to_json(rhythm: Rhythm) -> dict[str, object]:
    """A rhythm as an object."""
    return {
        "events": rhythm.events,
        "exposed_ms": rhythm.exposed_ms,
        "gaps": [[bucket, *gap] for bucket, gap in sorted(rhythm.gaps.items())],
        "since": None if rhythm.since is None else place_to_json(rhythm.since),
        "missed": rhythm.missed,
    }


def rhythm_from_json(document: dict[str, Any], cycle: Cycle) -> Rhythm:
    """The rhythm of `rhythm_to_json`; another cycle than it was learned in begins anew."""
    if len(document["events"]) != cycle.buckets:
        return Rhythm(cycle)
    return Rhythm(
        cycle,
        list(document["events"]),
        list(document["exposed_ms"]),
        {bucket: (begin_ms, end_ms) for bucket, begin_ms, end_ms in document["gaps"]},
        None if document["since"] is None else place_from_json(document["since"]),
        float(document["missed"]),
    )
