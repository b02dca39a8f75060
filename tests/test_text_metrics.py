"""Word errors and sentence errors: against a textbook table, and by the rules of what is the same text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftd.performance.text import TOO_LONG, Edits, TextRule, compare, edits

STRICT = TextRule(case=True, punctuation=True, fillers=())
words = st.lists(st.sampled_from("abcd"), max_size=14)


def textbook(label: list[str], prediction: list[str]) -> tuple[int, int]:
    """The fewest edits, and the most substitutions among the ways that need no more: the table as it is taught."""
    best = {(0, 0): (0, 0)}
    for i in range(len(label) + 1):
        for j in range(len(prediction) + 1):
            ways = [best[0, 0]] if i == j == 0 else []
            if i:
                ways.append((best[i - 1, j][0] + 1, best[i - 1, j][1]))
            if j:
                ways.append((best[i, j - 1][0] + 1, best[i, j - 1][1]))
            if i and j:
                wrong = int(label[i - 1] != prediction[j - 1])
                ways.append((best[i - 1, j - 1][0] + wrong, best[i - 1, j - 1][1] - wrong))
            best[i, j] = min(ways)
    errors, substitutions = best[len(label), len(prediction)]
    return errors, -substitutions


@given(words, words)
def test_edits_are_those_of_the_textbook(label: list[str], prediction: list[str]) -> None:
    found = edits(label, prediction)
    assert (found.errors, found.substitutions) == textbook(label, prediction)
    assert found.insertions - found.deletions == len(prediction) - len(label)
    assert min(found.insertions, found.deletions) >= 0


@given(words, words, st.integers(0, 2**32))
def test_long_texts_are_compared_as_short_ones_are(left: list[str], right: list[str], seed: int) -> None:
    random = np.random.default_rng(seed)
    label = ["x", *random.choice(list("abc"), 30).tolist(), *left, "y"]
    prediction = ["u", *random.choice(list("abc"), 27).tolist(), *right, "v"]
    found = edits(label, prediction)
    assert (found.errors, found.substitutions) == textbook(label, prediction)


def test_what_is_shared_at_both_ends_costs_nothing_and_counts_as_words() -> None:
    shared = ["w"] * 500
    assert edits([*shared, "a", *shared], [*shared, "b", "c", *shared]) == Edits(1001, 1, 1, 0)
    assert edits(["a", "a"], ["a", "a", "a"]) == Edits(2, 0, 1, 0)
    assert edits([], []) == Edits(0, 0, 0, 0)


SAME = [
    (TextRule(), "Um, today's weather", "Um… today's weather", True),
    (TextRule(), "today\u2019s weather", "Today's  WEATHER!", True),
    (TextRule(), "today's weather", "uh todays weather", True),
    (TextRule(), "Äh, gut", "gut", True),
    (TextRule(), "cafe\u0301", "café", True),
    (TextRule(), "straße", "STRASSE", True),
    (TextRule(), "well-known", "well known", True),
    (TextRule(), "hello,world", "hello world", True),
    (TextRule(), "$5", "5", False),
    (TextRule(fillers=()), "um today", "today", False),
    (TextRule(case=True), "Um today", "today", True),
    (TextRule(case=True), "Today", "today", False),
    (TextRule(punctuation=True), "Um, today", "Um… today", True),
    (TextRule(punctuation=True, fillers=()), "Um, today", "Um… today", False),
    (TextRule(), "a  b", "a\tb", True),
    (TextRule(whitespace=True), "a  b", "a b", False),
    (TextRule(whitespace=True), "a b", "A b", True),
    (STRICT, "a b", "a b", True),
    (TextRule(), "", "…", True),
]


@pytest.mark.parametrize(("rule", "label", "prediction", "same"), SAME)
def test_what_is_the_same_text_is_configurable(
    rule: TextRule, label: str, prediction: str, same: bool
) -> None:
    assert rule.same(label, prediction) is same
    assert rule.same(prediction, label) is same
    assert compare([label], [prediction], rule).wrong.tolist() == [not same]


def test_texts_are_compared_as_columns() -> None:
    labels = ["the cat sat", "", "one two three", "um"]
    said = ["The cat sits.", "noise", "two three four", ""]
    found = compare(labels, said, TextRule())
    assert found.words.tolist() == [3, 0, 3, 0]
    assert found.substitutions.tolist() == [1, 0, 0, 0]
    assert found.insertions.tolist() == [0, 1, 1, 0]
    assert found.deletions.tolist() == [0, 0, 1, 0]
    assert found.wrong.tolist() == [True, True, True, False]


def test_a_text_too_long_is_right_or_wrong_but_has_no_word_errors() -> None:
    rule = TextRule(words_max=3)
    found = compare(["a b c d", "a b c d", "a b c"], ["a b c d", "a b c", "a b d"], rule)
    assert found.words.tolist() == [TOO_LONG, TOO_LONG, 3]
    assert found.substitutions.tolist() == [0, 0, 1]
    assert found.wrong.tolist() == [False, True, True]


@given(st.text(), st.text())
def test_any_text_has_words(label: str, prediction: str) -> None:
    found = compare([label], [prediction], TextRule(words_max=5))
    assert found.wrong[0] == (TextRule().words(label) != TextRule().words(prediction))
