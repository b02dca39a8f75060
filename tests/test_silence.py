"""Silence: found where it is improbable under the model's own rate, and not at night. All by ticks alone."""

from collections.abc import Callable
from math import pi, sin
from typing import Literal

import numpy as np
import pytest

from driftd.config import Operations, Silence
from driftd.config_models import ModelSettings, Reference
from driftd.contract.record import Record
from driftd.detectors.base import Effect, Finding
from driftd.engine.pulse import SOURCES_MAX, Pulse
from driftd.engine.pulse_state import fill_pulse, pulse_to_json
from driftd.engine.rhythm import Rhythm
from driftd.engine.skew import LEARN_EVENTS_MIN, Skew
from driftd.reference.cycle import DAY_MS, HOUR_MS, Cycle
from driftd.reference.panes import Place

FIRST_MS = 1_767_571_200_000
"""A Monday, 00:00 UTC."""
MINUTE_MS = 60_000
Rate = Callable[[int], float]


def at(at_ms: int) -> Place:
    return Place(at_ms, "driftd.journal", 0, at_ms)


def settings(cycle: Literal["none", "week"] = "week", enabled: bool = True) -> ModelSettings:
    return ModelSettings(reference=Reference(cycle=cycle), silence=Silence(enabled=enabled))


def steady(per_day: float) -> Rate:
    return lambda _: per_day / DAY_MS


def daily(per_day: float) -> Rate:
    """A day's traffic that falls to a hundredth at night."""
    return lambda at_ms: per_day / DAY_MS * max(1 + sin(2 * pi * at_ms / DAY_MS), 0.02)


def business(per_day: float) -> Rate:
    """Nothing at night, nothing at weekends."""

    def rate(at_ms: int) -> float:
        hour, day = at_ms // HOUR_MS % 24, (at_ms // DAY_MS + 3) % 7
        return per_day / (10 * HOUR_MS) if 8 <= hour < 18 and day < 5 else 0.0

    return rate


