"""Distance of a window of panes to the reference: PSI, Jensen-Shannon, Kolmogorov-Smirnov; and plain shares.

A distance is a finding where it is large (an effect worth talking about) *and* larger than chance makes it:
the limit grows with the shortness of window and reference and with the inflation measured on the reference,
and is set so that all looks at all signals together raise about `false_alarms` in the budget's time.
Measures and their sources are in `detectors.distance_measures`.
"""

from collections.abc import Mapping, Sequence
from math import log
from statistics import NormalDist
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Chance, DetectorState, Effect, Finding, Option, OptionValue
from driftd.detectors.calibration import CALIBRATE, Calibration
from driftd.detectors.distance_limit import limit_factor
from driftd.detectors.distance_measures import chi_square_limit, distances, in_order, ratio
from driftd.reference.layout import COARSE
from driftd.reference.panes import Pane, Place, merged
from driftd.reference.profile import PSEUDO_COUNT, Profile

NAME: Final = "distance"

OPTIONS: Final[Mapping[str, Option]] = {
    "psi_min": Option(0.1, "smallest Population Stability Index that is a finding", 0.0, 100.0),
    "js_min": Option(0.1, "smallest Jensen-Shannon distance (base 2, 0 to 1) that is a finding", 0.0, 1.0),
    "ks_min": Option(0.1, "smallest Kolmogorov-Smirnov distance (0 to 1) that is a finding", 0.0, 1.0),
    "missing_min": Option(0.02, "smallest change of the share of missing values that is a finding", 0.0, 1.0),
    "unseen_min": Option(0.01, "smallest share of unseen levels that is a finding", 0.0, 1.0),
    "outside_min": Option(0.01, "smallest share of numbers outside the reference's range that is a finding", 0.0, 1.0),
}  # fmt: skip

TESTS_PER_SIGNAL: Final = 4
P_VALUE_MIN: Final = 1e-15
COUNT_MIN: Final = 5
"""Unseen levels or outside values fewer than these in a window are no finding: one typing error is no drift."""


