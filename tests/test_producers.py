"""Producers' numbers: what counts as missing, and what does not, whatever order numbers come in. By ticks alone."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.detectors.base import Finding
from driftd.engine.producers import (
    GAPS_MAX,
    HELD_MS,
    IDLE_MS_MAX,
    PRODUCERS_MAX,
    RUNS_MAX,
    TOLD_GAPS_MAX,
    Producers,
)
from driftd.engine.producers_state import producers_from_json, producers_to_json
from driftd.reference.panes import Place
from streams import FIRST_MS

TICK_MS = 30_000


class Life:
    """One model's producers; each `tick` takes numbers of the source `s` and then lets time pass."""

    def __init__(self, learned: int = 500) -> None:
        self.producers = Producers()
        self.now_ms = FIRST_MS
        if learned:
            self.tick(range(learned))
            self.tick()  # now it is decided that none of them is missing

    def tick(self, numbers: Iterable[int | None] = (), source: str = "s") -> list[Finding]:
        """Take `numbers`, let time pass, and go on from the state; what was found."""
        for number in numbers:
            self.producers.take(source, number)
        self.now_ms += TICK_MS
        found = self.producers.tick(Place(self.now_ms, "driftd.journal", 0, self.now_ms))
        assert tuple(one.signal for one in found) == self.producers.reasons
        self.producers = producers_from_json(producers_to_json(self.producers))
        return found

    def counts(self, source: str = "s") -> dict[str, int]:
        """What is counted of `source`."""
        return {what: number for name, what, number in self.producers.counted() if name == source}


def test_a_gap_is_told_at_the_second_tick_after_it_was_seen_with_its_numbers() -> None:
    life = Life()
    assert life.tick([*range(500, 600), *range(612, 700)]) == []
    seen_ms = life.now_ms - TICK_MS
    (found,) = life.tick(range(700, 800))
    assert found.signal == "producer s"
    assert found.words == "12 events of producer s never came: numbers 600 to 611"
    assert found.onset.at_ms == seen_ms
    assert found.share == 1.0
    assert life.counts() == {"missing": 12}
    assert life.producers.counters == {"sequence_missing": 12}


def test_a_gap_that_is_filled_in_time_is_none() -> None:
    life = Life()
    life.tick([*range(500, 600), *range(612, 700)])
    assert life.tick(range(600, 612)) == []
    assert life.tick() == []
    assert life.counts() == {"late": 12}


def test_what_comes_after_it_was_told_takes_it_back() -> None:
    life = Life()
    life.tick([*range(500, 600), 602, 604, 605])
    (found,) = life.tick()
    assert found.words == "3 events of producer s never came: among numbers 600 to 603"
    assert found.share == pytest.approx(3 / 4)
    (found,) = life.tick([601])
    assert "2 events" in found.words
    assert life.tick([600, 603, 606]) == []
    assert life.counts() == {"missing": 3, "late": 3}


def test_a_loss_is_told_for_an_hour_and_while_it_goes_on() -> None:
    life = Life()
    life.tick([501])
    assert len(life.tick([502])) == 1
    found_ms = life.now_ms
    life.tick([504])
    (found,) = life.tick([505])
    assert "2 events of producer s never came: among numbers 500 to 503" in found.words
    assert life.now_ms - found_ms == 2 * TICK_MS
    again_ms = life.now_ms
    while life.tick():
        assert life.now_ms < again_ms + HELD_MS
    assert life.now_ms == again_ms + HELD_MS
    assert life.tick([506]) == []


def test_events_that_come_again_are_counted_and_are_no_gap() -> None:
    life = Life()
    life.tick([*range(500, 600), *range(550, 600), 3, *range(600, 700)])
    for more in range(3):
        assert life.tick(range(700 + 100 * more, 800 + 100 * more)) == []
    assert life.counts() == {"repeated": 51}


