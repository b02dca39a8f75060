"""What a person is shown of a signal, before and after. Rule: every figure comes from counts, none from raw rows."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.decode.schema import SignalType
from driftd.reference.layout import COARSE, FINE, OTHER_FINE
from driftd.reference.panes import Pane
from driftd.reference.profile import Profile

TOP_LEVELS: Final = 3
STUCK_EVENTS_MIN: Final = 12
"""Fewer equal values in a row are chance."""
DIGITS: Final = 6
"""Significant digits that are published: more would promise a precision that bins do not have."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One signal over some events. Quantiles are to the width of a bin, None in an open-ended one."""

    count: int
    missing_share: float
    invalid_share: float
    outside_share: float
    mean: float | None
    p10: float | None
    p50: float | None
    p90: float | None
    top: dict[str, float] | None


def reference_summary(profile: Profile, signal: int, pooled: bool = False) -> Summary:
    """Signal number `signal` in the reference; `pooled`: levels as `pane_summary` has them."""
    counts = profile.weights[signal]
    edges, names = profile.edges[signal], None
    levels = profile.levels[signal]
    if levels is not None and pooled:
        coarse = profile.coarse_counts[signal].astype(np.float64)
        return _summary(profile, signal, coarse, 0, edges, _names_of_bins(profile, signal), COARSE.values)
    if levels is not None:
        names = {
            code: name if code < OTHER_FINE else "(other)"
            for code, name in reversed([*enumerate(levels.names)])
        }
    return _summary(profile, signal, counts, int(profile.sums[signal]), edges, names, FINE.values)


def pane_summary(profile: Profile, signal: int, pane: Pane) -> Summary:
    """The same signal in `pane`, whose counts are in the profile's coarse bins."""
    names = _names_of_bins(profile, signal)
    edges = profile.coarse_edges[signal]
    counts = pane.counts[signal].astype(np.float64)
    return _summary(profile, signal, counts, int(pane.sums[signal]), edges, names, COARSE.values)


def _names_of_bins(profile: Profile, signal: int) -> dict[int, str] | None:
    """What the coarse bins of a category are called: by their most frequent level; None for numbers."""
    codes, levels = profile.coarse_code_of_level[signal], profile.levels[signal]
    if codes is None or levels is None:
        return None
    weights = profile.counts[signal]
    in_bin: dict[int, list[tuple[int, int]]] = {}
    for code, name in enumerate(levels.names):
        in_bin.setdefault(codes[name], []).append((-int(weights[min(code, OTHER_FINE)]), code))
    names = {}
    for bin_, ranked in in_bin.items():
        name = levels.names[min(ranked)[1]]
        names[bin_] = name if len(ranked) == 1 else f"{name} or {len(ranked) - 1} more"
    names[COARSE.below] = "(new)"
    return names


def is_stuck(profile: Profile, signal: int, pane: Pane) -> bool:
    """Whether all values of a number in `pane` lie in one bin, and it was no such thing in the reference."""
    if profile.schema.signals[signal].type is not SignalType.NUMBER:
        return False
    counts = pane.counts[signal, : COARSE.values]
    bin_ = int(counts.argmax())
    reference = profile.coarse_counts[signal, : COARSE.values]
    valid = int(pane.counts[signal].sum()) - int(pane.counts[signal, COARSE.missing])
    return bool(
        valid >= STUCK_EVENTS_MIN and counts[bin_] == valid and 2 * reference[bin_] <= reference.sum()
    )


def _summary(
    profile: Profile,
    signal: int,
    counts: NDArray[np.float64],
    total_quanta: int,
    edges: NDArray[np.float64],
    names: dict[int, str] | None,
    values: int,
) -> Summary:
    events = float(counts.sum())
    missing, below, above, invalid = (float(count) for count in counts[values:])
    valid = events - missing - invalid
    mean = p10 = p50 = p90 = top = None
    if valid and names is None:
        mean = rounded(profile.center[signal] + profile.quantum[signal] * (total_quanta / valid))
    ends = float(profile.low[signal]), float(profile.high[signal])
    if mean is not None and profile.schema.signals[signal].type is SignalType.NUMBER:
        p10, p50, p90 = (
            _quantile(counts[:values], below, above, edges, ends, share) for share in (0.1, 0.5, 0.9)
        )
    if valid and names is not None:
        ranked = sorted(names, key=lambda code: (-float(counts[code]), code))[:TOP_LEVELS]
        top = {names[code]: rounded(float(counts[code]) / valid) for code in ranked if counts[code]}
    of_all = max(events, 1)
    outside = (below + above) / max(valid, 1)
    return Summary(
        round(events),
        rounded(missing / of_all),
        rounded(invalid / of_all),
        rounded(outside),
        mean,
        p10,
        p50,
        p90,
        top,
    )


def _quantile(
    counts: NDArray[np.float64],
    below: float,
    above: float,
    edges: NDArray[np.float64],
    ends: tuple[float, float],
    share: float,
) -> float | None:
    """The value below which `share` of the counted values lie, linear within a bin.

    None in the outermost bins, which have one end only, and outside the range.
    """
    target = share * (float(counts.sum()) + below + above) - below
    if target < 0 or target > counts.sum() or not ends[0] <= ends[1]:
        return None
    lower = np.clip(np.concatenate([[ends[0]], edges]), *ends)
    upper = np.clip(np.concatenate([edges, [ends[1]]]), *ends)
    cumulative = np.cumsum(counts)
    bin_ = int(np.searchsorted(cumulative, target))
    if bin_ == 0 or bin_ >= int(np.isfinite(edges).sum()):
        return None
    inside = float(counts[bin_])
    within = (target - (float(cumulative[bin_]) - inside)) / inside if inside else 0.0
    return rounded(float(lower[bin_] + within * (upper[bin_] - lower[bin_])))


def rounded(value: float) -> float:
    """`value` to six significant digits."""
    return float(f"{value:.{DIGITS}g}")
