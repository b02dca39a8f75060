"""Isotonic regression of counts. Rule: what is pooled shares its counts, and so its error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Rates (bins,), one for each pool of bins: `pools` (bins,) their numbers, `weights` (pools,) their labels."""

    rates: Floats
    pools: NDArray[np.int64]
    weights: Floats


def rising(right: Floats, seen: Floats) -> Curve:
    """The rates right / seen that never fall from bin to bin: adjacent violators are pooled (Ayer et al. 1955).

    Both (bins,), at least one is seen. A bin without labels belongs to the pool before it, or to the first one.

    >>> rising(np.array([1.0, 6, 4, 0, 9]), np.array([10.0, 10, 10, 0, 10])).rates.tolist()
    [0.1, 0.5, 0.5, 0.5, 0.9]
    """
    sums: list[list[float]] = []
    starts: list[int] = []
    for index, (hits, labels) in enumerate(zip(right.tolist(), seen.tolist(), strict=True)):
        if not labels > 0:
            continue
        sums.append([hits, labels])
        starts.append(index)
        while len(sums) > 1 and sums[-2][0] * sums[-1][1] >= sums[-1][0] * sums[-2][1]:
            hits_above, labels_above = sums.pop()
            sums[-1][0] += hits_above
            sums[-1][1] += labels_above
            starts.pop()
    pools = np.maximum(np.searchsorted(starts, np.arange(len(seen)), side="right") - 1, 0)
    rates = np.array([hits / labels for hits, labels in sums])
    return Curve(rates[pools], pools, np.array([labels for _, labels in sums]))
