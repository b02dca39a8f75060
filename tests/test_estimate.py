"""What is expected without labels: near while inputs move, wrong where the concept changes, and then told so."""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.performance import metrics
from driftd.performance.codes import FIRST, OTHER
from driftd.performance.correction import Figure
from driftd.performance.estimate import Estimates
from driftd.performance.expected import Source, best_known, divergence
from driftd.performance.layout import Kind
from driftd.performance.maturity import Maturity
from driftd.performance.pairs import Counts, Pairs, Refused, class_pairs, number_pairs
from driftd.performance.periods import Periods, PeriodSettings
from late_labels import deviations

HOUR_MS = 3_600_000
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Scored:
    """n predictions of two classes, with scores that are too sure, and what is true."""

    at_ms: Ints
    predicted: Ints
    label: Ints
    scores: Floats

    def pairs(self, chosen: Any = slice(None)) -> Pairs:
        """The pairs of `chosen`."""
        cut = (self.predicted[chosen], self.label[chosen])
        return class_pairs(*cut, Counts(), scores=self.scores[chosen])


def scored(seed: int, hour: int, n: int, spread: float, turned: float = 0.0) -> Scored:
    """Predictions of one hour. `spread`: how clear cases are; `turned`: the share of labels that follow no score."""
    random = np.random.default_rng([seed, hour])
    odds = random.normal(0, spread, n)
    truth = 1 / (1 + np.exp(-odds))
    label = (random.random(n) < truth).astype(np.int64)
    label = np.where(random.random(n) < turned, random.integers(0, 2, n), label)
    said = 1 / (1 + np.exp(-3 * odds))  # three times as sure as it may be
    at_ms = hour * HOUR_MS + random.integers(0, HOUR_MS, n)
    return Scored(at_ms, (said > 0.5) + FIRST, label + FIRST, np.stack([1 - said, said], axis=1))


def learned(seed: int, options: PeriodSettings | None = None) -> tuple[Estimates, Periods]:
    """What is learned of twenty labelled hours of clear cases."""
    options = options or PeriodSettings()
    estimates, periods = Estimates(options), Periods(options)
    for hour in range(20):
        follow(estimates, periods, scored(seed, hour, 1000, 3.0))
        estimates.learn(hour)
    return estimates, periods


def follow(estimates: Estimates, periods: Periods, data: Scored, labels: bool = True) -> None:
    """Let both see an hour, with its labels at once."""
    estimates.predict(data.at_ms, data.predicted, data.scores)
    periods.predict(data.at_ms, data.predicted)
    if labels:
        estimates.label(data.at_ms, data.pairs())
        periods.label(data.at_ms, data.at_ms, data.pairs())


SEEDS = range(12)


def test_without_labels_the_estimate_follows_inputs_that_move() -> None:
    inside = []
    for seed in SEEDS:
        estimates, periods = learned(seed)
        data = scored(seed, 30, 2000, 0.8)  # harder cases now
        follow(estimates, periods, data, labels=False)
        truth = float(np.mean(data.predicted == data.label))
        past = Maturity(periods, 100 * HOUR_MS).of([*range(20)]).as_labelled["accuracy"]
        figure = estimates.expected([30]).figures["estimated_accuracy"]
        assert abs(past - truth) > 0.15, "the stream is not as hard as it should be"
        assert abs(float(data.scores.max(axis=1).mean()) - truth) > 0.05, "scores are as they should be"
        assert abs(figure.value - truth) < 0.05
        inside.append(truth in figure)
    assert np.mean(inside) >= 0.9


def test_where_the_concept_stays_the_divergence_is_that_of_chance() -> None:
    found = []
    for seed in SEEDS:
        estimates, periods = learned(seed)
        for hour in range(30, 34):
            follow(estimates, periods, scored(seed, hour, 1500, [0.8, 1.5, 3.0, 5.0][hour - 30]))
        maturity = Maturity(periods, 100 * HOUR_MS)
        found += [deviations(maturity.of([hour]), estimates.expected([hour])) for hour in range(30, 34)]
    assert max(map(abs, found)) < 3.5
    assert 0.6 < np.std(found) < 1.4


def test_where_the_concept_changes_labels_and_estimate_diverge() -> None:
    for seed in SEEDS:
        estimates, periods = learned(seed)
        follow(estimates, periods, scored(seed, 30, 2000, 3.0, turned=0.2))
        report = Maturity(periods, 100 * HOUR_MS).of([30])
        assert deviations(report, estimates.expected([30])) < -5


