"""Sums that are exact, weights that fit, codes that are bounded."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.performance.codes import MISSING, OTHER, Codes
from driftd.performance.counting import weight_squares
from driftd.performance.exact import ERROR, LOSS
from driftd.performance.layout import WEIGHT_ONE


@given(st.lists(st.floats(-1e17, 1e17), max_size=30))
def test_an_exact_sum_is_rounded_once(values: list[float]) -> None:
    import math  # noqa: PLC0415 - the oracle's own

    limbs = np.zeros(ERROR.count, np.int64)
    for limb, part in ERROR.split(np.array(values, np.float64)):
        limbs[limb] += part.sum()
    large = [value for value in values if value == 0 or abs(value) > 1e-20]
    assert ERROR.totals(limbs).item() == pytest.approx(math.fsum(large), rel=1e-15, abs=1e-18)


def test_codes_are_bounded_and_come_back() -> None:
    codes = Codes(2)
    assert codes.of(["b", None, "a", "b", "c"]).tolist() == [2, MISSING, 3, 2, OTHER]
    again = Codes.from_json(json.loads(json.dumps(codes.to_json())))
    assert again.of(["a", "c"]).tolist() == [3, OTHER]
    assert (again.names, again.overflown) == (("b", "a"), 2)


def test_squares_of_weights_are_right_where_64_bits_are_not_enough() -> None:
    weights = np.array([0, 1, 65_536, 98_304, 2**32, 2**32 - 1], np.int64)
    assert weight_squares(weights).tolist() == [int(weight) ** 2 // WEIGHT_ONE for weight in weights.tolist()]


def test_a_loss_is_as_exact_as_its_limbs() -> None:
    assert LOSS.totals(np.array([[1, 0, 0], [0, 0, 3]])).tolist() == [2.0**-48, 3.0]
