"""What is told of a period. Rule: plain values; a figure without an interval has None for its ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftd.engine.performance_columns import Columns
from driftd.performance import metrics
from driftd.performance.correction import Figure
from driftd.performance.estimate import Estimates
from driftd.performance.expected import Expected
from driftd.performance.layout import Kind
from driftd.performance.maturity import Maturity, PeriodReport
from driftd.performance.periods import Periods

Told: TypeAlias = tuple[float, float | None, float | None]
"""Value, low, high."""
WHY: Final[Mapping[str, str]] = {
    "open": "it is not over",
    "few_labels": "too few labels",
    "early": "most of its labels are still to come",
    "labels_missing": "less than half of the labels that were to be expected have come",
    "delays_unknown": "how long labels take is not known yet",
}
"""Why a period is not judged (`driftd.performance.maturity.Immature`), in words."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learned of what is to be expected: `labels`, of periods from `start_ms` to before `end_ms`."""

    labels: float
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class PeriodStatus:
    """One period: from `start_ms` to before `end_ms`, by the times of predictions.

    `share_final`: the share of its predictions that is expected ever to have a label, `share_of_final`: how many of
    these are here; None where it is not known. `as_labelled` is what the labels so far say, `figures` are the same
    corrected for who is labelled early; none where `immature` says why the period is not judged. `estimated` is what
    was to be expected without its labels, by what `calibrated` says; `segments` are parts of it by name.
    """

    start_ms: int
    end_ms: int
    predictions: int
    labels: int
    immature: str | None
    figures: Mapping[str, Told]
    share_final: float | None = None
    share_of_final: float | None = None
    as_labelled: Mapping[str, float] = field(default_factory=dict)
    estimated: Mapping[str, Told] = field(default_factory=dict)
    calibrated: Calibration | None = None
    segments: Mapping[str, "PeriodStatus"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelPerformance:
    """The periods of a model; `refused` are predictions, labels and scores that were not counted, by reason.

    `other_segments` are predictions of segments that are too many to have figures of their own. `costs_unmet` are the
    classes of `labels.cost` that no prediction and no label of these periods was.
    """

    name: str
    version: str | None
    periods: tuple[PeriodStatus, ...]
    refused: Mapping[str, int]
    other_segments: int
    costs_unmet: tuple[str, ...] = ()


def period_status(
    report: PeriodReport,
    expected: Expected | None = None,
    calibrated: Calibration | None = None,
    segments: Mapping[str, PeriodStatus] | None = None,
    costs: NDArray[np.float64] | None = None,
) -> PeriodStatus:
    """The status of what `report` knows of a period; `expected` of it was what is `calibrated`."""
    figures = {name: told(figure) for name, figure in report.corrected.items() if report.mature}
    if "cost" in figures:
        figures["cost_total"] = _times(figures["cost"], report.predictions)
    estimated = {} if expected is None else {name: told(f) for name, f in expected.figures.items()}
    if expected is not None and expected.confusion is not None and costs is not None:
        estimated["estimated_cost"] = (metrics.cost(expected.confusion, costs).item(), None, None)
    return PeriodStatus(
        report.start_ms,
        report.end_ms,
        report.predictions,
        report.labels,
        None if report.immature is None else report.immature.value,
        _known(figures),
        _number(report.share_final),
        _number(report.share_of_final),
        {name: float(value) for name, value in report.as_labelled.items() if not isnan(value)},
        _known(estimated),
        calibrated if estimated else None,
        segments or {},
    )


def told(figure: Figure) -> Told:
    """A figure with its interval, as far as there is one."""
    return figure.value, _number(figure.low), _number(figure.high)


def calibration(estimates: Estimates, period_ms: int) -> Calibration | None:
    """What was learned so far; None if nothing was."""
    if estimates.learned_between is None:
        return None
    first, last = estimates.learned_between
    return Calibration(estimates.learned_labels, first * period_ms, (last + 1) * period_ms)


def _known(figures: Mapping[str, Told]) -> dict[str, Told]:
    return {name: figure for name, figure in figures.items() if not isnan(figure[0])}


def _times(figure: Told, factor: float) -> Told:
    value, low, high = figure
    return value * factor, None if low is None else low * factor, None if high is None else high * factor


def _number(value: float) -> float | None:
    return None if isnan(value) else value


@dataclass(frozen=True, slots=True)
class Counted:
    """All that is counted of a model by period; of texts there are no `estimates`."""

    periods: Periods
    estimates: Estimates | None
    columns: Columns


def period_statuses(
    counted: Counted, cost: Mapping[str, Mapping[str, float]], now_ms: int, *, by_segment: bool
) -> tuple[PeriodStatus, ...]:
    """The periods held, in order of time, as they are known at `now_ms`, each by segment too if `by_segment`."""
    periods, estimates, columns = counted.periods, counted.estimates, counted.columns
    if not periods.held.rows:
        return ()
    costs = columns.costs(cost, periods.whole.layout.classes)
    maturity = Maturity(periods, now_ms, costs)
    learned = None if estimates is None else calibration(estimates, periods.settings.period_ms)
    told: list[PeriodStatus] = []
    for number in periods.held.numbers:
        expected = None if estimates is None or learned is None else estimates.expected([number])
        codes = sorted(code for one, code in periods.segment_rows if one == number) if by_segment else []
        segments = {columns.segment_name(code): period_status(maturity.of([number], code)) for code in codes}
        told.append(period_status(maturity.of([number]), expected, learned, segments, costs))
    return tuple(told)


def costs_unmet(counted: Counted, cost: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """The classes that a table of costs names, and that no prediction and no label was in the periods held."""
    periods, codes = counted.periods, counted.columns.codes.codes
    rows = list(periods.held.rows.values())
    if not rows or counted.columns.kind is not Kind.CLASSES:
        return ()
    made, pairs = periods.whole.field("made")[rows], periods.whole.field("pairs")[rows]
    met = dict(enumerate((made.sum(axis=(0, 1)) + pairs.sum(axis=(0, 1))).tolist()))
    names = dict.fromkeys(name for predicted, row in cost.items() for name in (predicted, *row))
    # a name that a table has had since the last start only has no code
    return tuple(name for name in names if not met.get(codes.get(name, -1)))
