"""What is bet on when labels come otherwise. Rule: against what predictions, and the ages of labels, lead to expect.

- rate: labels in a window are Poisson around what is expected; bet is on RATES of it;
- delay: the ages of the labels that came, given how many; bet is on the older ones, by TILTS per octave;
- corrections: Poisson around what predictions of their age lead to expect; bet is on that times FACTORS.

Each is divided by its scatter in the reference: labels that come in batches are no surprise where they always did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.maturity import AGES, PER_OCTAVE
from driftd.labelling.stakes import ERRORS
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json

RATES: Final = np.array([0.03, 0.25, 0.5, 0.75])
TILTS: Final = np.array([0.4, 0.9, 1.8])
FACTORS: Final = np.array([1.6, 3.0, 8.0])
RATE_BETS: Final = slice(0, 4)
DELAY_BETS: Final = slice(4, 7)
CORRECTION_BETS: Final = slice(7, 10)
BETS: Final = 10
OCTAVES_MAX: Final = 3.0
"""Beyond so many octaves from the mean one label is no older than old."""
AGE_FLOOR: Final = 1e-4
"""The least probability of an age: what the reference never saw may be rare."""
TOLERANCES: Final = (0.05, 0.3)
"""So much less than expected is never bet on, and at most so much is tolerated where the reference is short."""
LENGTHS: Final = (1, 4, 16)
"""Windows are taken together so, to see how they scatter: labels come by the day, and by the batch."""
BLOCKS_MIN: Final = 8

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """What came in a window of time, and what was expected: first labels by age (AGES,), and corrections."""

    came: NDArray[np.int64]
    expected: Numbers
    corrections: int
    expected_corrections: float


@dataclass(frozen=True, slots=True)
class StreamNull:
    """How labels come while nothing is wrong.

    `level`, `correction_level`: how many came for each one that was expected. `correction_share`: corrections per
    first label. `scatter`: of rate, delay, corrections. `labels` is what it was learned from.
    """

    level: float
    correction_level: float
    correction_share: float
    scatter: tuple[float, float, float]
    labels: int

    def wins(self, window: Window) -> tuple[Numbers, Numbers]:
        """Logs of what each bet wins, and the labels staked on it, (BETS,) both."""
        mean, came = float(window.expected.sum()) * self.level, int(window.came.sum())
        rate_scatter, delay_scatter, correction_scatter = self.scatter
        tolerance = np.clip(ERRORS * np.sqrt(rate_scatter / self.labels), *TOLERANCES)
        # fewer than that much less is what is bet on: a rate in between would win nothing
        low = mean * (1 - tolerance)
        rates = np.minimum(RATES / (1 - tolerance), 0.95)
        rate = (came * np.log(rates) + low * (1 - rates)) / rate_scatter
        p, scores = ages(window.expected)
        deviation = np.sqrt(p @ scores**2)
        error = ERRORS * deviation * np.sqrt(delay_scatter / self.labels)
        price = np.log(np.exp(TILTS[:, None] * scores) @ p) + TILTS * error
        delay = (TILTS * float(window.came @ scores) - came * price) / delay_scatter
        # the error of the reference, in corrections per label
        share, independent = self.correction_share, self.labels / correction_scatter
        error = ERRORS * np.sqrt(share / independent) + ERRORS**2 / 2 / independent
        high = window.expected_corrections * self.correction_level + error * mean
        corrections = window.corrections * np.log(FACTORS) - high * (FACTORS - 1)
        staked = np.repeat([mean / 4, came / 3, mean / 3], [4, 3, 3]) / 3
        if mean <= 0:
            delay = np.zeros(3)
            staked[DELAY_BETS] = 0.0
        return np.concatenate([rate, delay, corrections / correction_scatter]), staked


def window_to_json(window: Window) -> list[object]:
    """A window as JSON."""
    return [
        array_to_json(window.came),
        array_to_json(window.expected),
        window.corrections,
        window.expected_corrections,
    ]


def window_from_json(document: Sequence[Any]) -> Window:
    """The window of `window_to_json`."""
    came, expected, corrections, due = document
    return Window(integers_from_json(came), floats_from_json(expected), corrections, due)


def ages(expected: Numbers) -> tuple[Numbers, Numbers]:
    """The probability of each age, and octaves from the mean one, (AGES,) both."""
    p = expected / max(float(expected.sum()), 1e-12) + AGE_FLOOR
    p = p / p.sum()
    octaves = np.arange(AGES) / PER_OCTAVE
    scores = np.clip(octaves - p @ octaves, -OCTAVES_MAX, OCTAVES_MAX)
    return p, np.asarray(scores - p @ scores, np.float64)


def learned_null(windows: list[Window]) -> StreamNull:
    """The null of a reference's windows."""
    came = np.array([window.came.sum() for window in windows], np.float64)
    expected = np.array([window.expected.sum() for window in windows])
    corrections = np.array([window.corrections for window in windows], np.float64)
    expected_corrections = np.array([window.expected_corrections for window in windows])
    level = float(came.sum() / max(float(expected.sum()), 1e-9))
    correction_level = float((corrections.sum() + 0.5) / (float(expected_corrections.sum()) + 0.5))
    share = float((corrections.sum() + 0.5) / (came.sum() + 1))
    scored, varied = np.zeros(len(windows)), np.zeros(len(windows))
    for i, window in enumerate(windows):
        p, scores = ages(window.expected)
        scored[i] = float(window.came @ scores)
        varied[i] = came[i] * float(p @ scores**2)
    scatter = (
        _scatter(came - level * expected, level * expected),
        _scatter(scored, varied),
        _scatter(
            corrections - correction_level * expected_corrections, correction_level * expected_corrections
        ),
    )
    return StreamNull(level, correction_level, share, scatter, max(int(came.sum()), 1))


def _scatter(deviations: Numbers, variances: Numbers) -> float:
    """The variance of `deviations` over that of independent labels, in blocks of any of LENGTHS; at least 1."""
    worst = 1.0
    for length in LENGTHS:
        blocks = len(deviations) // length
        if blocks < BLOCKS_MIN:
            break
        sums = deviations[: blocks * length].reshape(blocks, length).sum(axis=1)
        worst = max(worst, float((sums**2).sum() / max(float(variances[: blocks * length].sum()), 1e-9)))
    return worst