def test_the_estimate_is_replaced_by_labels_that_are_mature() -> None:
    estimates, periods = learned(0)
    data = scored(0, 30, 2000, 3.0)
    follow(estimates, periods, data, labels=False)
    before = Maturity(periods, 100 * HOUR_MS).of([30])
    source, figure = best_known(before, estimates.expected([30]), "accuracy")
    assert source is Source.ESTIMATED
    assert figure == estimates.expected([30]).figures["estimated_accuracy"]
    assert divergence(before, estimates.expected([30])) is None
    periods.label(data.at_ms, data.at_ms, data.pairs())
    after = Maturity(periods, 100 * HOUR_MS).of([30])
    source, figure = best_known(after, estimates.expected([30]), "accuracy")
    assert (source, figure.value) == (Source.REALISED, after.corrected["accuracy"].value)
    assert best_known(before, Estimates(PeriodSettings()).expected([]), "mae")[0] is Source.NONE


def test_the_expected_confusion_of_two_classes_is_the_true_one() -> None:
    estimates, _ = learned(1)
    data = scored(1, 30, 20_000, 1.0)
    estimates.predict(data.at_ms, data.predicted, data.scores)
    expected = estimates.expected([30])
    truth = np.zeros((4, 4))
    np.add.at(truth.reshape(-1), data.predicted * 4 + data.label, 1)
    assert expected.confusion is not None
    assert expected.confusion.sum() == pytest.approx(20_000)
    assert np.abs(expected.confusion - truth).max() < 0.02 * 20_000
    assert expected.figures["estimated_f1_macro"].value == pytest.approx(
        metrics.f1_macro(truth).item(), abs=0.02
    )


def test_what_was_learned_before_is_all_that_is_expected() -> None:
    options = PeriodSettings()
    estimates = Estimates(options)
    data = scored(2, 0, 500, 3.0)
    estimates.predict(data.at_ms, data.predicted, data.scores)
    estimates.label(data.at_ms, data.pairs())
    assert estimates.expected([0]).figures == {}
    assert estimates.expected([0]).unknown == 1.0
    estimates.learn(0)
    realised = float(np.mean(data.predicted == data.label))
    assert estimates.expected([0]).figures["estimated_accuracy"].value == pytest.approx(realised)
    third = np.array([FIRST + 2] * 30)
    estimates.predict(np.full(30, HOUR_MS), third)
    assert estimates.expected([1]).unknown == 1.0
    assert estimates.expected([0, 1]).figures == {}
    assert estimates.expected([0, 1]).unknown == pytest.approx(30 / 530)


def test_without_scores_the_mix_of_classes_is_what_is_known() -> None:
    random = np.random.default_rng(0)
    estimates = Estimates(PeriodSettings())
    predicted = random.integers(0, 2, 4000) + FIRST
    right = random.random(4000) < np.where(predicted == FIRST, 0.9, 0.5)
    label = np.where(right, predicted, 2 * FIRST + 1 - predicted)
    estimates.predict(np.zeros(4000, np.int64), predicted)
    estimates.label(np.zeros(4000, np.int64), class_pairs(predicted, label, Counts()))
    estimates.learn(0)
    estimates.predict(np.full(1000, HOUR_MS), np.repeat([FIRST, FIRST + 1], [900, 100]))
    figure = estimates.expected([1]).figures["estimated_accuracy"]
    assert 0.9 * 0.9 + 0.1 * 0.5 in figure
    assert figure.value == pytest.approx(0.86, abs=0.02)


def test_classes_that_have_no_code_are_expected_to_be_as_wrong_as_they_were() -> None:
    estimates = Estimates(PeriodSettings(classes_max=1))
    predicted, label = np.array([9, 9, 9, 9, 2]), np.array([9, 8, 9, 2, 2])
    pairs = class_pairs(predicted, label, Counts(), classes_max=1, same=predicted == label)
    estimates.predict(np.zeros(5, np.int64), predicted)
    estimates.label(np.zeros(5, np.int64), pairs)
    estimates.learn(0)
    expected = estimates.expected([0])
    assert expected.figures["estimated_accuracy"].value == pytest.approx(3 / 5)
    assert expected.confusion is not None
    assert expected.confusion[OTHER, OTHER] == pytest.approx(2)


def sized(seed: int, hour: int, n: int, shift: float, worse: float = 1.0) -> tuple[Ints, Ints, Pairs]:
    """Numbers whose errors grow with their size: times, bins, pairs."""
    random = np.random.default_rng([seed, hour])
    prediction = random.gamma(2.0, 1 + shift, n)
    label = prediction + random.normal(0, 1, n) * prediction * worse
    bins = np.searchsorted(np.linspace(0.5, 10, 20), prediction) + FIRST
    pairs = number_pairs(prediction, label, Counts(), strata=bins, classes_max=32)
    return np.full(n, hour * HOUR_MS, np.int64), bins, pairs


