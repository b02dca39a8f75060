"""What may be said of a period whose labels are still coming: the figures, their intervals, and when nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from driftd.performance.correction import Strata, Sums, confusion, mean_figure, share_figure
from driftd.performance.layout import Kind, Stratum
from driftd.performance.maturity import Immature, Maturity, PeriodReport
from driftd.performance.metrics import accuracy, cost_matrix
from driftd.performance.pairs import Counts, class_pairs, number_pairs, text_pairs
from driftd.performance.periods import Periods, PeriodSettings
from driftd.performance.text import TextRule, compare
from late_labels import FRAUD, HOUR_MS, USUAL, Stream, fraud_stream

Ints = NDArray[np.int64]
SEEDS = range(8)


def test_where_fraud_is_labelled_first_the_naive_accuracy_falls_and_ours_does_not() -> None:
    inside, naive = [], []
    for seed in SEEDS:
        stream = fraud_stream(seed)
        young = Maturity(stream.periods(PeriodSettings()), 168 * HOUR_MS).report()[-12:]
        inside += [Stream.ACCURACY in report.corrected["accuracy"] for report in young]
        youngest = [report for report in young if report.start_ms >= 165 * HOUR_MS]
        naive += [Stream.ACCURACY - report.as_labelled["accuracy"] for report in youngest]
        together = Maturity(stream.periods(PeriodSettings()), 168 * HOUR_MS).between(
            156 * HOUR_MS, 168 * HOUR_MS
        )
        assert together is not None
        assert abs(together.corrected["accuracy"].value - Stream.ACCURACY) < 0.02
    assert np.mean(naive) > 0.10, "the stream is not as hard as it should be"
    assert np.mean(inside) >= 0.9, f"{np.mean(inside):.3f} of 95 % intervals hold the truth"


@pytest.mark.parametrize("stratum", [Stratum.LABEL, Stratum.OUTCOME])
def test_a_real_drop_of_five_points_is_found_while_labels_are_early(stratum: Stratum) -> None:
    for seed in SEEDS:
        periods = fraud_stream(seed, drop_from=162).periods(PeriodSettings(stratum=stratum))
        maturity = Maturity(periods, 168 * HOUR_MS)
        before = maturity.between(100 * HOUR_MS, 162 * HOUR_MS)
        after = maturity.between(162 * HOUR_MS, 166 * HOUR_MS)
        assert before is not None
        assert after is not None
        assert before.mature
        assert after.mature
        assert after.share_of_final < 0.4
        was, now = before.corrected["accuracy"], after.corrected["accuracy"]
        assert Stream.ACCURACY - 0.05 in now or abs(now.value - Stream.ACCURACY + 0.05) < 3 * now.error
        assert (was.value - now.value) / np.hypot(was.error, now.error) > 3


def test_without_a_drop_none_is_found() -> None:
    scores = []
    for seed in SEEDS:
        maturity = Maturity(fraud_stream(seed).periods(PeriodSettings()), 168 * HOUR_MS)
        before = maturity.between(100 * HOUR_MS, 162 * HOUR_MS)
        after = maturity.between(162 * HOUR_MS, 166 * HOUR_MS)
        assert before is not None
        assert after is not None
        was, now = before.corrected["accuracy"], after.corrected["accuracy"]
        scores.append((was.value - now.value) / np.hypot(was.error, now.error))
    assert max(map(abs, scores)) < 3
    assert 0.3 < np.std(scores) < 2, f"standardised differences {scores} are not of standard size"


def test_where_users_complain_the_stratum_is_the_outcome() -> None:
    random = np.random.default_rng(3)
    hours, n = 168, 168 * 2000
    at_ms = np.sort(random.integers(0, hours * HOUR_MS, n))
    label = random.integers(USUAL, FRAUD + 1, n)
    right = random.random(n) < 0.9
    # wrong ones are reported at once, whatever they are: given the class, delay depends on being right
    delay_ms = (random.exponential(np.where(right, 15.0, 1.5)) * HOUR_MS).astype(np.int64)
    stream = Stream(at_ms, np.where(right, label, USUAL + FRAUD - label), label, delay_ms, hours)
    found = {}
    for stratum in (Stratum.LABEL, Stratum.OUTCOME):
        maturity = Maturity(stream.periods(PeriodSettings(stratum=stratum)), hours * HOUR_MS)
        report = maturity.between(160 * HOUR_MS, 166 * HOUR_MS)
        assert report is not None
        found[stratum] = report.corrected["accuracy"]
    assert found[Stratum.LABEL].high < 0.85
    assert 0.9 in found[Stratum.OUTCOME]


def test_where_only_what_was_predicted_decides_predictions_say_how_much_is_missing() -> None:
    random = np.random.default_rng(4)
    hours, n = 48, 48 * 2000
    at_ms = np.sort(random.integers(0, hours * HOUR_MS, n))
    predicted = np.where(random.random(n) < 0.2, FRAUD, USUAL)
    right = random.random(n) < np.where(predicted == FRAUD, 0.6, 0.95)
    # what was predicted as fraud is looked into, of the rest one in fifty
    looked_into = (predicted == FRAUD) | (random.random(n) < 0.02)
    delay_ms = np.where(looked_into, random.integers(0, HOUR_MS, n), 10**11)
    stream = Stream(at_ms, predicted, np.where(right, predicted, USUAL + FRAUD - predicted), delay_ms, hours)
    maturity = Maturity(stream.periods(PeriodSettings(stratum=Stratum.PREDICTED)), hours * HOUR_MS)
    report = maturity.between(0, 40 * HOUR_MS)
    assert report is not None
    assert report.as_labelled["accuracy"] < 0.7
    assert 0.2 * 0.6 + 0.8 * 0.95 in report.corrected["accuracy"]
    assert report.share_final == pytest.approx(0.2 + 0.8 * 0.02, abs=0.01)
    assert report.share_of_final == pytest.approx(1, abs=0.02)


def at(reports: Sequence[PeriodReport], hour: int) -> PeriodReport:
    return next(report for report in reports if report.start_ms == hour * HOUR_MS)


def test_no_verdict_on_what_is_immature_and_the_reason_is_named() -> None:
    maturity = Maturity(fraud_stream(0).periods(PeriodSettings()), 168 * HOUR_MS - 1)
    reports = maturity.report()
    assert at(reports, 167).immature is Immature.OPEN
    assert at(reports, 166).immature is Immature.EARLY
    assert at(reports, 160).mature
    assert not at(reports, 160).complete
    assert at(reports, 20).complete
    thin = Maturity(fraud_stream(0, per_hour=60).periods(PeriodSettings()), 168 * HOUR_MS)
    assert at(thin.report(), 20).immature is Immature.FEW_LABELS


def test_the_error_of_delays_is_in_the_interval_and_does_not_average_out_over_periods() -> None:
    weights = np.tile([[800.0, 10.0], [50.0, 60.0]], (5, 1, 1))
    of_cell = np.tile([0, 1], (2, 1))
    shares, kish = np.tile([0.9, 0.5], (5, 1)), np.ones((5, 2))
    sure = confusion(weights, Strata(shares, np.zeros((5, 2)), kish, of_cell)).figure(accuracy)
    unsure = confusion(weights, Strata(shares, np.tile([0.0, 0.2], (5, 1)), kish, of_cell)).figure(accuracy)
    # a factor of e^0.2 on all of the second class moves the accuracy by its slope
    moved = shares * [1.0, np.exp(-0.01)]
    other = confusion(weights, Strata(moved, np.zeros((5, 2)), kish, of_cell)).figure(accuracy)
    slope = (other.value - sure.value) / 0.01
    assert unsure.value == sure.value
    assert unsure.error**2 - sure.error**2 == pytest.approx((0.2 * slope) ** 2, rel=0.03)


def test_the_error_of_delays_is_in_the_interval_of_a_mean_too() -> None:
    upper, lower = np.array([[80.0, 90.0]]), np.array([[800.0, 100.0]])
    sums = Sums(upper, lower, upper, upper, lower)
    cells, kish = np.zeros((2, 2), np.int64), np.ones((1, 2))
    sure, unsure, moved = (
        mean_figure(sums, Strata(np.array([[0.9, share]]), np.array([[0.0, error]]), kish, cells))
        for share, error in ((0.5, 0.0), (0.5, 0.2), (0.5 * np.exp(-0.01), 0.0))
    )
    slope = (moved.value - sure.value) / 0.01
    assert unsure.error**2 - sure.error**2 == pytest.approx((0.2 * slope) ** 2, rel=0.03)


def test_where_the_feed_of_labels_stops_delays_of_the_past_promise_nothing() -> None:
    stream = fraud_stream(0)
    stopped = stream.at_ms + stream.delay_ms > 160 * HOUR_MS
    stream.delay_ms = np.where(stopped, 10**12, stream.delay_ms)
    reports = Maturity(stream.periods(PeriodSettings()), 168 * HOUR_MS).report()
    assert at(reports, 158).immature is Immature.LABELS_MISSING
    assert at(reports, 162).immature is Immature.LABELS_MISSING
    assert at(reports, 100).mature
    whole = Maturity(fraud_stream(0).periods(PeriodSettings()), 168 * HOUR_MS).report()
    assert not any(report.immature is Immature.LABELS_MISSING for report in whole)


def test_all_figures_of_classes_are_corrected_and_agree_when_all_labels_are_here() -> None:
    stream = fraud_stream(6, hours=4, per_hour=500)
    periods = Periods(PeriodSettings())
    periods.predict(stream.at_ms, stream.predicted)
    fraud = np.where(stream.predicted == FRAUD, 0.8, 0.1)
    pairs = class_pairs(
        stream.predicted, stream.label, Counts(), classes_max=8, scores=np.stack([1 - fraud, fraud], axis=1)
    )
    periods.label(stream.at_ms, stream.at_ms + 1000, pairs)
    costs = cost_matrix({(USUAL, FRAUD): 100.0, (FRAUD, USUAL): 5.0}, 2)
    report = Maturity(periods, 10_000 * HOUR_MS, costs).of([0, 1, 2, 3])
    for name, figure in report.corrected.items():
        assert figure.value == pytest.approx(report.as_labelled[name], rel=1e-12), name
        assert figure.low < figure.value < figure.high
        assert 0 < figure.error < abs(figure.value)
    assert set(report.corrected) == {"accuracy", "balanced_accuracy", "f1_macro", "cost", "log_loss", "brier"}
    exact = np.mean(stream.predicted == stream.label)
    assert report.corrected["accuracy"].error == pytest.approx(np.sqrt(exact * (1 - exact) / 2000), rel=0.01)
    loss = -np.log(np.where(stream.label == FRAUD, fraud, 1 - fraud))
    assert report.corrected["log_loss"].error == pytest.approx(np.std(loss) / np.sqrt(2000), rel=0.01)


def test_intervals_of_other_figures_hold_what_they_are_for() -> None:
    costs = cost_matrix({(USUAL, FRAUD): 100.0, (FRAUD, USUAL): 5.0}, 2)
    inside: dict[str, list[bool]] = {}
    for seed in range(12):
        stream = fraud_stream(seed, hours=120, per_hour=600)
        fraud = np.where(stream.predicted == FRAUD, 0.8, 0.1)
        scores = np.stack([1 - fraud, fraud], axis=1)
        periods, truth = Periods(PeriodSettings()), Periods(PeriodSettings())
        for each in (periods, truth):
            each.predict(stream.at_ms, stream.predicted)
        everything = class_pairs(stream.predicted, stream.label, Counts(), classes_max=8, scores=scores)
        here = np.flatnonzero(stream.labelled(120 * HOUR_MS))
        known_ms = stream.at_ms + stream.delay_ms
        periods.label(stream.at_ms, known_ms, everything.take(here))
        truth.label(stream.at_ms, stream.at_ms, everything)
        expected = Maturity(truth, 120 * HOUR_MS, costs).of([*range(100)]).as_labelled
        maturity = Maturity(periods, 120 * HOUR_MS, costs)
        for hour in range(105, 117, 2):
            for name, figure in maturity.of([hour]).corrected.items():
                inside.setdefault(name, []).append(expected[name] in figure)
    held = {name: float(np.mean(hits)) for name, hits in inside.items()}
    assert len(held) == 6
    assert min(held.values()) >= 0.88, held


def test_numbers_and_texts_are_corrected_too() -> None:
    random = np.random.default_rng(1)
    hours, n = 100, 100 * 300
    at_ms = np.sort(random.integers(0, hours * HOUR_MS, n))
    hard = random.random(n) < 0.2
    errors = random.normal(0, np.where(hard, 10.0, 1.0))
    known_ms = at_ms + (random.exponential(np.where(hard, 1.0, 8.0)) * HOUR_MS).astype(np.int64)
    here = known_ms <= hours * HOUR_MS
    strata = hard + 2
    numbers = Periods(PeriodSettings(Kind.NUMBERS))
    numbers.predict(at_ms, strata)
    numbers.label(
        at_ms[here],
        known_ms[here],
        number_pairs(errors[here], np.zeros(n)[here], Counts(), strata=strata[here]),
    )
    report = Maturity(numbers, hours * HOUR_MS).of([96, 97, 98])
    truth = np.sqrt(2 / np.pi) * (0.2 * 10 + 0.8)
    assert report.as_labelled["mae"] > 1.4 * truth
    assert truth in report.corrected["mae"]
    assert 0 in report.corrected["bias"]

    said = [["a b c d", "a b x d"][int(wrong)] for wrong in random.random(n) < np.where(hard, 0.6, 0.1)]
    compared = compare(["a b c d"] * n, said, TextRule())
    texts = Periods(PeriodSettings(Kind.TEXTS))
    texts.predict(at_ms, strata)
    texts.label(
        at_ms[here],
        known_ms[here],
        text_pairs(compared.take(np.flatnonzero(here)), Counts(), strata=strata[here]),
    )
    report = Maturity(texts, hours * HOUR_MS).of([96, 97, 98])
    assert report.as_labelled["sentence_error"] > 0.3
    assert 0.2 in report.corrected["sentence_error"]
    assert 0.05 in report.corrected["word_error_rate"]


def test_a_share_of_all_has_an_interval_that_is_not_a_point() -> None:
    figure = share_figure(1.0, 0.0, 50)
    assert figure.value == 1.0
    assert 0.92 < figure.low < 0.94
    assert figure.high == 1.0
    assert np.isnan(share_figure(float("nan"), 0.0, 0.0).value)


def test_nothing_known_is_no_figure_and_no_verdict() -> None:
    periods = Periods(PeriodSettings())
    assert Maturity(periods, 0).report() == []
    assert Maturity(periods, 0).between(0, 10**12) is None
    periods.predict(np.array([5], np.int64), np.array([2]))
    report = Maturity(periods, 10**12).of([0])
    assert np.isnan(report.corrected["accuracy"].value)
    assert report.immature is Immature.FEW_LABELS
    assert (report.predictions, report.labels) == (1, 0)
