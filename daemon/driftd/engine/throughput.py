"""Whether as many predictions come as were to be expected. Rule: hour by hour, by the rates that silence knows too.

An hour's deviation is the logarithm of what came over what was expected. It has two parts: what chance makes of so many
independent events, sqrt(2 (ln(n + 1) + f) / expected) at most (Gaussian tail), and how much traffic wanders besides. Of
that, as for silence, the next hour is as likely as any of the n learned ones to be the most extreme on its side, x, and
beyond an exponential tail is taken: x (1 + f / ln(n + 1)). f = ln(T / (a n h)) is what the budget wants beyond the
hours learned: a false alarms in the time T, h an hour. It is told where the deviation is more than both together.
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
    """The hour that is being counted, the extremes learned beyond chance (down, up), and what the last hour came to.

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
        learned = log(self.hours + 2)
        strength = 0.0
        if self.hours >= HOURS_MIN:
            further = log(max(span_ms / (false_alarms * self.hours * HOUR_MS), 1.0))
            chance = sqrt(2 * (learned + further) / self.expected)
            limit = chance + self.extremes[side] * (1 + further / learned)
            strength = abs(deviation) / max(limit, DEVIATION_MIN)
        if strength >= 1:
            self.since_ms = self.since_ms if self.strength else self.begin_ms
            self.ratio, self.strength = exp(deviation), strength
            return
        self.ratio = self.strength = 0.0
        self.hours += 1
        beyond = abs(deviation) - sqrt(2 * learned / self.expected)
        self.extremes[side] = max(self.extremes[side], beyond)