class Life:
    """A model whose predictions come at random, and the ticks that it has."""

    def __init__(self, pulse: Pulse, seed: int = 0, tick_ms: int = 30_000) -> None:
        self.pulse, self.tick_ms = pulse, tick_ms
        self.random = np.random.default_rng(seed)
        self.now_ms = FIRST_MS
        self.counters = {"predictions": 0, "labels": 0, "labels_joined": 0}

    def live(self, length_ms: float, rate: Rate, labels: bool = True, joined: bool = True) -> list[Finding]:
        """All that ticks found meanwhile."""
        found: list[Finding] = []
        for _ in range(int(length_ms) // self.tick_ms):
            came = int(self.random.poisson(rate(self.now_ms) * self.tick_ms))
            self.counters["predictions"] += came
            self.counters["labels"] += came * labels
            self.counters["labels_joined"] += came * labels * joined
            self.now_ms += self.tick_ms
            evaluation = self.pulse.tick(at(self.now_ms), self.counters)
            found += evaluation.findings if evaluation is not None else ()
        return found

    def until_found(self, signal: str, length_ms: float, **ways: bool) -> float:
        """After how many milliseconds without predictions `signal` is found; infinite for never."""
        begun_ms = self.now_ms
        while self.now_ms < begun_ms + length_ms:
            rate = steady(0) if not ways else steady(86_400)
            if any(finding.signal == signal for finding in self.live(self.tick_ms, rate, **ways)):
                return self.now_ms - begun_ms
        return float("inf")


@pytest.mark.parametrize(
    ("per_day", "days", "tick_ms", "latest_ms"),
    [
        (3, 40, 30 * MINUTE_MS, 6 * DAY_MS),
        (1_440, 9, 30_000, 30 * MINUTE_MS),
        (864_000, 3, 30_000, 2 * MINUTE_MS),
        (50_000 * 86_400, 3, 30_000, 2 * MINUTE_MS),
    ],
    ids=["3 a day", "1 a minute", "10 a second", "50,000 a second"],
)
def test_a_stop_is_found_soon_for_its_rate_and_nothing_before(
    per_day: float, days: float, tick_ms: int, latest_ms: float
) -> None:
    for seed in range(3):
        life = Life(Pulse(settings()), seed, tick_ms)
        before = [f for f in life.live(days * DAY_MS, steady(per_day)) if f.effect is Effect.SILENCE]
        assert before == []
        assert MINUTE_MS <= life.until_found("predictions", 20 * DAY_MS) <= latest_ms


@pytest.mark.parametrize("per_day", [200, 2_000, 100_000])
@pytest.mark.parametrize("traffic", [daily, business])
def test_a_stream_with_quiet_nights_is_never_silent(traffic: Callable[[float], Rate], per_day: float) -> None:
    for seed in range(2):
        life = Life(Pulse(settings()), seed, 4 * MINUTE_MS)
        assert life.live(35 * DAY_MS, traffic(per_day)) == []


def test_a_batch_each_hour_is_no_silence_and_a_batch_that_stays_away_is() -> None:
    life = Life(Pulse(settings()), 0, 5 * MINUTE_MS)
    hourly: Rate = lambda at_ms: 5_000 / life.tick_ms if at_ms % HOUR_MS < life.tick_ms else 0.0  # noqa: E731
    assert [f for f in life.live(9 * DAY_MS, hourly) if f.effect is Effect.SILENCE] == []
    assert HOUR_MS < life.until_found("predictions", DAY_MS) < 8 * HOUR_MS


def test_silence_ends_with_the_first_event_and_its_time_is_not_learned() -> None:
    life = Life(Pulse(settings()))
    life.live(9 * DAY_MS, steady(14_400))
    assert life.until_found("predictions", DAY_MS) < DAY_MS
    learned = dict(life.pulse.rhythms["predictions"].gaps)
    life.live(5 * HOUR_MS, steady(0))
    assert life.live(HOUR_MS, steady(14_400)) == []
    assert not life.pulse.reasons
    longest = max(end - begin for begin, end in life.pulse.rhythms["predictions"].gaps.values())
    assert longest == max(end - begin for begin, end in learned.values())


def test_labels_that_stop_and_labels_that_match_nothing_are_told_apart() -> None:
    life = Life(Pulse(settings()))
    life.live(9 * DAY_MS, steady(86_400))
    assert life.until_found("labels_joined", HOUR_MS, joined=False) < HOUR_MS
    assert life.pulse.reasons == ("labels_joined",)
    life.live(HOUR_MS, steady(86_400))
    assert not life.pulse.reasons
    assert life.until_found("labels", HOUR_MS, labels=False) < HOUR_MS
    assert life.pulse.reasons == ("labels",)


@pytest.mark.parametrize("feed", ["predictions", "labels"])
def test_a_partition_that_stops_is_told_while_the_others_go_on(feed: str) -> None:
    pulse, counters = Pulse(settings("none")), {"predictions": 0, "labels": 0}
    for tick in range(400):
        came = {f"{feed} p:0": 50} | ({f"{feed} p:1": 50} if tick < 300 else {})
        pulse.sources = dict(came)
        counters[feed] += sum(came.values())
        pulse.tick(at(FIRST_MS + tick * 30_000), counters)
        assert pulse.reasons == ((f"{feed} p:1",) if tick >= 301 else ())


def test_partitions_beyond_the_bound_of_their_feed_are_not_watched() -> None:
    pulse = Pulse(settings("none"))
    records = [Record("p", partition, 0, FIRST_MS, None, None) for partition in range(SOURCES_MAX + 9)]
    for feed in ("labels", "predictions", "labels"):
        pulse.see_partitions(feed, records[::-1])
    pulse.tick(at(FIRST_MS), {})
    pulse.see_partitions("labels", records)
    watched = [f"p:{partition}" for partition in range(9, SOURCES_MAX + 9)]
    for feed in ("labels", "predictions"):
        assert {name for name in pulse.rhythms if name.startswith(f"{feed} ")} == {
            f"{feed} {p}" for p in watched
        }
    assert pulse.sources == {f"labels {p}": 1 for p in watched}


def test_a_person_who_resolves_it_says_that_this_is_normal_now() -> None:
    life = Life(Pulse(settings()))
    life.live(9 * DAY_MS, steady(86_400))
    life.live(HOUR_MS, steady(0))
    assert life.pulse.reasons == ("predictions", "labels")
    life.pulse.forget()
    assert life.live(DAY_MS, steady(0)) == []


def test_silence_can_be_switched_off() -> None:
    life = Life(Pulse(settings(enabled=False)))
    life.live(9 * DAY_MS, steady(86_400))
    assert life.live(DAY_MS, steady(0)) == []


def test_a_pulse_goes_on_from_its_state_exactly() -> None:
    config = settings().model_copy(update={"operations": Operations(failed_share_max=0.1)})
    lives = [Life(Pulse(config), seed=4), Life(Pulse(config), seed=4)]
    for length_ms, rate in [(3 * DAY_MS, daily(9_000)), (HOUR_MS, steady(0)), (DAY_MS, daily(9_000))]:
        found = [life.live(length_ms, rate) for life in lives]
        assert found[0] == found[1]
        stored = pulse_to_json(lives[1].pulse)
        lives[1].pulse = Pulse(config)
        fill_pulse(lives[1].pulse, stored)
        assert pulse_to_json(lives[1].pulse) == pulse_to_json(lives[0].pulse)


def test_a_tick_that_is_not_later_than_the_last_one_changes_nothing() -> None:
    life = Life(Pulse(settings()))
    life.live(DAY_MS, steady(86_400))
    before = pulse_to_json(life.pulse)
    assert life.pulse.tick(at(life.now_ms), life.counters) is None
    assert life.pulse.tick(at(life.now_ms - DAY_MS), life.counters) is None
    assert pulse_to_json(life.pulse) == before


def test_an_hour_never_seen_is_expected_to_bring_nothing() -> None:
    rhythm = Rhythm(Cycle.DAY)
    for tick in range(6 * 60):
        rhythm.pass_time(FIRST_MS + tick * MINUTE_MS, at(FIRST_MS + (tick + 1) * MINUTE_MS), 10, silent=False)
    assert rhythm.expected(FIRST_MS, FIRST_MS + 6 * HOUR_MS) == pytest.approx(3_600)
    assert rhythm.expected(FIRST_MS + 6 * HOUR_MS, FIRST_MS + 24 * HOUR_MS) == 0
    assert rhythm.expected(FIRST_MS, FIRST_MS + 21 * DAY_MS) == pytest.approx(21 * 3_600)


def test_traffic_that_falls_to_a_third_or_triples_is_told_and_usual_scatter_is_not() -> None:
    life = Life(Pulse(settings()), 1, 2 * MINUTE_MS)
    assert life.live(21 * DAY_MS, daily(50_000)) == []
    third = life.live(DAY_MS, lambda at_ms: daily(50_000)(at_ms) / 3)
    assert {finding.signal for finding in third} == {"throughput"}
    assert "times as many predictions" in third[0].words
    life.live(2 * DAY_MS, daily(50_000))
    assert {f.signal for f in life.live(DAY_MS, daily(200_000))} == {"throughput"}


@pytest.mark.parametrize(
    ("skews_ms", "distance_ms"),
    [
        ([-5_000] * 50, None),
        ([3_600_000] * 50, 2_048_000),
        ([-86_400_000 * 365] * 50, -16_777_216_000),
        ([0] * 40 + [3_600_000] * 10, None),
        ([3_600_000] * 19, None),
    ],
    ids=["as ever", "an hour ahead", "a year behind", "a few", "too few to tell"],
)
def test_a_clock_that_jumps(skews_ms: list[int], distance_ms: int | None) -> None:
    skew = Skew()
    skew.add(np.zeros(LEARN_EVENTS_MIN, np.int64))
    assert skew.look() is None
    skew.add(np.array(skews_ms, np.int64))
    jump = skew.look()
    if distance_ms is None:
        assert jump is None
    else:
        assert jump is not None
        assert abs(distance_ms) / 2 <= abs(jump.distance_ms) <= abs(skews_ms[0])
        assert (jump.distance_ms > 0) == (skews_ms[0] > 0)
        skew.add(np.zeros(50, np.int64))
        assert skew.look() is None
