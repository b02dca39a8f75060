"""What to expect of predictions that have no labels yet. Rule: it is called estimated or expected, never accuracy.

Classes: how often a prediction of a class with such a score was right in the labelled past, by bins of the score and
made to rise with it (isotonic regression), times how often it is predicted with such a score now: confidence-based
performance estimation (CBPE of NannyML; Guillory et al. 2021, "Predicting with Confidence on Unseen Distributions").
What is wrong is expected to be of the classes that it was in the past; of two classes that assumes nothing.
Numbers: the mean loss of predictions of such a size in the labelled past (NannyML's direct loss estimation, DLE, fits
a second model to all features for it; a few dozen bins of the prediction are bounded, and know less).

Both hold while inputs move and the concept stays. Where labels then say otherwise, beyond the errors of both, the
concept has changed: `divergence`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance import metrics
from driftd.performance.codes import OTHER, UNLIKE
from driftd.performance.correction import NOTHING, Figure, plain_figure, share_figure
from driftd.performance.exact import ERROR
from driftd.performance.isotonic import rising
from driftd.performance.layout import WEIGHT_ONE
from driftd.performance.maturity import PeriodReport
from driftd.performance.tally import Tally

Floats = NDArray[np.float64]

UNKNOWN_MAX: Final = 0.05
"""Where more of the predictions are of a kind without labels in the past, nothing is expected of a period."""
ESTIMATE_OF: Final = {
    "accuracy": "estimated_accuracy",
    "balanced_accuracy": "estimated_balanced_accuracy",
    "f1_macro": "estimated_f1_macro",
    "mae": "expected_mae",
    "rmse": "expected_rmse",
}
"""By the name of what labels say, the name of what is expected of it."""


class Source(StrEnum):
    """Where a figure comes from."""

    REALISED = "realised"  # from labels, corrected
    ESTIMATED = "estimated"  # from scores or sizes of predictions
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be expected of periods.

    `figures` by name (see ESTIMATE_OF); the first of each kind, estimated_accuracy and expected_mae, has an interval.
    `learned_error`: the part of its error that comes from what was learned. `unknown`: the share of predictions of
    a kind without labels in the past. `confusion` (codes, codes): the expected one, of classes.
    """

    predictions: int
    figures: Mapping[str, Figure]
    learned_error: float
    unknown: float
    confusion: Floats | None = None


def expected_classes(made: Floats, learned: Tally) -> Expected:
    """What to expect of predictions `made` (codes, CONFIDENCE_BINS), by what was `learned`."""
    seen, right, wrong = (learned.field(name)[0] / WEIGHT_ONE for name in ("seen", "right", "wrong"))
    confusion = np.zeros(wrong.shape)
    unknown, outcome, learning = 0.0, 0.0, 0.0
    for code in np.flatnonzero(made.sum(axis=1)).tolist():
        if not seen[code].sum() > 0:
            unknown += made[code].sum()
            continue
        pool_made, rates, pool_seen = _pools(made[code], right[code], seen[code])
        hits = float((pool_made * rates).sum())
        outcome += float((pool_made * rates * (1 - rates)).sum())
        # a pool that was always right is not known to be so: one more of each (Laplace)
        careful = (rates * pool_seen + 1) / (pool_seen + 2)
        learning += float((pool_made**2 * careful * (1 - careful) / pool_seen).sum())
        row = wrong[code] / max(wrong[code].sum(), 1e-300) * (made[code].sum() - hits)
        if code == OTHER:  # wrong, although neither has a code
            confusion[UNLIKE, OTHER], row[OTHER] = row[OTHER], 0.0
        confusion[code] += row
        confusion[code, code] += hits
    total = float(made.sum())
    known = total - unknown
    if not known > 0 or unknown > UNKNOWN_MAX * total:
        return Expected(int(total), {}, nan, unknown / total if total else 0.0)
    estimated = share_figure(metrics.accuracy(confusion).item(), (outcome + learning) / known**2, known)
    figures = {"estimated_accuracy": estimated}
    for name, metric in (("balanced_accuracy", metrics.balanced_accuracy), ("f1_macro", metrics.f1_macro)):
        figures[f"estimated_{name}"] = Figure(metric(confusion).item(), nan, nan, nan)
    return Expected(int(total), figures, sqrt(learning) / known, unknown / total, confusion)


