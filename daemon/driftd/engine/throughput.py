"""Whether as many predictions come as were to be expected. Rule: hour by hour, by the rates that silence knows too.

An hour's deviation is the logarithm of what came over what was expected. As for silence: the next hour is as likely as
any of the n learned ones to be the most extreme on its side, beyond that an exponential tail is taken. It is told
from L + s ln(T / (a n h)) on, with L the largest deviation learned, at least what chance makes of so many independent
events (sqrt(2 ln(n + 1) / expected)), s = L / ln(n + 1), T the budget's time, a the false alarms in it, h an hour.
"""

from dataclasses import dataclass, field
from math import exp, log, sqrt
from typing import Final

from driftd.reference.cycle import HOUR_MS

HOURS_MIN: Final = 48
"""So many hours are learned before any is judged: the second day shows how a day differs from the first."""
EXPECTED_MIN: Final = 30.0
"""With fewer events expected an hour says too little by itself; silence is what remains to be told."""
DEVIATION_MIN: Final = log(1.5)
"""A change by less than half is never told, however regular the traffic was."""


@dataclass(slots=True)
class Throughput:
    """The hour that is being counted, the extremes learned (down, up), and what the last hours came to.

    `ratio` is what came over what was expected, 0 where nothing is wrong; `strength` how far beyond the limit.
    """

    begin_ms: int = -1
    came: int = 0
    expected: float = 0.0
    hours: int = 0
    extremes: list[float] = field(default_factory=lambda: [0.0, 0.0])
    ratio: float = 0.0
    strength: float = 0.0
    since_ms: int = 0

    def pass_time(
        self, times_ms: tuple[int, int], came: int, expected: float, span_ms: float, false_alarms: float
    ) -> None:
        """Between two ticks at `times_ms` there `came` so many events, and so many were expected."""
        if self.begin_ms < 0:
            self.begin_ms = times_ms[0]
        self.came += came
        self.expected += expected
        if times_ms[1] < self.begin_ms + HOUR_MS:
            return
        if self.expected >= EXPECTED_MIN:
            self._judge(span_ms, false_alarms)
        self.begin_ms, self.came, self.expected = times_ms[1], 0, 0.0

    def skip(self) -> None:
        """What the present hour brought is not to be judged."""
        self.begin_ms, self.came, self.expected, self.ratio, self.strength = -1, 0, 0.0, 0.0, 0.0

    def _judge(self, span_ms: float, false_alarms: float) -> None:
        deviation = log((self.came + 1) / (self.expected + 1))
        side = int(deviation > 0)
        strength = 0.0
        if self.hours >= HOURS_MIN:
            chance = sqrt(2 * log(self.hours + 1) / self.expected)
            largest = max(self.extremes[side], chance)
            further = log(max(span_ms / (false_alarms * self.hours * HOUR_MS), 1.0))
            limit = max(largest * (1 + further / log(self.hours + 1)), DEVIATION_MIN)
            strength = abs(deviation) / limit
        if strength >= 1:
            self.since_ms = self.since_ms if self.strength else self.begin_ms
            self.ratio, self.strength = exp(deviation), strength
            return
        self.ratio = self.strength = 0.0
        self.hours += 1
        self.extremes[side] = max(self.extremes[side], abs(deviation))
