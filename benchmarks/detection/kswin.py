"""KSWIN's test without its overhead. Rule: the same numbers as River's, or the benchmark compares with something else.

River asks scipy for a Kolmogorov-Smirnov test of 30 against 30 values at each value: some hundreds of microseconds, of
which nearly all go into looking at arguments. The exact p-value of two such samples depends on their distance only,
and there are 31 distances.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from river.drift import kswin
from scipy import stats


def quick_kswin() -> None:
    """Let River's KSWIN look up what scipy said of a distance before, in this process."""
    known: dict[tuple[int, int], tuple[float, float]] = {}

    def test(earlier: Sequence[float], latest: Sequence[float], method: str) -> tuple[float, float]:
        key = (len(earlier), distance(earlier, latest))
        if key not in known:
            statistic, p_value = stats.ks_2samp(earlier, latest, method=method)
            known[key] = float(statistic), float(p_value)
        return known[key]

    kswin.stats = SimpleNamespace(ks_2samp=test)


def distance(earlier: Sequence[float], latest: Sequence[float]) -> int:
    """By how many values the cumulative counts of two samples of one size differ at most.

    >>> distance([1.0, 2.0, 3.0], [2.5, 3.0, 4.0])
    2
    """
    a, b = sorted(earlier), sorted(latest)
    i = j = largest = 0
    while i < len(a) and j < len(b):
        value = min(a[i], b[j])
        while i < len(a) and a[i] == value:
            i += 1
        while j < len(b) and b[j] == value:
            j += 1
        largest = max(largest, abs(i - j))
    return largest