class DistanceDetector:
    """Compares the window of the latest panes with the reference, all signals at once."""

    def __init__(
        self,
        profile: Profile,
        signals: Sequence[int],
        options: Mapping[str, OptionValue],
        chance: Chance,
        state: DetectorState | None = None,
    ) -> None:
        """Watch the `signals` (indices) of `profile`; go on from `state` where there is one."""
        self.profile = profile
        self.watched = np.zeros(len(profile.schema.signals), bool)
        self.watched[list(signals)] = True
        self.least = {name: float(options.get(name, option.default)) for name, option in OPTIONS.items()}
        tests = max(chance.looks, 1.0) * max(len(signals), 1) * TESTS_PER_SIGNAL
        self.p_value = min(0.05, max(P_VALUE_MIN, chance.false_alarms / tests))
        stored = cast("list[tuple[str, int, int, str, int, int]]", (state or {}).get("onsets", []))
        self.onsets = {
            (Effect(effect), s): Place(at_ms, topic, partition, offset)
            for effect, s, at_ms, topic, partition, offset in stored
        }
        self.number = np.array([levels is None for levels in profile.levels])
        self.bounded = ~np.array([levels is not None and levels.unbounded for levels in profile.levels])
        self.missing_quantile = -NormalDist().inv_cdf(self.p_value / 2)
        reference_valid = profile.coarse_counts * profile.possible
        self.reference_valid = reference_valid.sum(axis=1)
        self.cumulative = np.cumsum(in_order(profile.probabilities), axis=1)
        freedom = np.maximum(profile.possible.sum(axis=1) - 1, 1)
        self.chi_square = np.array([chi_square_limit(int(k), self.p_value) for k in freedom])
        self.reference_missing = profile.coarse_counts[:, COARSE.missing]
        self.calibration: Calibration | None = None
        if options.get(CALIBRATE):
            self._calibrated_for = [
                chance.rate,
                chance.window_events,
                profile.events,
                profile.last_ms,
                dict(options),
            ]
            self.calibration = self._calibration(chance, state or {})

    def _calibration(self, chance: Chance, state: DetectorState) -> Calibration:
        """What was chosen for this reference and budget before, or is now."""
        if state.get("calibrated_for") == self._calibrated_for:
            return Calibration(float(cast("float", state["factor"])), bool(state["within_budget"]))

        def strength(counts: NDArray[np.int64]) -> float:
            strengths, _ = self._strengths(counts, int(counts[0].sum()))
            chances = [s[self.watched] for effect, s in strengths.items() if effect is not Effect.INVALID]
            return float(np.max(chances))

        return limit_factor(self.profile.history, chance.window_events, strength, chance.rate, self.p_value)

    @property
    def within_budget(self) -> bool:
        """Whether it is expected to keep its share of the budget, as far as it was asked to."""
        return self.calibration is None or self.calibration.reached

    def update(self, panes: Sequence[Pane], windows: Sequence[Sequence[Pane]]) -> list[list[Finding]]:
        """Findings of each window's panes together, strongest first; none while a window holds one pane."""
        return [self.compare(window) for window in windows[: len(panes)]]

    def compare(self, window: Sequence[Pane]) -> list[Finding]:
        """Findings of the panes of `window` together, strongest first; none while it holds one pane."""
        if len(window) < 2:
            return []
        whole = merged(window)
        strengths, shares = self._strengths(whole.counts, max(whole.events, 1))
        if self.calibration is not None:
            # one value of the wrong type is no matter of chance
            strengths = {
                effect: s if effect is Effect.INVALID else s / self.calibration.value
                for effect, s in strengths.items()
            }
        raised = [
            (effect, int(s))
            for effect in strengths
            for s in np.flatnonzero((strengths[effect] >= 1) & self.watched)
        ]
        # an onset is worked out once, when the finding is new: the window forgets it later
        self.onsets = {
            (effect, s): self.onsets.get((effect, s)) or window[self._onset(window, s, effect)].first
            for effect, s in raised
        }
        findings = [
            Finding(
                self.profile.schema.signals[s].name,
                effect,
                NAME,
                float(strengths[effect][s]),
                float(shares[effect][s]),
                self.onsets[effect, s],
            )
            for effect, s in raised
        ]
        return sorted(findings, key=lambda finding: (-finding.strength, finding.signal, finding.effect))

    def state(self) -> DetectorState:
        """The onsets of what is being found at present: [effect, signal, at_ms, topic, partition, offset].

        And what was chosen, and for what, where that was asked for.
        """
        onsets = [
            [effect.value, s, place.at_ms, place.topic, place.partition, place.offset]
            for (effect, s), place in sorted(self.onsets.items())
        ]
        if self.calibration is None:
            return {"onsets": onsets}
        return {
            "onsets": onsets,
            "factor": self.calibration.value,
            "within_budget": self.calibration.reached,
            "calibrated_for": self._calibrated_for,
        }

    def _strengths(
        self, counts: NDArray[np.int64], events: int
    ) -> tuple[dict[Effect, NDArray[np.float64]], dict[Effect, NDArray[np.float64]]]:
        """Per effect and signal (s,), of `counts` (s, 20): how many times its limit is reached; the share touched."""
        valid = np.add.reduce(counts * self.profile.possible, axis=1)
        missing = counts[:, COARSE.missing]
        outside = counts[:, COARSE.below] + counts[:, COARSE.above]
        outside_share = outside / np.maximum(valid, 1)
        enough = outside >= COUNT_MIN
        unseen_strength = np.where(
            enough & ~self.number & self.bounded, ratio(outside_share, self.least["unseen_min"]), 0.0
        )
        outside_strength = np.where(
            enough & self.number, ratio(outside_share, self.least["outside_min"]), 0.0
        )
        missing_strength, missing_share = self._missing(missing, events)
        invalid_share = counts[:, COARSE.invalid] / events
        shift, distance = self._shift(counts, valid)
        # what the quality of the data explains is not drift as well
        shift = np.where((unseen_strength >= 1) | (outside_strength >= 1), 0.0, shift)
        return {
            Effect.SHIFT: shift,
            Effect.MISSING: missing_strength,
            Effect.UNSEEN: unseen_strength,
            Effect.OUTSIDE: outside_strength,
            Effect.INVALID: np.where(
                counts[:, COARSE.invalid] > 0, np.maximum(invalid_share * 100, 1.0), 0.0
            ),
        }, {
            Effect.SHIFT: distance,
            Effect.MISSING: missing_share,
            Effect.UNSEEN: outside_share,
            Effect.OUTSIDE: outside_share,
            Effect.INVALID: invalid_share,
        }

    def _shift(
        self, counts: NDArray[np.int64], valid: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        psi, js, ks = distances(counts, self.profile, self.cumulative)
        noise = self.profile.inflation * (1 / np.maximum(valid, 1) + 1 / np.maximum(self.reference_valid, 1))
        chance = self.chi_square * noise
        ks_chance = np.sqrt(noise * log(2 / self.p_value) / 2)
        strength = np.maximum(
            np.minimum(ratio(psi, self.least["psi_min"]), psi / chance),
            # 8 JS (in nats) is PSI to the leading order, so it has the same limit
            np.minimum(ratio(js, self.least["js_min"]), js**2 * 8 * log(2) / chance),
        )
        by_order = np.minimum(ratio(ks, self.least["ks_min"]), ks / ks_chance)
        strength = np.maximum(strength, np.where(self.number, by_order, 0.0))
        usable = (valid > 0) & (self.reference_valid > 0)
        return np.where(usable, strength, 0.0), np.where(usable, js, 0.0)

    def _missing(
        self, missing: NDArray[np.int64], events: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        reference = self.profile.events
        before, after = self.reference_missing / reference, missing / events
        pooled = (self.reference_missing + missing + PSEUDO_COUNT) / (reference + events + 2 * PSEUDO_COUNT)
        variance = self.profile.missing_inflation * pooled * (1 - pooled) * (1 / reference + 1 / events)
        limit = self.missing_quantile * np.sqrt(variance)
        change = np.abs(after - before)
        return np.minimum(ratio(change, self.least["missing_min"]), change / limit), change

    def _onset(self, window: Sequence[Pane], signal: int, effect: Effect) -> int:
        """Index of the pane with which the change began: the split whose end speaks loudest against the reference.

        The statistic is the log likelihood ratio of the panes from a split on against the reference.
        """
        selected = self._selected(effect, signal)
        expected = np.maximum(self._expected(effect, signal), 1e-9)
        best, loudest = len(window) - 1, -np.inf
        counts = np.zeros(COARSE.width, np.int64)
        for index in range(len(window) - 1, -1, -1):
            counts = counts + window[index].counts[signal]
            seen = np.add.reduceat(counts[selected[0]], selected[1])
            share = seen / max(int(seen.sum()), 1)
            found = seen > 0
            loudness = float((seen[found] * np.log(share[found] / expected[found])).sum())
            if loudness > loudest:
                best, loudest = index, loudness
        return best

    def _selected(self, effect: Effect, signal: int) -> tuple[list[int], list[int]]:
        """The bins to look at, in groups: their order, and where each group starts in it."""
        every = list(range(COARSE.width))
        if effect is Effect.SHIFT:
            bins = np.flatnonzero(self.profile.possible[signal]).tolist()
            return bins, list(range(len(bins)))
        special = {
            Effect.MISSING: [COARSE.missing],
            Effect.INVALID: [COARSE.invalid],
            Effect.UNSEEN: [COARSE.below],
            Effect.OUTSIDE: [COARSE.below, COARSE.above],
        }[effect]
        return special + [bin_ for bin_ in every if bin_ not in special], [0, len(special)]

    def _expected(self, effect: Effect, signal: int) -> NDArray[np.float64]:
        """The reference's probability of each group of `_selected`."""
        order, starts = self._selected(effect, signal)
        if effect is Effect.SHIFT:
            chosen: NDArray[np.float64] = self.profile.probabilities[signal][order]
            return chosen
        counts = self.profile.coarse_counts[signal][order]
        grouped = np.add.reduceat(counts, starts) + PSEUDO_COUNT
        shares: NDArray[np.float64] = grouped / grouped.sum()
        return shares
