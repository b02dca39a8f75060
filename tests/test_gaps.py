"""Gaps: a set of numbers, kept as runs of neighbours."""

from hypothesis import given
from hypothesis import strategies as st

from driftd.engine.gaps import Gaps, gaps_from_json, gaps_to_json


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=80))
def test_gaps_are_a_set_of_numbers(steps: list[tuple[int, bool]]) -> None:
    gaps, numbers, top = Gaps(), set[int](), 0
    for number, is_gap in steps:
        if is_gap:
            gaps.add(top, top + number + 1)
            numbers |= set(range(top, top + number + 1))
            top += number + 2
        else:
            before = len(gaps)
            more = gaps.fill(number)
            assert (more is None) == (number not in numbers)
            assert len(gaps) == before + (more or 0)
            numbers.discard(number)
        gaps = gaps_from_json(gaps_to_json(gaps))
        assert {n for b, e in zip(gaps.begins, gaps.ends, strict=True) for n in range(b, e)} == numbers
    below = {n for b, e in gaps.pop_below(30) for n in range(b, e)}
    assert below == {n for n in numbers if n < 30}
    assert {n for b, e in zip(gaps.begins, gaps.ends, strict=True) for n in range(b, e)} == numbers - below