@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize("before", [300, 5_000, 200_000])
def test_a_producer_that_begins_again_is_restarted_and_lost_nothing(before: int, first: int) -> None:
    life = Life(0)
    life.tick(range(before - 300, before))
    assert life.tick([*range(before, before + 50), *range(first, 2_000)]) == []
    assert life.tick(range(2_000, 3_000)) == []
    assert life.tick(range(3_000, 3_100)) == []
    assert life.counts()["restarts"] == 1
    assert life.tick([*range(3_101, 3_200)]) == []
    (found,) = life.tick()
    assert "1 event of producer s never came: number 3100" in found.words


def test_a_part_of_what_came_long_ago_may_come_again_at_any_time() -> None:
    life = Life(0)
    life.tick(range(200_000))
    for begin in range(0, 150_000, 30_000):
        again = range(begin, begin + 30_000, 7)
        assert life.tick([*again, *range(200_000 + begin, 230_000 + begin)]) == []
    assert life.tick([350_000]) == []
    assert life.tick([350_001]) == []
    assert "missing" not in life.counts()


def test_a_gap_before_a_restart_is_still_told() -> None:
    life = Life(2_000)
    assert life.tick([*range(2_000, 2_100), *range(2_110, 2_120), *range(50)]) == []
    (found,) = life.tick(range(50, 90))
    assert "10 events" in found.words
    assert "2100 to 2109" in found.words
    assert life.counts() == {"missing": 10, "restarts": 1}


@pytest.mark.parametrize(("end", "counted"), [(4_500, {"late"}), (40_500, {"late", "unjudged"})])
def test_partitions_may_be_read_one_after_the_other(end: int, counted: set[str]) -> None:
    numbers = list(range(500, end))
    life = Life()
    shuffled = [
        number for part in range(4) for number in numbers if random.Random(number).randrange(4) == part
    ]
    assert life.tick(shuffled) == []
    assert life.tick(range(end, end + 100)) == []
    assert life.tick() == []
    assert set(life.counts()) == counted
    life.tick([end + 101])
    assert len(life.tick([end + 102])) == 1
    for begin in (0, 100, 200):
        life.tick(range(begin, begin + 100))
    assert life.counts()["restarts"] == 1


