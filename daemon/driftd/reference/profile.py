"""A profile: what is normal for one model version. Rule: counts and edges only, never a raw row.

Profiles of the same edges merge by addition; what detectors need (coarse bins, probabilities, means) is
derived, so that a merged profile is a profile like any other.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftd.decode.schema import Schema, SignalType
from driftd.detectors.base import Scale
from driftd.reference.bins import Binning, allowed_range
from driftd.reference.cycle import Cycle
from driftd.reference.history import History, empty_history
from driftd.reference.layout import COARSE, FINE, OTHER_FINE

PSEUDO_COUNT = 0.5
"""Added to each bin that can occur, so that no probability is zero."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The known levels of one category signal, in order of first appearance.

    `unbounded`: there were more than `categories_max`, so an unknown level says nothing.
    """

    names: tuple[str, ...]
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class Null:
    """How s signals wander while nothing is wrong (see `reference.null`).

    `scatter` (s, 29) >= 1: how many events tell as much as one independent one, by bet; `cyclic` (s,): whether the
    signal follows the cycle; `gain` (s, 2): what the learned bets win per event on the reference itself. `hours`
    (h, c, 20) int64 are the counts of the c cyclic signals by bucket of the cycle, `seen` (h,) whether the reference
    has seen a bucket long enough.
    """

    scatter: NDArray[np.float64]
    cyclic: NDArray[np.bool_]
    gain: NDArray[np.float64]
    hours: NDArray[np.int64]
    seen: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Jump:
    """One signal that changed inside of its reference, at `at_ms`; `errors`: by how many standard errors."""

    signal: str
    at_ms: int
    errors: float


@dataclass(frozen=True)
class Profile:
    """Counts of the reference events of one model version, over s signals.

    `coarse_of_fine` (s, 68) is the coarse bin of each fine bin, `edges` (s, 63) fine edges, `counts` (s, 68) int64 fine
    counts of the first events, `coarse_counts` (s, 20) int64 those of all events, which are more where the reference
    has grown. `center`, `quantum`, `low`, `high` (s,) float64 (low > high where no finite number was seen), `sums` (s,)
    int64 in quanta from the center, `inflation` and `missing_inflation` (s,): how much more the counts of a window
    scatter than those of independent events would, at least 1. `history` is how the counts came about (empty in
    a profile that is only compared with), `cycle` what signals may follow.
    """

    model: str
    version: str | None
    schema: Schema
    levels: tuple[Levels | None, ...]
    events: int
    first_ms: int
    last_ms: int
    pane_events: int
    coarse_of_fine: NDArray[np.int64]
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    coarse_counts: NDArray[np.int64]
    center: NDArray[np.float64]
    quantum: NDArray[np.float64]
    sums: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    inflation: NDArray[np.float64]
    missing_inflation: NDArray[np.float64]
    history: History
    cycle: Cycle
    null: Null | None = None
    jumps: tuple[Jump, ...] = ()

    @cached_property
    def number_rows(self) -> NDArray[np.int64]:
        """Indices of the number and boolean signals."""
        return number_rows(self.schema)

    @cached_property
    def category_rows(self) -> tuple[int, ...]:
        """Indices of the category signals."""
        return category_rows(self.schema)

    @cached_property
    def coarse_edges(self) -> NDArray[np.float64]:
        """Edges of the coarse bins, (s, 15): those fine edges where another coarse bin begins."""
        rows = np.full((len(self.schema.signals), COARSE.values - 1), np.inf)
        for s, levels in enumerate(self.levels):
            if levels is None:
                table = self.coarse_of_fine[s, : FINE.values]
                cuts = self.edges[s][np.isfinite(self.edges[s]) & (np.diff(table) != 0)]
                rows[s, : cuts.size] = cuts
        return rows

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """All events in fine bins, (s, 68): the fine counts, scaled so that each coarse bin has its count."""
        signals = np.arange(len(self.schema.signals))[:, None]
        fine_of_coarse = to_coarse(self.counts, self.coarse_of_fine)
        scale = self.coarse_counts / np.maximum(fine_of_coarse, 1)
        weights: NDArray[np.float64] = self.counts * scale[signals, self.coarse_of_fine]
        # what came only later lies somewhere in its coarse bin: in the first of its fine ones
        for s, bin_ in np.argwhere((fine_of_coarse == 0) & (self.coarse_counts > 0)).tolist():
            weights[s, int((self.coarse_of_fine[s] == bin_).argmax())] = self.coarse_counts[s, bin_]
        return weights

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Which coarse bins can hold valid values of a signal, (s, 20), counted in the reference or not."""
        possible = self.coarse_counts > 0
        for s, levels in enumerate(self.levels):
            if levels is None:
                possible[s, : int(np.isfinite(self.coarse_edges[s]).sum()) + 1] = True
        possible[:, COARSE.below] = True
        possible[:, COARSE.above] = [levels is None for levels in self.levels]
        possible[:, COARSE.missing] = possible[:, COARSE.invalid] = False
        return possible

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Probability of each coarse bin given that there is a valid value, (s, 20)."""
        counts = (self.coarse_counts + PSEUDO_COUNT) * self.possible
        shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
        return shares

    @cached_property
    def ranges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end, (s,) each, beyond which a number is outside."""
        ends = [allowed_range(float(low), float(high)) for low, high in zip(self.low, self.high, strict=True)]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])

    @cached_property
    def coarse_code_of_level(self) -> tuple[dict[str, int] | None, ...]:
        """For each category signal: the coarse bin of each known level."""
        return tuple(
            None
            if levels is None
            else {
                name: int(self.coarse_of_fine[s, min(code, OTHER_FINE)])
                for code, name in enumerate(levels.names)
            }
            for s, levels in enumerate(self.levels)
        )

    @cached_property
    def binning(self) -> Binning:
        """How the number signals of later events are counted."""
        low, high = self.ranges
        rows = self.number_rows
        return Binning(
            self.coarse_edges[rows], low[rows], high[rows], self.center[rows], self.quantum[rows], COARSE
        )

    def scale(self, signal: int) -> Scale:
        """Where the values of a number signal lie: mean, and standard deviation, to the width of a bin."""
        known = self._scales.get(signal)
        if known is None:
            known = self._scales[signal] = self._scale(signal)
        return known

    @cached_property
    def _scales(self) -> dict[int, Scale]:
        return {}

    def _scale(self, signal: int) -> Scale:
        of_bins = self.coarse_counts[signal]
        finite = int(of_bins[: COARSE.values].sum()) + int(of_bins[COARSE.below : COARSE.above + 1].sum())
        if finite == 0:
            return Scale(0.0, 1.0)
        mean = float(self.center[signal] + self.quantum[signal] * (self.sums[signal] / finite))
        weights = self.weights[signal, : FINE.values]
        return Scale(mean, _deviation(self.edges[signal], weights, mean, self.low[signal], self.high[signal]))

    def merge(self, other: "Profile") -> "Profile":
        """The counts of both references' events; what is learned from them is left to `reference.finish`.

        Raises ValueError where they were cut differently.
        """
        difference = self.difference(other)
        if difference:
            raise ValueError(f"the profiles cannot be merged: {difference}; build both with the same edges")
        return replace(
            self,
            levels=tuple(
                _longer(mine, theirs) for mine, theirs in zip(self.levels, other.levels, strict=True)
            ),
            events=self.events + other.events,
            first_ms=min(self.first_ms, other.first_ms),
            last_ms=max(self.last_ms, other.last_ms),
            counts=self.counts + other.counts,
            coarse_counts=self.coarse_counts + other.coarse_counts,
            sums=self.sums + other.sums,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            history=self.history.join(other.history),
            null=None,
            jumps=(),
        )

    def without_history(self) -> "Profile":
        """What is needed to compare with: how the counts came about takes more memory than all the rest."""
        return replace(self, history=empty_history(len(self.schema.signals)))

    def difference(self, other: "Profile") -> str:
        """In words, why two profiles are not of one cut; empty where they are."""
        if self.model != other.model:
            return f"they are of different models, {self.model!r} and {other.model!r}"
        mine, theirs = self.schema.signals, other.schema.signals
        if mine != theirs:
            return f"their signals differ: {_names(set(mine) ^ set(theirs)) or 'another order'}"
        if not all(_is_prefix(a, b) for a, b in zip(self.levels, other.levels, strict=True)):
            return "their categories have different levels"
        same = (
            np.array_equal(self.edges, other.edges)
            and np.array_equal(self.coarse_of_fine, other.coarse_of_fine)
            and np.array_equal(self.center, other.center)
            and np.array_equal(self.quantum, other.quantum)
        )
        return "" if same else "their bins have different edges"


