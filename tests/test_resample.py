"""A resampled stream is like its reference: its distribution, its scatter at any length, its ties, its days."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from driftd.decode.schema import SignalType
from driftd.reference.cycle import HOUR_MS, Cycle
from driftd.reference.resample import persistence, resampled, variance_ratio
from processes import PANE_EVENTS, autoregressive, errors, independent, profile_of

REFERENCE_EVENTS = 20_000


def lag_1(values: NDArray[np.float64]) -> float:
    return float(np.corrcoef(values[1:], values[:-1])[0, 1])


def test_a_resampled_stream_is_distributed_as_the_reference() -> None:
    values = autoregressive(1, REFERENCE_EVENTS)
    stream = resampled(profile_of(values), 0, 50_000, 7)
    assert stream.size == 50_000
    shares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
    assert np.quantile(stream, shares) == pytest.approx(np.quantile(values, shares), abs=0.3)
    assert stream.min() >= values.min()
    assert stream.max() <= values.max()


def test_a_resampled_stream_has_no_missing_values() -> None:
    values = independent(2, 5_000)
    values[::3] = np.nan
    values[:1_000] = np.nan
    stream = resampled(profile_of(values), 0, 5_000, 7)
    assert stream.size == 5_000
    assert np.isfinite(stream).all()


def test_a_signal_without_a_value_gives_an_empty_stream() -> None:
    assert resampled(profile_of(np.full(2_000, np.nan)), 0, 1_000, 7).size == 0


@pytest.mark.parametrize("events", [1_000, 20_000, 200_000])
def test_values_are_as_correlated_as_they_were(events: int) -> None:
    values = autoregressive(3, events)
    profile = profile_of(values)
    assert persistence(profile, 0) == pytest.approx(0.9, abs=0.08)
    assert lag_1(resampled(profile, 0, 50_000, 7)) == pytest.approx(0.9, abs=0.13)


def test_what_was_independent_stays_so() -> None:
    assert abs(lag_1(resampled(profile_of(independent(4, REFERENCE_EVENTS)), 0, 50_000, 7))) < 0.05


def test_sums_of_values_scatter_as_they_did_at_any_length() -> None:
    values = autoregressive(5, 100_000)
    stream = resampled(profile_of(values), 0, 100_000, 7)
    for length in (8, 64, 512):
        before, after = (
            x.reshape(-1, length)[:, :].mean(axis=1).std() for x in (values[:99_840], stream[:99_840])
        )
        assert after == pytest.approx(before, rel=0.2)


def test_few_values_and_booleans_come_out_exactly() -> None:
    counts = np.random.default_rng(6).integers(0, 6, 5_000).astype(np.float64) + 0.1
    assert set(resampled(profile_of(counts), 0, 20_000, 7)) <= set(counts)
    flags = resampled(profile_of(errors(7, 5_000), SignalType.BOOLEAN), 0, 20_000, 7)
    assert set(flags.tolist()) == {0.0, 1.0}
    assert flags.mean() == pytest.approx(0.1, abs=0.02)
    assert set(resampled(profile_of(np.full(2_000, 4.2)), 0, 100, 7)) == {4.2}


def test_errors_that_come_in_bursts_still_do() -> None:
    rng = random.Random(8)
    bad, flags = 0.0, []
    for _ in range(REFERENCE_EVENTS):
        if rng.random() < 0.1:
            bad = float(rng.random() < 0.2)
        flags.append(bad)
    profile = profile_of(np.array(flags), SignalType.BOOLEAN)
    assert lag_1(np.array(flags)) == pytest.approx(0.9, abs=0.02)
    assert lag_1(resampled(profile, 0, 50_000, 7)) == pytest.approx(0.9, abs=0.13)


def test_a_day_stays_a_day() -> None:
    day_ms, interval_ms = 24 * HOUR_MS, 30_000
    at_ms = np.arange(40_000) * interval_ms
    values = independent(9, 40_000) + 3.0 * np.sin(2 * np.pi * at_ms / day_ms)
    profile = profile_of(values, cycle=Cycle.DAY, interval_ms=interval_ms)
    assert profile.null is not None
    assert profile.null.cyclic[0]
    stream = resampled(profile, 0, 50_000, 7)
    steps = np.abs(np.diff(stream[:49_920].reshape(-1, 60).mean(axis=1)))
    assert steps.max() < 3.0, "a run began at another time of day than the one before it ended"


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    profile = profile_of(autoregressive(10, REFERENCE_EVENTS))
    assert resampled(profile, 0, 9_999, 7).tobytes() == resampled(profile, 0, 9_999, 7).tobytes()
    assert resampled(profile, 0, 9_999, 7).tobytes() != resampled(profile, 0, 9_999, 8).tobytes()


def test_a_reference_shorter_than_a_block_is_resampled_too() -> None:
    values = independent(11, PANE_EVENTS - 1)
    stream = resampled(profile_of(values), 0, 1_000, 7)
    assert stream.mean() == pytest.approx(values.mean(), abs=0.5)


def test_the_variance_of_sums_is_that_of_simulated_ones() -> None:
    walk = autoregressive(12, 200_000) / 2
    assert variance_ratio(50, 0.9) == pytest.approx(walk.reshape(-1, 50).sum(axis=1).var() / 50, rel=0.1)
