"""How a model did in a period, and whether that can be said yet. Rule: no verdict on what is immature.

What is said of a period comes three ways: as its labels so far say (`as_labelled`: too dark where bad ones are labelled
first), corrected for who is labelled early (`corrected`, see `correction.py`), and how much is still to come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.performance import metrics
from driftd.performance.codes import OTHER, UNLIKE
from driftd.performance.correction import Figure, Strata, Sums, confusion, mean_figure
from driftd.performance.delays import Delays, final_shares, learned_delays, mean_shares
from driftd.performance.exact import ERROR, LOSS
from driftd.performance.layout import WEIGHT_ONE, Kind, Stratum
from driftd.performance.periods import Periods
from driftd.performance.tally import Tally

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LABELS_MIN: Final = 100.0
"""Labels, as if equally weighted, below which a period is not judged."""
SHARE_MIN: Final = 0.1
"""The share of its labels that a period has at least, where it is judged, and of each stratum that matters."""
UNKNOWN_MAX: Final = 0.05
"""A stratum that makes up no more than this does not matter."""
COMPLETE_SHARE: Final = 0.95
"""The share of its labels from which a period is as good as fully labelled."""
MISSING_SHARE: Final = 0.5
"""Of the labels expected by now: with fewer, and not by chance, delays are not those of the past."""
MISSING_DEVIATIONS: Final = 5.0
SHARE_FLOOR: Final = 1e-3
"""No label stands for more than 1,000: one that came sooner than any before would stand for infinitely many."""


class Immature(StrEnum):
    """Why a period is not judged."""

    OPEN = "open"  # it is not over
    FEW_LABELS = "few_labels"
    EARLY = "early"  # most of its labels, or of those of a stratum, are still to come
    LABELS_MISSING = (
        "labels_missing"  # less than half of what the delays of the past promise: they no longer hold
    )
    DELAYS_UNKNOWN = "delays_unknown"  # how long labels take is not yet known, of all or of a stratum


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """What is known of a period, or of several: from `start_ms` to before `end_ms`, by the times of predictions.

    `share_final`: the share of predictions that is expected ever to have a label. `share_of_final`: how many of
    these labels are here. `events`: as how many equally weighted labels `corrected` is.
    """

    start_ms: int
    end_ms: int
    predictions: int
    labels: int
    share_final: float
    share_of_final: float
    events: float
    as_labelled: Mapping[str, float]
    corrected: Mapping[str, Figure]
    immature: Immature | None

    @property
    def mature(self) -> bool:
        """Whether it can be judged."""
        return self.immature is None

    @property
    def complete(self) -> bool:
        """Whether as good as all labels are here."""
        return self.mature and self.share_of_final >= COMPLETE_SHARE


class Maturity:
    """All that can be said of `periods` at a moment; delays are learned once."""

    def __init__(self, periods: Periods, now_ms: int, costs: Floats | None = None) -> None:
        """`costs` (codes, codes): see `metrics.cost_matrix`."""
        self.periods, self.now_ms = periods, now_ms
        self.costs = costs
        settings = periods.settings
        ages = [now_ms - (number + 1) * settings.period_ms for number in periods.held.numbers]
        # of those that are held no longer; before there are such, so old an age was never seen
        ages.append((settings.periods_max - 1) * settings.period_ms if periods.periods_evicted else 0)
        counts = {name: self._with_past(name) for name in ("delays", "delays_predicted")}
        made = np.concatenate([self._rows("made").sum(axis=1), periods.past.field("made").sum(axis=1)])
        ages_ms = np.array(ages, np.int64)
        self.delays: Delays = learned_delays(counts["delays"], ages_ms)
        self.final: Floats = final_shares(made, counts["delays_predicted"], ages_ms)

    def report(self) -> list[PeriodReport]:
        """Of each period that is held, in order of time."""
        return [self.of([number]) for number in self.periods.held.numbers]

    def between(self, start_ms: int, end_ms: int, segment: int | None = None) -> PeriodReport | None:
        """Of all periods that lie between `start_ms` and `end_ms` together; None where none does."""
        length = self.periods.settings.period_ms
        numbers = [
            n for n in self.periods.held.numbers if start_ms <= n * length and (n + 1) * length <= end_ms
        ]
        return self.of(numbers, segment) if numbers else None

    def segments(self, start_ms: int, end_ms: int) -> dict[int, PeriodReport]:
        """As `between`, by the code of a segment."""
        codes = sorted({segment for _, segment in self.periods.segment_rows})
        reports = {code: self.between(start_ms, end_ms, code) for code in codes}
        return {code: report for code, report in reports.items() if report is not None}

    def of(self, numbers: Sequence[int], segment: int | None = None) -> PeriodReport:
        """Of some periods that are held, at least one, together; of one segment of them, where it is given."""
        tally = self._tally(numbers, segment)
        made = tally.field("made").sum(axis=1)
        weights = tally.field("weights") / WEIGHT_ONE
        shares, errors = self._shares(numbers)
        strata = self._strata(tally, made, shares[:, :-1], errors[:, :-1])
        corrected = confusion(weights, strata)
        length = self.periods.settings.period_ms
        merged = Tally(tally.layout)
        merged.counts[0] = tally.counts.sum(axis=0)
        final = self._final(made.sum(axis=0))
        expected = float(corrected.values.sum())
        labels, predictions = int(merged.field("pairs").sum()), int(made.sum())
        by_now = float((made.sum(axis=1) * shares[:, -1]).sum()) * final
        missing = labels < MISSING_SHARE * by_now and labels < by_now - MISSING_DEVIATIONS * sqrt(by_now)
        share = float(weights.sum()) / expected if expected else 0.0
        if self.periods.settings.stratum is Stratum.PREDICTED:
            share = labels / (predictions * final) if predictions and final > 0 else 0.0
        return PeriodReport(
            min(numbers) * length,
            (max(numbers) + 1) * length,
            predictions,
            labels,
            final,
            min(share, 1.0),
            corrected.events,
            metrics.figures_of(merged, 0, self.costs),
            self._figures(tally, weights, strata),
            self._immature(max(numbers), strata, weights, made, corrected.events, share, missing),
        )

    def _rows(self, name: str) -> Ints:
        held = self.periods.held
        return self.periods.whole.field(name)[[held.rows[number] for number in held.numbers]]

    def _with_past(self, name: str) -> Ints:
        return np.concatenate([self._rows(name), self.periods.past.field(name)])

    def _tally(self, numbers: Sequence[int], segment: int | None) -> Tally:
        periods = self.periods
        if segment is None:
            return periods.whole.selected([periods.held.rows[number] for number in numbers])
        found = [periods.segment_rows.get((number, segment)) for number in numbers]
        tally = Tally(periods.parts.layout, len(numbers))
        for index, row in enumerate(found):
            if row is not None:
                tally.counts[index] = periods.parts.counts[row]
        return tally

    def _final(self, made: Ints) -> float:
        """The share of predictions, `made` (codes,) by predicted class, that will have labels."""
        shares = np.where(np.isnan(self.final[:-1]), self.final[-1], self.final[:-1])
        total = made.sum()
        return float((shares * made).sum() / total) if total else float("nan")

    def _shares(self, numbers: Sequence[int]) -> tuple[Floats, Floats]:
        """The share of labels that came of each period, and its error: of each stratum, and last of all."""
        periods = self.periods
        slices = periods.whole.field("made")[[periods.held.rows[number] for number in numbers]].sum(axis=2)
        length = periods.settings.period_ms
        starts = [number * length for number in numbers]
        return mean_shares(self.delays, slices, starts, length, self.now_ms)

    def _strata(self, tally: Tally, made: Ints, came: Floats, errors: Floats) -> Strata:
        layout, settings = tally.layout, self.periods.settings
        weight = self._weights_by_stratum(tally)
        kish = np.where(
            weight > 0, tally.field("weight_squares") / WEIGHT_ONE / np.maximum(weight, 1e-300), 1.0
        )
        label = np.tile(np.arange(layout.codes), (layout.codes, 1))
        of_cell = label
        if settings.stratum is Stratum.OUTCOME:
            of_cell = 2 * label + np.eye(layout.codes, dtype=np.int64)
        if settings.stratum is Stratum.PREDICTED:
            of_cell = label.T.copy()
            of_cell[UNLIKE] = OTHER
            # what was predicted is known of all, labelled or not
            pairs = tally.field("pairs").sum(axis=2)
            pairs[:, OTHER] += pairs[:, UNLIKE]
            shares = np.where(made > 0, np.minimum(pairs / np.maximum(made, 1), 1.0), 1.0)
            return Strata(np.maximum(shares, SHARE_FLOOR), np.zeros(shares.shape), kish, of_cell)
        return Strata(np.maximum(came, SHARE_FLOOR), errors, kish, of_cell)

    def _weights_by_stratum(self, tally: Tally) -> Floats:
        """The weight of the labels of each stratum, (periods, strata)."""
        stratum = self.periods.settings.stratum
        weights: Floats = tally.field("weights") / WEIGHT_ONE
        if stratum is Stratum.PREDICTED:
            sums: Floats = weights.sum(axis=2)
            sums[:, OTHER] += sums[:, UNLIKE]
            return sums
        labels: Floats = weights.sum(axis=1)
        if stratum is Stratum.LABEL:
            return labels
        right = np.diagonal(weights, axis1=1, axis2=2)
        if tally.layout.kind is Kind.TEXTS:
            right = labels - tally.field("wrong").reshape(len(weights), -1, 2).sum(axis=2) / WEIGHT_ONE
        if tally.layout.kind is Kind.NUMBERS:
            right = np.zeros_like(labels)
        return np.stack([labels - right, right], axis=2).reshape(len(weights), -1)

    def _figures(self, tally: Tally, weights: Floats, strata: Strata) -> dict[str, Figure]:
        kind = tally.layout.kind
        if kind is Kind.CLASSES:
            corrected = confusion(weights, strata)
            figures = {
                "accuracy": corrected.figure(metrics.accuracy),
                "balanced_accuracy": corrected.figure(metrics.balanced_accuracy),
                "f1_macro": corrected.figure(metrics.f1_macro),
            }
            if self.costs is not None:
                costs = self.costs
                figures["cost"] = corrected.figure(lambda cells: metrics.cost(cells, costs), is_share=False)
            scored = tally.field("scored") / WEIGHT_ONE
            for name in ("log_loss", "brier"):
                total, squares = (LOSS.totals(tally.field(field)) for field in (name, f"{name}_squares"))
                figures[name] = mean_figure(Sums(total, scored, squares, total, scored), strata)
            return figures
        weight = self._weights_by_stratum(tally)
        if kind is Kind.NUMBERS:
            errors, squares, bias = (
                ERROR.totals(tally.field(name)) for name in ("errors", "squares", "bias")
            )
            return {
                "mae": mean_figure(Sums(errors, weight, squares, errors, weight), strata),
                "bias": mean_figure(Sums(bias, weight, squares, bias, weight), strata),
            }
        wrong = tally.field("wrong") / WEIGHT_ONE
        names = ("substitutions", "insertions", "deletions")
        edits = np.sum([tally.field(name) for name in names], axis=0) / WEIGHT_ONE
        squares, products, lower = (
            tally.field(name) / WEIGHT_ONE for name in ("edits_squares", "edits_words", "words_squares")
        )
        words = tally.field("words") / WEIGHT_ONE
        return {
            "word_error_rate": mean_figure(Sums(edits, words, squares, products, lower), strata),
            "sentence_error": mean_figure(Sums(wrong, weight, wrong, wrong, weight), strata, is_share=True),
        }

    def _immature(
        self,
        last: int,
        strata: Strata,
        weights: Floats,
        made: Ints,
        events: float,
        share: float,
        missing: bool,
    ) -> Immature | None:
        if self.now_ms < (last + 1) * self.periods.settings.period_ms:
            return Immature.OPEN
        if missing:
            return Immature.LABELS_MISSING
        if events < LABELS_MIN:
            return Immature.FEW_LABELS
        if self.periods.settings.stratum is Stratum.PREDICTED:
            unseen = made[strata.shares[:, : made.shape[1]] <= SHARE_FLOOR].sum() / made.sum()
            return Immature.EARLY if share < SHARE_MIN or unseen > UNKNOWN_MAX else None
        expected = np.bincount(
            np.broadcast_to(strata.of_cell, weights.shape).ravel(),
            (weights / strata.shares[:, strata.of_cell]).ravel(),
            strata.shares.shape[1],
        )
        matters = expected > UNKNOWN_MAX * expected.sum()
        if not self.delays.settled[-1] or (matters & ~(self.delays.learned & self.delays.settled[:-1])).any():
            return Immature.DELAYS_UNKNOWN
        if share < SHARE_MIN or (strata.shares.min(axis=0)[matters] < SHARE_MIN).any():
            return Immature.EARLY
        return None
