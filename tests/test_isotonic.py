"""Isotonic regression, against the formula of its textbook."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.performance.isotonic import rising


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_isotonic_rates_rise_and_are_the_nearest_that_do(rows: list[tuple[int, int]]) -> None:
    seen = np.array([float(max(a, b)) for a, b in rows])
    right = np.array([float(min(a, b)) for a, b in rows])
    if not seen.any():
        return
    curve = rising(right, seen)
    assert (np.diff(curve.rates) >= 0).all()
    assert (curve.rates * seen).sum() == pytest.approx(right.sum())
    known = np.flatnonzero(seen)
    rates = right[known] / seen[known]
    # the max-min formula of isotonic regression (Robertson, Wright and Dykstra 1988, section 1.4)

    def mean(first: int, last: int) -> float:
        return float(right[known[first : last + 1]].sum() / seen[known[first : last + 1]].sum())

    for index in range(len(known)):
        formula = max(min(mean(a, b) for b in range(index, len(known))) for a in range(index + 1))
        assert curve.rates[known[index]] == pytest.approx(formula)
    assert len(curve.weights) <= len(rates)
    assert curve.weights.sum() == seen.sum()