def _is_prefix(mine: Levels | None, theirs: Levels | None) -> bool:
    """Whether two references give the levels that they share the same codes."""
    if mine is None or theirs is None:
        return mine is theirs
    return all(a == b for a, b in zip(mine.names, theirs.names, strict=False))


def _longer(mine: Levels | None, theirs: Levels | None) -> Levels | None:
    if mine is None or theirs is None:
        return None
    names = max(mine.names, theirs.names, key=len)
    return Levels(names, mine.unbounded or theirs.unbounded)


def number_rows(schema: Schema) -> NDArray[np.int64]:
    """Indices of the number and boolean signals of `schema`, in order."""
    rows = [s for s, signal in enumerate(schema.signals) if signal.type is not SignalType.CATEGORY]
    return np.array(rows, np.int64)


def category_rows(schema: Schema) -> tuple[int, ...]:
    """Indices of the category signals of `schema`, in order."""
    return tuple(s for s, signal in enumerate(schema.signals) if signal.type is SignalType.CATEGORY)


def to_coarse(counts: NDArray[np.int64], coarse_of_fine: NDArray[np.int64]) -> NDArray[np.int64]:
    """Fine counts (s, 68) summed into coarse bins: (s, 20)."""
    signals = counts.shape[0]
    cells = coarse_of_fine + (np.arange(signals) * COARSE.width)[:, None]
    # sums of counts are whole and far below 2**53, so floats hold them exactly
    flat = np.bincount(cells.ravel(), weights=counts.ravel(), minlength=signals * COARSE.width)
    return flat.astype(np.int64).reshape(signals, COARSE.width)


def _deviation(
    edges: NDArray[np.float64], counts: NDArray[np.float64], mean: float, low: float, high: float
) -> float:
    """Standard deviation of binned values, each taken to lie in the middle of its bin."""
    total = counts.sum()
    if total == 0 or not high > low:
        return 1.0
    lower = np.maximum(np.concatenate([[low], edges]), low)
    upper = np.minimum(np.concatenate([edges, [high]]), high)
    # bins above the last edge in use have no upper end of their own
    middle = np.clip((np.minimum(lower, high) + np.maximum(upper, low)) / 2, low, high)
    variance = float((counts * (middle - mean) ** 2).sum() / total)
    return variance**0.5 if variance > 0 else 1.0


def _names(signals: set[object]) -> str:
    return ", ".join(sorted(str(getattr(signal, "name", signal)) for signal in signals))