@pytest.mark.parametrize(
    ("numbers", "counted"),
    [
        ([FIRST_MS + 1_000 * i for i in range(400)], {"unjudged"}),
        ([i for i in range(800) if random.Random(i).random() < 0.5], {"unjudged"}),
        ([random.Random(i).randrange(10**18) for i in range(400)], {"restarts"}),
        ([20_000_000 * (i // 2) + 5_000 * (i % 2) for i in range(400)], {"restarts", "unjudged"}),
        ([n for i in range(200) for n in range(20_000_000 * i, 20_000_000 * i + 10)], {"restarts"}),
        ([i for i in range(99) if i != 50], {"unjudged"}),
    ],
    ids=["times", "shared with another model", "at random", "nanoseconds", "blocks", "too few to know"],
)
def test_numbers_that_do_not_follow_each_other_are_no_sequence(numbers: list[int], counted: set[str]) -> None:
    life = Life(0)
    for begin in range(0, len(numbers), 20):
        assert life.tick(numbers[begin : begin + 20]) == []
    assert life.tick() == []
    assert set(life.counts()) == counted


def test_a_loss_that_goes_on_never_becomes_normal_by_itself() -> None:
    life = Life()
    life.tick(n for n in range(500, 800) if n % 3)
    for begin in range(800, 12_000, 300):
        assert len(life.tick(n for n in range(begin, begin + 300) if n % 3)) == 1
    assert set(life.counts()) == {"missing"}


def test_a_source_that_numbers_properly_from_now_on_is_known_soon() -> None:
    life = Life(0)
    life.tick(range(0, 4_000, 2))
    for begin in range(4_000, 44_000, 4_000):
        assert life.tick(range(begin, begin + 4_000)) == []
    life.tick([44_001])
    assert len(life.tick()) == 1


def test_a_low_number_that_is_near_comes_again() -> None:
    life = Life(0)
    life.tick([*range(41), 3])
    assert len(life.producers.known["s"].runs) == 1
    assert life.counts() == {"repeated": 1}


def test_a_jump_too_far_to_be_a_loss_is_none() -> None:
    life = Life()
    life.tick([10**17, 10**17 + 1])
    for more in range(3):
        assert life.tick(range(10**17 + 2 + 10 * more, 10**17 + 12 + 10 * more)) == []
    assert life.counts() == {"restarts": 1}


def test_a_person_who_resolves_it_says_that_this_is_normal_now() -> None:
    life = Life()
    life.tick([510])
    assert life.tick() != []
    life.producers.forget()
    assert life.tick(range(511, 700, 2)) == []
    assert life.tick() == []
    assert life.tick() == []


def test_sources_runs_and_gaps_are_bounded_and_what_is_beyond_is_counted() -> None:
    life = Life(0)
    for source in range(PRODUCERS_MAX + 6):
        life.producers.take(f"new{source}", 1)
    assert len(life.producers.known) == PRODUCERS_MAX
    assert life.producers.counters == {"sequence_sources_ignored": 6}
    life.now_ms += IDLE_MS_MAX
    assert life.tick([0], source="new0") == []
    life.now_ms += IDLE_MS_MAX
    life.tick([1], source="new0")
    assert list(life.producers.known) == ["new0"]
    life.tick(range(2, 1_000), source="new0")
    life.tick(source="new0")
    for number in range(2_000, 2_000 + 2 * GAPS_MAX + 200, 2):
        life.producers.take("new0", number)
    assert life.producers.gaps == GAPS_MAX == len(life.producers.known["new0"].runs[0].gaps)
    assert life.counts("new0")["unjudged"] == 1_000 + 99
    life.tick(source="new0")
    assert life.tick(source="new0") != []
    assert len(life.producers.known["new0"].told) == TOLD_GAPS_MAX
    for i in range(50):
        life.producers.take("new0", 10**15 * (i + 1))
    assert len(life.producers.known["new0"].runs) == RUNS_MAX


def test_numbers_that_cannot_be_used_are_counted() -> None:
    life = Life()
    assert life.tick([None, None]) == []
    assert life.producers.counters == {"sequence_invalid": 2}


@given(st.lists(st.integers(0, 400), max_size=60, unique=True), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_missing_is_exactly_what_never_came_in_any_order(dropped: list[int], rng: random.Random) -> None:
    life = Life(1_000)
    # the first and the last number show between which ones something is missing
    numbers = [1_000 + i for i in range(401) if i not in dropped or i == 400]
    rng.shuffle(numbers)
    life.tick(numbers)
    life.tick()
    lost = len(set(dropped) - {400})
    assert life.counts().get("missing", 0) == lost
    assert life.producers.known["s"].missing == lost
    assert "repeated" not in life.counts()


NUMBERS = st.one_of(st.integers(0, 700), st.integers(500, 520), st.integers(0, 10**18 - 1), st.none())


@given(st.lists(st.lists(NUMBERS, max_size=40), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_numbers_come_the_books_are_right(ticks: list[list[int | None]]) -> None:
    life = Life()
    for numbers in ticks:
        before = life.counts().get("missing", 0)
        life.tick(numbers)
        (one,) = life.producers.known.values()
        held = [gap for run in one.runs for gap in zip(run.gaps.begins, run.gaps.ends, strict=True)]
        assert life.producers.gaps == len(held)
        assert 1 <= len(one.runs) <= RUNS_MAX
        for run in one.runs:
            edges = [edge for gap in zip(run.gaps.begins, run.gaps.ends, strict=True) for edge in gap]
            assert edges == sorted(edges)
            assert not edges or (run.first < edges[0] and edges[-1] < run.next)
        told = sum(one.told.ends) - sum(one.told.begins)
        assert 0 <= told <= one.missing <= life.counts().get("missing", 0)
        assert life.counts().get("missing", 0) >= before
        assert life.producers.counters.get("sequence_missing", 0) == life.counts().get("missing", 0)