def _pools(made: Floats, right: Floats, seen: Floats) -> tuple[Floats, Floats, Floats]:
    """Of one predicted class, per pool of bins with one rate: predictions made, the rate, labels it was learned from.

    What has no score has a rate of its own; where there are labels of the one sort only, they stand for the other.
    """
    without, scored = seen[0], seen[1:].sum()
    if not scored > 0 or (made[0] > 0 and not without > 0):
        everything = np.array([seen.sum()])
        return np.array([made.sum()]), np.array([right.sum()]) / everything, everything
    curve = rising(right[1:], seen[1:])
    pools = np.bincount(curve.pools, made[1:], len(curve.weights)).astype(np.float64)
    first = np.unique(curve.pools, return_index=True)[1]
    rates = curve.rates[first]
    if not without > 0:
        return pools, rates, curve.weights
    return (
        np.concatenate([[made[0]], pools]),
        np.concatenate([[right[0] / without], rates]),
        np.concatenate([[without], curve.weights]),
    )


def expected_numbers(made: Floats, learned: Tally) -> Expected:
    """What to expect of predictions `made` (codes,) by their bins, by what was `learned`."""
    seen = learned.field("seen")[0] / WEIGHT_ONE
    errors, squares = (ERROR.totals(learned.field(name)[0]) for name in ("errors", "squares"))
    known = (seen > 0) & (made > 0)
    total, usable = float(made.sum()), float(made[known].sum())
    unknown = 1 - usable / total if total else 0.0
    if not usable > 0 or unknown > UNKNOWN_MAX:
        return Expected(int(total), {}, nan, unknown)
    share = made[known] / usable
    mean, square = errors[known] / seen[known], squares[known] / seen[known]
    spread = np.maximum(square - mean * mean, 0.0)
    learning = float((share * share * spread / seen[known]).sum())
    outcome = float((share * spread).sum()) / usable
    figures = {
        "expected_mae": plain_figure(float((share * mean).sum()), outcome + learning),
        "expected_rmse": Figure(sqrt(float((share * square).sum())), nan, nan, nan),
    }
    return Expected(int(total), figures, sqrt(learning), unknown)


@dataclass(frozen=True, slots=True)
class Divergence:
    """What labels say of a period against what was expected of it, by the figure `name`: accuracy or mae.

    `error` is the standard one of `realised`, `learned_error` that of what `expected` was learned from, which all
    periods share.
    """

    name: str
    expected: float
    realised: float
    error: float
    learned_error: float

    @property
    def deviations(self) -> float:
        """How far what labels say is above, in standard errors of both; without a change of concept standard normal."""
        return (self.realised - self.expected) / hypot(self.error, self.learned_error)

    @property
    def worse(self) -> float:
        """By how much the model does worse than expected."""
        rise = self.realised - self.expected
        return -rise if self.name == "accuracy" else rise


def divergence(report: PeriodReport, expected: Expected) -> Divergence | None:
    """How what labels say of a period differs from what was expected of it; None where one says nothing."""
    for name in ("accuracy", "mae"):
        realised, estimated = report.corrected.get(name), expected.figures.get(ESTIMATE_OF[name])
        if realised is None or estimated is None or not report.mature:
            continue
        error = realised.error
        if name == "accuracy":
            # where nothing went wrong so far, the labels alone make their error too small
            chance = estimated.value * (1 - estimated.value) / max(report.events, 1.0)
            error = max(error, sqrt(max(chance, 0.0)))
        if hypot(error, expected.learned_error) > 0:
            return Divergence(name, estimated.value, realised.value, error, expected.learned_error)
    return None


def best_known(report: PeriodReport, expected: Expected, name: str) -> tuple[Source, Figure]:
    """A figure of a period: what labels say as soon as it is mature, before that what is expected of it.

    `name` is that of what labels say: accuracy, balanced_accuracy, f1_macro, mae, rmse.
    """
    if report.mature and name in report.corrected:
        return Source.REALISED, report.corrected[name]
    estimated = expected.figures.get(ESTIMATE_OF.get(name, name))
    return (Source.NONE, NOTHING) if estimated is None else (Source.ESTIMATED, estimated)
