"""The same words in another style are found and told in words; other words are no other style."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.label_hands import Hand
from driftd.labelling import conventions
from driftd.labelling.conventions import ConventionWatch
from driftd.labelling.finding import LabelFinding, What
from driftd.labelling.style import ASPECTS, same_words, styles_of

BUDGET = 1e6
SETTLED = 6_000
PLAIN = Hand()


def fed(
    watch: ConventionWatch, hands: dict[str, Hand], rng: np.random.Generator, count: int
) -> list[LabelFinding]:
    """Texts of each hand in turn at random."""
    names = list(hands)
    who = [names[i] for i in rng.integers(0, len(names), count)]
    return watch.update(
        [hands[name].text(rng) for name in who], list(who), range(watch.labels, watch.labels + count)
    )


def settled(seed: int, hands: dict[str, Hand] | None = None) -> tuple[ConventionWatch, np.random.Generator]:
    rng, watch = np.random.default_rng(seed), ConventionWatch(BUDGET)
    assert fed(watch, hands or {"ann": PLAIN}, rng, SETTLED) == []
    return watch, rng


def test_the_same_words_with_another_filler_style_are_told_in_words() -> None:
    """The founding example: "Um, today's weather" and "Um… today's weather"."""
    watch, rng = settled(1)
    found = fed(watch, {"ann": replace(PLAIN, after="…", fillers=0.3)}, rng, 1_500)
    assert (What.CONVENTION_CHANGED, ("what follows a filler", ",", "…")) in [
        (o.what, o.parties) for o in found
    ]
    told = next(one for one in found if one.parties[0] == "what follows a filler")
    assert told.sentence == (
        '"um" is now followed by "…" where it was ",": 0 % -> 59.7 % of labels with a filler, since label 5,888.'
    )
    assert told.labels >= 5


CHANGES = {
    "what follows a filler": replace(PLAIN, after="..."),
    'the spelling of "um"': replace(PLAIN, spelling="uhm"),
    "the end of a text": replace(PLAIN, end="."),
    "the first letter": replace(PLAIN, capital=False),
    "numbers": replace(PLAIN, digits=False),
    "the apostrophe": replace(PLAIN, apostrophe="’"),
    "spaces": replace(PLAIN, gap="  "),
    "fillers": replace(PLAIN, fillers=0.0),
    "empty texts": replace(PLAIN, empty=0.5),
}


@pytest.mark.parametrize("aspect", CHANGES)
def test_a_change_of_each_aspect_is_found_and_no_other_aspect_is_blamed(aspect: str) -> None:
    watch, rng = settled(2)
    found = fed(watch, {"ann": CHANGES[aspect]}, rng, 2_000)
    assert [(one.what, one.parties[0]) for one in found] == [(What.CONVENTION_CHANGED, aspect)]
    assert abs(found[0].onset_number - SETTLED) <= 256


def test_40000_texts_in_one_style_raise_nothing() -> None:
    watch, rng = settled(3, {"ann": PLAIN, "bob": PLAIN})
    mild = Hand(after_also=("…", 0.02))
    assert fed(watch, {"ann": PLAIN, "bob": mild}, rng, 40_000) == []


def test_other_words_are_no_other_style() -> None:
    """Numbers and apostrophes come and go: how they are written stays."""
    watch, _ = settled(4)
    texts = [f"{1 + i % 7} o'clock, call 3 and {i}" if i % 2 else "Stop it now" for i in range(20_000)]
    texts = [text if text[0] == "S" else text.replace("call", "Call") for text in texts]
    found = watch.update(texts, ["ann"] * 20_000, range(20_000))
    assert {one.parties[0] for one in found} <= {"fillers", "empty texts", "the first letter", "spaces"}


def test_one_annotator_of_three_with_a_style_of_his_own_is_named_with_both_styles() -> None:
    rng, watch = np.random.default_rng(5), ConventionWatch(BUDGET)
    hands = {"ann": PLAIN, "bob": replace(PLAIN, after="…"), "cleo": PLAIN}
    found = fed(watch, hands, rng, SETTLED)
    assert [(one.what, one.parties) for one in found if one.parties[0] != "the ellipsis"] == [
        (What.ANNOTATOR_CONVENTION, ("bob", "what follows a filler", ",", "…"))
    ]
    assert found[0].sentence.startswith('"bob" differs in what follows a filler: "…" in ')


def test_of_two_annotators_with_different_styles_one_is_told_and_not_both() -> None:
    rng, watch = np.random.default_rng(5), ConventionWatch(BUDGET)
    found = fed(watch, {"ann": PLAIN, "bob": replace(PLAIN, after="-")}, rng, SETTLED)
    assert [one.what for one in found] == [What.ANNOTATOR_CONVENTION]


def test_one_source_with_two_styles_for_the_same_words_is_told() -> None:
    rng, watch = np.random.default_rng(6), ConventionWatch(BUDGET)
    found = fed(watch, {"ann": Hand(after_also=("-", 0.4))}, rng, SETTLED)
    assert [(one.what, one.parties) for one in found] == [
        (What.CONVENTION_MIXED, ("what follows a filler", ",", "another mark"))
    ]
    assert found[0].sentence.startswith('Two ways in what follows a filler: "," in ')


def test_a_clean_change_is_no_mixture() -> None:
    watch, rng = settled(7)
    found = fed(watch, {"ann": replace(PLAIN, after="-")}, rng, 8_000)
    assert [one.what for one in found] == [What.CONVENTION_CHANGED]


def test_two_labels_of_one_prediction_that_have_the_same_words_are_compared() -> None:
    rng, watch = np.random.default_rng(8), ConventionWatch(BUDGET)
    spoken = [replace(PLAIN, fillers=1.0).text(rng) for _ in range(1_024)]
    rewritten = [text.replace("Um,", "Um…") if i % 2 else text for i, text in enumerate(spoken)]
    found = watch.update(spoken, ["ann"] * 1_024, range(1_024), rewritten, ["bob"] * 1_024)
    assert [(one.what, one.parties) for one in found] == [
        (What.CONVENTION_MIXED, ("what follows a filler", "bob", "…", "ann", ","))
    ]
    assert 'by "bob" and "," by "ann"' in found[0].sentence


def test_two_labels_of_one_prediction_with_other_words_are_not_compared() -> None:
    rng, watch = np.random.default_rng(8), ConventionWatch(BUDGET)
    texts = [replace(PLAIN, fillers=1.0).text(rng) for _ in range(2_000)]
    others = [replace(PLAIN, after="…", fillers=1.0).text(rng) + " so" for _ in range(2_000)]
    assert watch.update(texts, ["ann"] * 2_000, range(2_000), others, ["bob"] * 2_000) == []


@pytest.mark.parametrize(
    ("text", "aspect", "style"),
    [
        ("Um, today's weather", "what follows a filler", '","'),
        ("Um… today's weather", "what follows a filler", '"…"'),
        ("Um... today", "what follows a filler", '"..."'),
        ("um today", "what follows a filler", "nothing"),
        ("Um - today", "what follows a filler", "another mark"),
        ("well, uhm, yes", 'the spelling of "um"', '"uhm"'),
        ("Äh, ja", 'the spelling of "äh"', '"äh"'),
        ("drum, summer", "fillers", "left out"),
        ("er geht", "fillers", "left out"),
        ("er, no", "fillers", "written"),
        ("no…", "the ellipsis", '"…"'),
        ("it’s", "the apostrophe", '"’"'),
        ("seven of them", "numbers", "words"),
        ("7 of them", "numbers", "digits"),
        ("seven of 7", "numbers", None),
        ("really?", "the end of a text", None),
        ("so be it.", "the end of a text", "a full stop"),
        ("7 up", "the first letter", None),
        ("two  spaces", "spaces", "two spaces"),
        (" \n", "empty texts", "empty texts"),
        ("", "fillers", None),
    ],
)
def test_the_style_of_a_text(text: str, aspect: str, style: str | None) -> None:
    a = [of.name for of in ASPECTS].index(aspect)
    code = styles_of(text)[a]
    assert (ASPECTS[a].styles[code] if code >= 0 else None) == style


@given(st.text(max_size=40))
def test_every_text_has_a_style_and_its_own_words(text: str) -> None:
    for aspect, style in zip(ASPECTS, styles_of(text), strict=True):
        assert -1 <= style < len(aspect.styles)
    assert same_words(text, text)


def mixed_columns(
    seed: int,
) -> tuple[list[object], list[str | None], list[object], list[str | None]]:
    rng = np.random.default_rng(seed)
    hands = [PLAIN, replace(PLAIN, after="…"), Hand(after_also=("-", 0.4), end=".")]
    texts: list[object] = [hands[i % 3 if i > 1500 else 0].text(rng) for i in range(3000)]
    who: list[str | None] = [["ann", "bob", None][i % 3] for i in range(3000)]
    how: list[object] = [text if i % 2 else None for i, text in enumerate(texts)]
    for i in rng.choice(3000, 500, replace=False).tolist():
        texts[i], who[i] = [None, 1.0, "", "Um"][i % 4], f"new {i % 30}"
    return texts, who, how, who[::-1]


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 3000), max_size=5), seed=st.integers(0, 2))
def test_batches_and_restarts_are_invisible(cuts: list[int], seed: int) -> None:
    texts, who, how, who_before = mixed_columns(seed)
    whole = ConventionWatch(1e3)
    expected = whole.update(texts, who, range(3000), how, who_before)
    parts, found = ConventionWatch(1e3), []
    for begin, end in itertools.pairwise([0, *sorted(cuts), 3000]):
        parts = ConventionWatch.from_json(json.loads(json.dumps(parts.to_json(), allow_nan=False)))
        part = slice(begin, end)
        found += parts.update(texts[part], who[part], range(begin, end), how[part], who_before[part])
    assert expected
    assert found == expected
    assert parts.to_json() == whole.to_json()


def test_an_annotator_per_label_costs_no_memory_and_is_counted() -> None:
    watch, rng = settled(9)
    texts = [PLAIN.text(rng) for _ in range(5_000)]
    assert watch.update(texts, [f"bot {i}" for i in range(5_000)], range(5_000)) == []
    assert watch.evicted == 5_000 - (conventions.HANDS_MAX - 1)
    assert len(json.dumps(watch.to_json())) < 40_000


@pytest.mark.parametrize(
    "poison",
    ["", "x" * 10_000, "\u2603", "\x00", "um" * 5_000, float("inf"), 10**5000, None, True],
    ids=lambda p: type(p).__name__,
)
def test_poison_raises_nothing(poison: object) -> None:
    watch, _ = settled(10)
    watch.update([poison] * 200, [None] * 200, [0] * 200, [poison] * 200, ["a"] * 200)
    assert watch.update([], [], []) == []
    json.dumps(watch.to_json(), allow_nan=False)


def test_of_two_annotators_the_one_who_changed_is_named() -> None:
    watch, rng = settled(5, {"ann": PLAIN, "bob": PLAIN})
    found = fed(watch, {"ann": PLAIN, "bob": replace(PLAIN, after="-")}, rng, 2_000)
    assert [one.parties[0] for one in found if one.what is What.ANNOTATOR_CONVENTION] == ["bob"]
