"""Evidence that the stream is no longer like its reference, of all signals in one number with one budget.

Each bet multiplies its stake by what it wins on each pane, and is given the pane's length as a new stake:
M <- L (M + dt), the Shiryaev-Roberts form of an e-detector (Shin, Ramdas, Rinaldo, "E-detectors", arXiv 2203.03532).
While nothing is wrong the mean of M grows no faster than time, in any mixture of bets and signals, whatever they have
to do with each other: so the weighted mean over all of them reaches the budget's length once in it, at most. What
makes a false alarm rare on real streams, scatter and cycles, is in `detectors.bets` and `reference.null`.

One signal shifts by a deviation at event 5,500, after a reference of 5,000, and is found 44 events later:

>>> from driftd.decode.schema import Schema, Signal, SignalType
>>> from driftd.reference.build import Builder
>>> from driftd.reference.cut import start
>>> from driftd.reference.panes import Columns, PaneCounter, Place, PlaceList
>>> values = np.random.default_rng(7).normal(50.0, 4.0, (1, 6_000))
>>> values[0, 5_500:] += 4.0
>>> columns, schema = Columns(values, []), Schema((Signal("features.a", SignalType.NUMBER),))
>>> places = PlaceList([Place(1_000 * i, "predictions", 0, i) for i in range(6_000)])
>>> builder = Builder(start(schema, columns.slice(0, 500)), levels_max=10, pane_events=16)
>>> builder.add(columns.slice(0, 5_000), places.slice(0, 5_000))
>>> profile = builder.build("m", None)
>>> bins, quanta = profile.binning.count(values[:, 5_000:])
>>> counted = PaneCounter(1, COARSE.width, 16).add(bins, quanta, places.slice(5_000, 6_000))
>>> panes = [pane for _, pane in counted]
>>> detector = EvidenceDetector(profile, [0], {}, Chance(1.0, 1.0, span=1e6, pane_events=16))
>>> found = detector.update(panes, [[pane] for pane in panes])
>>> next((pane.last.offset, finding.onset.offset) for pane, said in zip(panes, found, strict=True) for finding in said)
(5543, 5496)
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Chance, DetectorState, Finding, Option, OptionValue
from driftd.detectors.bets import Bets
from driftd.detectors.leaders import Weighed, leaders, leading, over
from driftd.detectors.onsets import Onsets
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
from driftd.reference.cycle import Cycle, buckets_of
from driftd.reference.layout import COARSE
from driftd.reference.learned import DEVIATION_STEP, LATELY_AGE, Learned, refresh_panes
from driftd.reference.panes import Pane
from driftd.reference.profile import Profile
from driftd.reference.tilts import BETS, FIXED_BETS, SLOPE_STEP

NAME: Final = "evidence"
OPTIONS: Final[Mapping[str, Option]] = {}

OVER: Final = 0.2
"""A finding lasts until the evidence has fallen below this share of the budget."""
CAP: Final = 5.0
"""No bet holds more than so many budgets, so that it can be lost in a time that a person can wait for."""
WIN_MAX: Final = 40.0
"""The log of what a bet can win on one pane."""
PANE_MS_SPAN: Final = 16.0
"""A pane lasts no longer, and no shorter, than so many times what the reference's do: a clock that jumps is no time."""
LATELY_STEP: Final = 2.0**-16
EXCURSION_MARGIN: Final = 5.0
"""Beyond the budget no more of an excursion is kept than this, in nats: what has gone on for long may end soon."""


