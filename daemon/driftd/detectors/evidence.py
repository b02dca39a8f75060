"""Evidence that the stream is no longer like its reference, of all signals in one number with one budget.

Each bet multiplies its stake by what it wins on each pane, and is given the pane's length as a new stake:
M <- L (M + dt), the Shiryaev-Roberts form of an e-detector (Shin, Ramdas, Rinaldo, "E-detectors", arXiv 2203.03532).
While nothing is wrong the mean of M grows no faster than time, in any mixture of bets and signals, whatever they have
to do with each other: so the weighted mean over all of them reaches the budget's length once in it, at most. What
makes a false alarm rare on real streams, scatter and cycles, is in `detectors.bets` and `reference.null`.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Chance, DetectorState, Effect, Finding, Option, OptionValue
from driftd.detectors.bets import Bets
from driftd.detectors.onsets import Onsets
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
from driftd.reference.cycle import Cycle, buckets_of
from driftd.reference.layout import COARSE
from driftd.reference.learned import Learned, refresh_panes
from driftd.reference.panes import Pane, merged
from driftd.reference.profile import Profile
from driftd.reference.tilts import BETS, FIXED_BETS, GROUPS, SLOPE_STEP, Group

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
EXCURSION_MARGIN: Final = 5.0
"""Beyond the budget no more of an excursion is kept than this, in nats: what has gone on for long may end soon."""

EFFECTS: Final = {Group.MISSING: Effect.MISSING, Group.INVALID: Effect.INVALID, Group.VALUE: Effect.SHIFT}
BINS: Final = {
    Group.MISSING: [COARSE.missing],
    Group.INVALID: [COARSE.invalid],
    Group.OUTSIDE: [COARSE.below, COARSE.above],
}


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
        self.bets = Bets(profile, watched, chance.independent_events_min)
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
        self.clock_ms = -1
        self.learned = Learned(watched.size)
        self.learned_slopes: NDArray[np.float64] = np.zeros((watched.size, COARSE.width, BETS - FIXED_BETS))
        self.pending = np.zeros((watched.size, COARSE.width), np.int64)
        self.pending_events = np.zeros(Cycle.WEEK.buckets, np.int64)
        self._scatter = self.bets.scatter.astype(np.float32)
        self._weights = self.bets.weights.astype(np.float32)
        self._cap = np.float32(CAP * self.limit)
        self._excursion_max = np.float32(self.log_limit + EXCURSION_MARGIN)
        self._refresh = refresh_panes(self.pane_events)
        if state is not None:
            self._restore(state)

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
            for i, pane in enumerate(chunk):
                self._step(wins[i], pane)
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
        slopes = np.concatenate([self.bets.slopes, self.learned_slopes], axis=2)
        won = np.matmul(counts.transpose(1, 0, 2), slopes).transpose(1, 0, 2)
        prices = {bucket: self._prices(bucket) for bucket in dict.fromkeys(buckets)}
        wins = np.empty(won.shape, np.float32)
        for i, (pane, bucket) in enumerate(zip(panes, buckets, strict=True)):
            wins[i] = won[i] - pane.events * prices[bucket]
            self.pending_events[bucket] += pane.events
        self.pending += counts.sum(axis=0).astype(np.int64)
        return np.minimum(wins / self._scatter, np.float32(WIN_MAX))

    def _prices(self, bucket: int) -> NDArray[np.float64]:
        learned = self.bets.learned_prices(self.learned_slopes, bucket)
        return np.concatenate([self.bets.prices(bucket), learned], axis=1)

    def _step(self, wins: NDArray[np.float32], pane: Pane) -> None:
        """M <- L (M + dt) and, beside it, the running sum of log L whose start is the onset."""
        self.stakes += self._weights * np.float32(self._length(pane))
        self.stakes *= np.exp(wins)
        np.minimum(self.stakes, self._cap, out=self.stakes)
        self.onsets.step(self.excursions <= 0, pane.first)
        np.maximum(self.excursions, 0, out=self.excursions)
        self.excursions += wins
        np.minimum(self.excursions, self._excursion_max, out=self.excursions)
        evidence = self.evidence
        if self.raised and evidence < OVER * self.limit:
            # what comes next is another change, with an onset of its own
            self.raised = False
            self.excursions[:] = 0
        elif evidence >= self.limit:
            self.raised = True

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
        self.learned_slopes = self.learned.slopes(self.bets.probabilities)
        self.pending[:], self.pending_events[:] = 0, 0

    def _findings(self, window: Sequence[Pane]) -> list[Finding]:
        """The signals that carry the evidence."""
        of_groups = np.stack([self.stakes[:, group == GROUPS].sum(axis=1) for group in Group], axis=1)
        of_signals = of_groups.sum(axis=1)
        least = min(OVER * self.limit, float(of_signals.max()))
        findings = [self._finding(int(s), of_groups[s], window) for s in np.flatnonzero(of_signals >= least)]
        return sorted(findings, key=lambda finding: (-finding.strength, finding.signal))

    def _finding(self, s: int, of_groups: NDArray[np.float32], window: Sequence[Pane]) -> Finding:
        group = Group(int(of_groups.argmax()))
        for special in (Group.OUTSIDE, Group.INVALID):
            # values beyond the range are no mere shift, and values of another type are not even that
            if of_groups[special] >= OVER * self.limit:
                group = special
        bets = np.flatnonzero((group == GROUPS) & (self.bets.weights[s] > 0))
        lead = int(bets[self.excursions[s, bets].argmax()])
        onset = self.onsets.place(s, lead)
        effect = EFFECTS.get(group) or (Effect.OUTSIDE if self.bets.number[s] else Effect.UNSEEN)
        since = [pane for pane in window if pane.first.at_ms >= onset.at_ms] or window[-1:]
        counts = merged(since).counts[s]
        nats = max(float(self.excursions[s, lead]), self._divergence(s, counts, lead))
        name = self.profile.schema.signals[s].name
        strength = max(nats / self.log_limit, 1.0)
        return Finding(name, effect, NAME, strength, self._share(s, group, counts), onset, weighed=True)

    def _divergence(self, s: int, counts: NDArray[np.int64], lead: int) -> float:
        """How much `counts` (20,) since the onset speak against the reference, in nats of independent events."""
        expected = np.maximum(self.bets.probabilities[s], 1e-9) * max(int(counts.sum()), 1)
        some = counts > 0
        divergence = float((counts[some] * np.log(counts[some] / expected[some])).sum())
        return divergence / float(self.bets.scatter[s, lead])

    def _share(self, s: int, group: Group, counts: NDArray[np.int64]) -> float:
        """The share of the events of `counts` (20,) that are not as the reference has them."""
        shares = counts / max(int(counts.sum()), 1)
        if group in BINS:
            return float(shares[BINS[group]].sum())
        return float(np.abs(shares - self.bets.probabilities[s]).sum() / 2)

    def state(self) -> DetectorState:
        """All that is needed to go on exactly like this detector."""
        return {
            "stakes": array_to_json(self.stakes),
            "excursions": array_to_json(self.excursions),
            "onsets": self.onsets.state(),
            "raised": self.raised,
            "clock_ms": self.clock_ms,
            "deviation": array_to_json(self.learned.deviation),
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
        self.learned.deviation = floats_from_json(state["deviation"]).astype(np.float32)
        self.learned.events = floats_from_json(state["events"])
        self.learned_slopes = np.multiply(integers_from_json(state["slopes"]), SLOPE_STEP)
        self.pending = integers_from_json(state["pending"])
        self.pending_events = integers_from_json(state["pending_events"])
