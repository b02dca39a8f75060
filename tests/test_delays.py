"""How long labels take is learned, whatever the age of their predictions; and how well it is known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from driftd.performance.delays import (
    EDGES_MS,
    delay_bins,
    final_shares,
    learned_delays,
    whole_bins,
)
from driftd.performance.maturity import Immature, Maturity, PeriodReport
from driftd.performance.pairs import Counts, class_pairs
from driftd.performance.periods import Periods, PeriodSettings
from late_labels import FRAUD, HOUR_MS, USUAL, fraud_stream

Ints = NDArray[np.int64]


def test_delays_that_no_period_is_old_enough_for_are_unknown() -> None:
    stream = fraud_stream(0, hours=30)
    reports = Maturity(stream.periods(PeriodSettings()), 30 * HOUR_MS).report()
    assert at(reports, 10).immature is Immature.DELAYS_UNKNOWN
    assert not any(report.mature for report in reports)


@pytest.mark.parametrize("periods_max", [168, 80])
def test_delays_learned_backwards_in_time_are_the_true_ones_however_young_the_periods(
    periods_max: int,
) -> None:
    stream = fraud_stream(1, hours=120, per_hour=3000)
    periods = Periods(PeriodSettings(periods_max=periods_max))
    here = stream.labelled(120 * HOUR_MS)
    for hour in range(120):  # as they come, for labels of a period that is gone are refused
        now = (stream.at_ms // HOUR_MS) == hour
        periods.predict(stream.at_ms[now], stream.predicted[now])
        known_ms = stream.at_ms + stream.delay_ms
        come = here & (known_ms // HOUR_MS == hour)
        periods.label(stream.at_ms[come], known_ms[come], stream.pairs(come))
    assert periods.periods_evicted == 120 - min(periods_max, 120)
    delays = Maturity(periods, 120 * HOUR_MS).delays
    past = int(periods.past.field("delays").sum())
    assert (past > 10_000) == (periods_max < 120)
    for stratum, mean_hours in ((FRAUD, 1.5), (USUAL, 15.0)):
        for age_hours in (0.5, 2.0, 10.0, 40.0):
            expected = 1 - np.exp(-age_hours / mean_hours)
            found = delays.by_age(np.array([age_hours * HOUR_MS]))[0][stratum, 0]
            assert found == pytest.approx(expected, abs=0.015), (stratum, age_hours)


def test_the_error_of_learned_delays_is_what_it_is_said_to_be() -> None:
    shares, errors = [], []
    random = np.random.default_rng(0)
    number = np.repeat(np.arange(60), 20)
    ages = (59 - np.arange(60)) * HOUR_MS
    for _ in range(300):
        delay = (random.exponential(8.0, len(number)) * HOUR_MS).astype(np.int64)
        here = delay <= ages[number]
        counts = np.zeros((60, 1, 48), np.int64)
        np.add.at(counts.reshape(-1), number[here] * 48 + delay_bins(delay[here]), 1)
        share, error = learned_delays(counts, ages).by_age(np.array([3.0 * HOUR_MS]))
        shares.append(np.log(share[0, 0]))
        errors.append(error[0, 0])
    assert np.exp(np.mean(shares)) == pytest.approx(1 - np.exp(-3 / 8), rel=0.03)
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.15)


def test_the_share_that_will_ever_be_labelled_is_learned_from_those_that_still_wait() -> None:
    random = np.random.default_rng(2)
    n, hours = 40_000, 40
    number = random.integers(0, hours, n)
    delay = np.where(random.random(n) < 0.7, random.exponential(2 * HOUR_MS, n), 1e12).astype(np.int64)
    ages = (hours - 1 - np.arange(hours)) * HOUR_MS
    here = delay <= ages[number]
    made = np.bincount(number, minlength=hours)[:, None]
    counts = np.zeros((hours, 1, 48), np.int64)
    np.add.at(counts.reshape(-1), number[here] * 48 + delay_bins(delay[here]), 1)
    assert here.mean() < 0.68
    assert final_shares(made, counts, ages)[0] == pytest.approx(0.7, abs=0.01)


def test_a_bin_is_whole_only_when_no_such_delay_is_still_to_come() -> None:
    over = whole_bins(np.array([999, 1000, int(EDGES_MS[-1])], np.int64))
    assert over.sum(axis=1).tolist() == [0, 1, 47]


def test_a_stratum_with_few_labels_takes_the_delays_of_all_and_says_how_little_is_known() -> None:
    counts = np.zeros((1, 2, 48), np.int64)
    counts[0, 0, 5:10], counts[0, 1, 30] = 100, 3
    delays = learned_delays(counts, np.array([10**11], np.int64))
    shares, errors = delays.by_age(np.array([float(EDGES_MS[7])]))
    assert delays.learned.tolist() == [True, False]
    assert shares[1, 0] == pytest.approx(300 / 503, rel=1e-3)
    assert errors[1, 0] > 0.5 > errors[0, 0]


def test_past_delays_are_forgotten_by_halves() -> None:
    options = PeriodSettings(period_ms=10, periods_max=1, delay_labels_max=8)
    periods = Periods(options)
    for number in range(40):
        times = np.full(4, number * 10, np.int64)
        periods.predict(times, np.full(4, 2))
        periods.label(times, times, class_pairs(np.full(4, 2), np.full(4, 2), Counts(), classes_max=3))
    assert periods.past.field("delays").sum() <= 8


def at(reports: Sequence[PeriodReport], hour: int) -> PeriodReport:
    return next(report for report in reports if report.start_ms == hour * HOUR_MS)