class EvidenceDetector:
    """Weighs all watched signals of a stream, pane by pane."""

    within_budget = True

    def __init__(
        self,
        profile: Profile,
        signals: Sequence[int],
        options: Mapping[str, OptionValue],  # noqa: ARG002  every detector takes some
        chance: Chance,
        state: DetectorState | None = None,
    ) -> None:
        """Watch the `signals` (indices) of `profile`; go on from `state` where there is one."""
        self.profile = profile
        watched = np.zeros(len(profile.schema.signals), np.bool_)
        watched[list(signals)] = True
        self.bets = Bets(
            profile, watched, chance.independent_events_min, chance.pane_ms / max(chance.pane_events, 1)
        )
        self.limit = chance.span / chance.false_alarms
        self.by_time = chance.by_time
        self.pane_ms = chance.pane_ms
        self.pane_events = chance.pane_events
        length = self.pane_ms if self.by_time else self.pane_events
        self.log_limit = max(log(self.limit / length * self.pane_events), 1.0)
        shape = (watched.size, BETS)
        self.stakes = np.zeros(shape, np.float32)
        self.excursions = np.zeros(shape, np.float32)
        self.onsets = Onsets(shape)
        self.raised = False
        self.led_events = np.zeros(watched.size, np.int64)
        self.clock_ms = -1
        self.learned = Learned(watched.size)
        self._latelies: list[NDArray[np.float64]] = []
        self._tilt(np.zeros((watched.size, COARSE.width, BETS - FIXED_BETS)))
        self.pending = np.zeros((watched.size, COARSE.width), np.int64)
        self.pending_events = np.zeros(Cycle.WEEK.buckets, np.int64)
        self._scatter = self.bets.scatter.astype(np.float32)
        self._weights = self.bets.weights.astype(np.float32)
        self._cap = np.float32(CAP * self.limit)
        self._excursion_max = np.float32(self.log_limit + EXCURSION_MARGIN)
        self._refresh = refresh_panes(self.pane_events)
        if state is not None:
            self._restore(state)

    def _tilt(self, learned: NDArray[np.float64]) -> None:
        """Bet on the `learned` slopes (s, 20, 2) from now on."""
        self.learned_slopes = learned
        self._slopes = np.concatenate([self.bets.slopes, learned], axis=2)
        self._price_of_bucket: dict[int, NDArray[np.float64]] = {}

    @property
    def evidence(self) -> float:
        """How strongly the panes so far speak against the reference, in the unit of the budget."""
        return float(self.stakes.sum())

    def update(self, panes: Sequence[Pane], windows: Sequence[Sequence[Pane]]) -> list[list[Finding]]:
        """Findings after each of `panes`, strongest first; the newest of each of `windows` is that pane."""
        found: list[list[Finding]] = []
        done = 0
        while done < len(panes):
            room = self._refresh - self.onsets.panes % self._refresh
            chunk = panes[done : done + room]
            wins = self._wins(chunk)
            gains = np.exp(wins)
            for i, pane in enumerate(chunk):
                self._step(wins[i], gains[i], pane)
                found.append(self._findings(windows[done + i]) if self.raised else [])
            done += len(chunk)
            if self.onsets.panes % self._refresh == 0:
                self._learn()
        return found

    def _wins(self, panes: Sequence[Pane]) -> NDArray[np.float32]:
        """The log of what each bet wins on each pane, (t, s, 29). All sums are exact: see `reference.tilts`."""
        counts = np.array([pane.counts for pane in panes], np.float64)
        starts = np.array([pane.first.at_ms for pane in panes], np.int64)
        buckets = buckets_of(starts, self.profile.cycle).tolist()
        won = np.matmul(counts.transpose(1, 0, 2), self._slopes).transpose(1, 0, 2)
        wins = np.empty(won.shape, np.float32)
        for i, (pane, bucket) in enumerate(zip(panes, buckets, strict=True)):
            np.subtract(won[i], pane.events * self._prices(bucket), out=wins[i], casting="same_kind")
            self.pending_events[bucket] += pane.events
        self.pending += counts.sum(axis=0).astype(np.int64)
        wins /= self._scatter
        return np.minimum(wins, WIN_MAX, out=wins)

    def _prices(self, bucket: int) -> NDArray[np.float64]:
        """What each bet costs per event, (s, 29), in a bucket of the cycle."""
        prices = self._price_of_bucket.get(bucket)
        if prices is None:
            lately = self._latelies[0] if self._latelies else np.zeros(self.pending.shape)
            learned = self.bets.learned_prices(self.learned_slopes, bucket, lately)
            prices = np.concatenate([self.bets.prices(bucket, lately), learned], axis=1)
            self._price_of_bucket[bucket] = prices
        return prices

    def _step(self, wins: NDArray[np.float32], gains: NDArray[np.float32], pane: Pane) -> None:
        """M <- L (M + dt) and, beside it, the running sum of log L whose start is the onset; `gains` are exp(wins)."""
        self.stakes += self._weights * np.float32(self._length(pane))
        self.stakes *= gains
        np.minimum(self.stakes, self._cap, out=self.stakes)
        self.onsets.step(self.excursions <= 0, pane.first)
        self.excursions += wins
        np.clip(self.excursions, 0, self._excursion_max, out=self.excursions)
        evidence = self.evidence
        if self.raised and evidence < OVER * self.limit:
            self._forget()
        elif evidence >= self.limit:
            self.raised = True

    def _forget(self) -> None:
        """What was found is over: what comes next is another change, with an onset of its own."""
        self.raised = False
        self.led_events[:] = 0
        self.stakes[:] = 0
        self.excursions[:] = 0

    def _length(self, pane: Pane) -> float:
        """The length of `pane` in the unit of the budget."""
        if not self.by_time:
            return float(pane.events)
        before = self.clock_ms if self.clock_ms >= 0 else pane.first.at_ms
        self.clock_ms = max(before, pane.last.at_ms)
        mean_ms = self.pane_ms * pane.events / self.pane_events
        return float(min(max(self.clock_ms - before, mean_ms / PANE_MS_SPAN), mean_ms * PANE_MS_SPAN))

    def _learn(self) -> None:
        """Renew the learned tilts by the panes since the last time."""
        events = int(self.pending_events.sum())
        expected = np.zeros(self.pending.shape)
        for bucket in np.flatnonzero(self.pending_events).tolist():
            expected += int(self.pending_events[bucket]) * self.bets.expected(bucket)
        self.learned.add(self.pending, expected, events)
        if not self.raised and not self.bets.seen.all():
            # a change does not become what is compared with
            lately = np.rint(self.learned.lately() / LATELY_STEP) * LATELY_STEP
            self._latelies = [*self._latelies, lately][-LATELY_AGE:]
        self._tilt(self.learned.slopes(self.bets.probabilities))
        self.pending[:], self.pending_events[:] = 0, 0

    def _findings(self, window: Sequence[Pane]) -> list[Finding]:
        """The signals that carry the evidence, but for those that are back by all that the window holds."""
        weighed = Weighed(self.stakes, self.excursions, self.limit, self.log_limit, OVER)
        known = self.led_events
        self.led_events = np.zeros_like(known)
        ahead = leading(weighed)
        self.led_events[ahead] = known[ahead] + window[-1].events
        long = ahead[self.led_events[ahead] >= sum(pane.events for pane in window)]
        if long.size:
            gone = over(self.bets, weighed, long, window)
            self.stakes[gone] = 0
            self.excursions[gone] = 0
            if self.evidence < OVER * self.limit:
                self._forget()
                return []
        return leaders(self.bets, weighed, self.onsets, window, NAME)

    def state(self) -> DetectorState:
        """All that is needed to go on exactly like this detector."""
        return {
            "stakes": array_to_json(self.stakes),
            "excursions": array_to_json(self.excursions),
            "onsets": self.onsets.state(),
            "raised": self.raised,
            "led_events": array_to_json(self.led_events),
            "clock_ms": self.clock_ms,
            "latelies": [
                array_to_json(np.rint(lately / LATELY_STEP).astype(np.int64)) for lately in self._latelies
            ],
            "deviation": array_to_json(np.rint(self.learned.deviation / DEVIATION_STEP).astype(np.int64)),
            "events": array_to_json(self.learned.events),
            "slopes": array_to_json(np.rint(self.learned_slopes / SLOPE_STEP).astype(np.int64)),
            "pending": array_to_json(self.pending),
            "pending_events": array_to_json(self.pending_events),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.stakes = floats_from_json(state["stakes"]).astype(np.float32)
        self.excursions = floats_from_json(state["excursions"]).astype(np.float32)
        self.onsets.restore(state["onsets"])
        self.raised, self.clock_ms = bool(state["raised"]), int(state["clock_ms"])
        self.led_events = integers_from_json(state["led_events"])
        self.learned.deviation = np.multiply(integers_from_json(state["deviation"]), DEVIATION_STEP)
        self.learned.events = floats_from_json(state["events"])
        self._latelies = [
            np.multiply(integers_from_json(lately), LATELY_STEP) for lately in state["latelies"]
        ]
        self._tilt(np.multiply(integers_from_json(state["slopes"]), SLOPE_STEP))
        self.pending = integers_from_json(state["pending"])
        self.pending_events = integers_from_json(state["pending_events"])