def test_the_loss_of_numbers_is_expected_by_their_size_and_diverges_where_it_is_another() -> None:
    options = PeriodSettings(Kind.NUMBERS, classes_max=32)
    for seed in range(6):
        estimates, periods = Estimates(options), Periods(options)
        hours = [(hour, 0.0, 1.0) for hour in range(10)] + [(20, 0.5, 1.0), (21, 0.0, 1.4)]
        for hour, shift, worse in hours:
            at_ms, bins, pairs = sized(seed, hour, 2000, shift, worse)
            for each in (estimates, periods):
                each.predict(at_ms, bins)
            estimates.label(at_ms, pairs)
            periods.label(at_ms, at_ms, pairs)
            if hour < 10:
                estimates.learn(hour)
        maturity = Maturity(periods, 200 * HOUR_MS)
        was, moved, worse_now = (maturity.of([hour]) for hour in (0, 20, 21))
        expected = estimates.expected([20])
        assert moved.as_labelled["mae"] > 1.3 * was.as_labelled["mae"]
        assert expected.figures["expected_mae"].value == pytest.approx(moved.as_labelled["mae"], rel=0.1)
        assert expected.figures["expected_rmse"].value == pytest.approx(moved.as_labelled["rmse"], rel=0.15)
        assert abs(deviations(moved, expected)) < 4
        assert deviations(worse_now, estimates.expected([21])) > 6


def test_of_texts_nothing_is_estimated() -> None:
    with pytest.raises(ValueError, match="no estimate"):
        Estimates(PeriodSettings(Kind.TEXTS))


SMALL = PeriodSettings(period_ms=10, periods_max=3, classes_max=3)

rows = st.lists(
    st.tuples(st.integers(0, 60), st.integers(-1, 6), st.integers(-1, 6), st.integers(0, 3)), max_size=30
)

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [np.nan, 0.5, 0.5], [0.9, 0.9, 0.9]])


def apply(estimates: Estimates, events: list[tuple[int, int, int, int]], learn: bool) -> None:
    """Predictions, then their labels."""
    if not events:
        return
    at_ms, predicted, label, kind = (np.array(column, np.int64) for column in zip(*events, strict=True))
    if learn:
        estimates.predict(at_ms, predicted, SCORES[kind])
    else:
        pairs = class_pairs(predicted, label, estimates.refused, classes_max=3, scores=SCORES[kind])
        estimates.label(at_ms, pairs)


@given(rows, rows, st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=150)
def test_batches_and_restarts_leave_no_trace_in_estimates(
    predictions: list[tuple[int, int, int, int]], labels: list[tuple[int, int, int, int]], cuts: list[int]
) -> None:
    whole, cut = Estimates(SMALL), Estimates(SMALL)
    for events, learn in ((predictions, True), (labels[:10], False), (labels, False)):
        apply(whole, events, learn)
        bounds = sorted({0, len(events), *(min(place, len(events)) for place in cuts)})
        for begin, end in pairwise(bounds):
            apply(cut, events[begin:end], learn)
            cut = Estimates.from_json(SMALL, json.loads(json.dumps(cut.to_json())))
        for each in (whole, cut):
            for number in each.held.numbers[:1]:
                each.learn(number)
    assert cut.to_json() == whole.to_json()
    assert len(whole.held.rows) <= 3
    for number in whole.held.numbers:
        assert whole.expected([number]).predictions == cut.expected([number]).predictions


def test_labels_that_come_after_a_period_was_learned_are_learned_and_taken_back() -> None:
    data = scored(3, 0, 300, 3.0)
    early, late = Estimates(PeriodSettings()), Estimates(PeriodSettings())
    for estimates in (early, late):
        estimates.predict(data.at_ms, data.predicted, data.scores)
    early.learn(0)
    early.label(data.at_ms, data.pairs())
    late.label(data.at_ms, data.pairs())
    late.learn(0)
    assert early.to_json() == late.to_json()
    late.take_back(data.at_ms, data.pairs())
    assert not late.learned.field("seen").any()


def test_bad_scores_are_counted_and_their_predictions_are_expected_as_those_without() -> None:
    estimates = Estimates(PeriodSettings())
    nan = float("nan")
    bad = np.array([[nan, 1.0], [1.5, -0.5], [0.2, 0.2], [nan, nan], [0.3, 0.7]])
    estimates.predict(np.zeros(5, np.int64), np.array([2, 2, 2, 2, -1]), bad)
    reasons = (Refused.SCORES_NOT_FINITE, Refused.SCORES_OUTSIDE, Refused.SCORES_SUM, Refused.PREDICTION)
    assert estimates.refused == dict.fromkeys(reasons, 1)
    assert estimates.rows.field("made")[0, FIRST, 0] == 4


def test_figures_are_named_as_what_they_are() -> None:
    estimates, _ = learned(4)
    figures = estimates.expected([3]).figures
    assert all(name.startswith(("estimated_", "expected_")) for name in figures)
    assert isinstance(figures["estimated_accuracy"], Figure)
