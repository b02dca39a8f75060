"""How far counts are from a reference, in numbers. Rule: of counts in coarse bins, and never infinite.

Sources: Population Stability Index as twice the symmetrised Kullback-Leibler divergence, asymptotically
chi-square (Yurdakul and Naranjo, "Statistical properties of the population stability index", 2020);
Lin, "Divergence measures based on the Shannon entropy", 1991; the two-sample Kolmogorov-Smirnov bound
by Smirnov's asymptotic tail 2 exp(-2 x^2).
"""

from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.layout import COARSE
from driftd.reference.profile import PSEUDO_COUNT, Profile

IN_ORDER: Final = np.array([COARSE.below, *range(COARSE.values), COARSE.above])


def distances(
    counts: NDArray[np.int64], profile: Profile, cumulative: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """PSI, Jensen-Shannon distance (base 2) and KS distance of coarse `counts` (s, 20): (s,) each.

    `cumulative` (s, 20) are the reference's cumulative probabilities in the order of the values. Missing and
    invalid values are left out; an empty bin counts as half an event, so nothing is infinite.
    """
    possible, reference, total = profile.possible, profile.probabilities, np.add.reduce
    smooth = (counts + PSEUDO_COUNT * (counts == 0)) * possible
    shares = smooth / np.maximum(total(smooth, axis=1, keepdims=True), 1e-12)
    safe_shares, safe_reference = np.where(possible, shares, 1.0), np.where(possible, reference, 1.0)
    psi = total((shares - reference) * np.log(safe_shares / safe_reference), axis=1)
    middle = (safe_shares + safe_reference) / 2
    js_bits = (
        total(shares * np.log2(safe_shares / middle), axis=1)
        + total(reference * np.log2(safe_reference / middle), axis=1)
    ) / 2
    exact = counts * possible
    exact_shares = exact / np.maximum(total(exact, axis=1, keepdims=True), 1)
    ks = np.maximum.reduce(np.abs(in_order(exact_shares).cumsum(axis=1) - cumulative), axis=1)
    return psi, np.sqrt(np.maximum(js_bits, 0.0)), ks


def in_order(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns in the order of the values: below the range first, above it last; the rest left out."""
    return rows[:, IN_ORDER]


def ratio(value: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """How many times `value` is `least`; infinitely many times 0."""
    return value / least if least > 0 else np.full_like(value, np.inf)


def chi_square_limit(freedom: int, p_value: float) -> float:
    """The value that chi-square with `freedom` degrees exceeds with probability `p_value`.

    Wilson and Hilferty, "The distribution of chi-square", 1931: accurate to a per cent far into the tail.

    >>> round(chi_square_limit(10, 0.05), 1)
    18.3
    """
    spread = 2 / (9 * freedom)
    return float(freedom * max(1 - spread - NormalDist().inv_cdf(p_value) * sqrt(spread), 0.0) ** 3)
