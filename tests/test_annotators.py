"""The annotator who disagrees, drifts or copies is named; nobody is blamed for what all have in common."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.label_hands import CLASSES, Crowd, other_than
from driftd.labelling import annotators
from driftd.labelling.agreement import two_sample_wins
from driftd.labelling.annotators import AnnotatorWatch
from driftd.labelling.finding import LabelFinding, What

BUDGET = 1e6
SETTLED = 8_000


def fed(watch: AnnotatorWatch, crowd: Crowd, rng: np.random.Generator, count: int) -> list[LabelFinding]:
    who, answers, labels = crowd.labels(rng, count)
    first = watch.labels
    return watch.update(who, answers, labels, range(1000 * first, 1000 * (first + count), 1000))


def settled(crowd: Crowd, seed: int) -> tuple[AnnotatorWatch, np.random.Generator]:
    rng, watch = np.random.default_rng(seed), AnnotatorWatch(BUDGET)
    assert fed(watch, crowd, rng, SETTLED) == []
    return watch, rng


def test_250000_labels_of_like_annotators_raise_nothing() -> None:
    watch, rng = settled(Crowd(), 1)
    for _ in range(5):
        assert fed(watch, Crowd(), rng, 50_000) == []


@pytest.mark.parametrize("accuracy", [0.6, 0.3, 0.98])
def test_a_model_that_gets_worse_or_better_makes_nobody_suspect(accuracy: float) -> None:
    watch, rng = settled(Crowd(), 2)
    assert fed(watch, Crowd(accuracy=accuracy), rng, 50_000) == []


@pytest.mark.parametrize("seed", range(5))
def test_one_of_eight_who_becomes_careless_is_named_and_only_he(seed: int) -> None:
    watch, rng = settled(Crowd(), seed)
    found = fed(watch, Crowd(careless={3: 0.4}), rng, 4_000)
    assert [(one.what, one.parties) for one in found] == [(What.ANNOTATOR_DRIFTS, ("a3",))]
    assert abs(found[0].onset_number - SETTLED) <= 512
    assert found[0].onset_at_ms == 1000 * found[0].onset_number
    assert found[0].before == pytest.approx(0.9, abs=0.03)
    assert found[0].after == pytest.approx(0.9 * 0.6 + 0.1 * 0.4 / 4, abs=0.15)


def test_one_who_confuses_two_classes_is_named_with_them() -> None:
    watch, rng = settled(Crowd(), 5)
    found = fed(watch, Crowd(confuses=3), rng, 6_000)
    assert [one.parties for one in found] == [("a3",)]
    assert 'Where the model says "bee" the label is "ant" in' in found[0].sentence


def test_one_who_copies_the_model_is_named() -> None:
    watch, rng = settled(Crowd(accuracy=0.8), 5)
    found = fed(watch, Crowd(accuracy=0.8, copies=3), rng, 6_000)
    assert [one.parties for one in found] == [("a3",)]
    assert "agrees more with the model" in found[0].sentence


def test_one_who_is_careless_from_the_start_is_told_beside_the_others() -> None:
    watch = AnnotatorWatch(BUDGET)
    found = fed(watch, Crowd(annotators=3, careless={1: 0.4}), np.random.default_rng(1), 6_000)
    assert [(one.what, one.parties) for one in found] == [(What.ANNOTATOR_DISAGREES, ("a1",))]
    assert found[0].before > found[0].after + 0.1


def test_a_single_annotator_is_never_named_for_there_is_nobody_to_compare_him_with() -> None:
    watch, rng = settled(Crowd(annotators=1), 4)
    assert fed(watch, Crowd(annotators=1, careless={0: 0.8}), rng, 20_000) == []


def test_labels_without_annotator_are_those_of_one() -> None:
    rng, watch = np.random.default_rng(3), AnnotatorWatch(BUDGET)
    who, answers, labels = Crowd(annotators=3, careless={1: 0.6}).labels(rng, 6_000)
    found = watch.update([None if a == "a1" else a for a in who], answers, labels, range(6_000))
    assert [one.parties for one in found] == [(annotators.UNNAMED,)]
    assert found[0].sentence.startswith("Labels without an annotator agree less with the model")


def test_two_labels_of_one_prediction_name_who_disagrees_with_the_other_annotators() -> None:
    """The model's answers are missing: all there is, is each other."""
    rng, watch = np.random.default_rng(3), AnnotatorWatch(BUDGET)
    truth = rng.integers(0, 5, 12_000)
    first, second = rng.integers(0, 6, 12_000), rng.integers(0, 6, 12_000)
    late = np.arange(12_000) > 6_000
    told = [
        other_than(rng, truth, rng.random(12_000) < np.where((of == 2) & late, 0.7, 0.05))
        for of in (first, second)
    ]
    names = [[f"a{one}" for one in of] for of in (first, second)]
    earlier, labels = ([CLASSES[c] for c in codes] for codes in told)
    found = watch.update(names[1], [None] * 12_000, labels, range(12_000), names[0], earlier)
    assert [(one.what, one.parties) for one in found] == [(What.ANNOTATOR_DRIFTS, ("a2",))]
    assert "agrees less with other annotators" in found[0].sentence


def test_who_is_careful_again_is_no_longer_a_finding() -> None:
    watch, rng = settled(Crowd(), 3)
    assert len(fed(watch, Crowd(careless={3: 0.5}), rng, 4_000)) == 1
    assert len(watch.findings) == 1
    assert fed(watch, Crowd(), rng, 20_000) == []
    assert watch.findings == []


def test_the_sentence_tells_who_since_when_how_much_and_what_he_confuses() -> None:
    watch, rng = settled(Crowd(), 5)
    assert fed(watch, Crowd(confuses=3), rng, 6_000)[0].sentence == (
        '"a3" agrees less with the model since label 7,808: 90.9 % -> 73.5 % of 204 labels; the others 88.9 %. '
        'Where the model says "bee" the label is "ant" in 54.3 % (others 1 %).'
    )


@given(
    rate=st.floats(0.01, 0.99),
    t=st.floats(0.01, 0.99),
    r=st.floats(0.01, 0.99),
    n=st.integers(1, 4),
    m=st.integers(1, 4),
)
def test_a_bet_on_a_difference_wins_at_most_1_in_the_mean_while_there_is_none(
    rate: float, t: float, r: float, n: int, m: int
) -> None:
    mean = 0.0
    for labels in itertools.product((0, 1), repeat=n + m):
        agreed, others = sum(labels[:n]), sum(labels[n:])
        chance = rate ** sum(labels) * (1 - rate) ** (n + m - sum(labels))
        numbers = [np.array(float(x)) for x in (n, agreed, m, others, t, r)]
        mean += chance * float(np.exp(two_sample_wins(*numbers)))
    assert mean <= 1 + 1e-9


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6), seed=st.integers(0, 2))
def test_batches_and_restarts_are_invisible(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    who, answers, labels = Crowd(annotators=4, careless={1: 0.6}).labels(rng, 3000)
    columns: tuple[list[str | None], list[object], list[object], list[str | None], list[object]]
    columns = (list(who), list(answers), list(labels), [None] * 3000, [None] * 3000)
    for i in rng.choice(3000, 600, replace=False).tolist():
        columns[0][i] = [f"new {i % 70}", None, ""][i % 3]
        columns[1][i], columns[2][i] = [None, 1.0, True][i % 3], ["ant", 1, f"label {i}"][i % 3]
        columns[3][i], columns[4][i] = ["a1", "a2", None][i % 3], ["ant", 1.0, "bee"][i % 3]
    whole = AnnotatorWatch(1e2)
    expected = whole.update(*columns[:3], range(3000), *columns[3:])
    parts, found = AnnotatorWatch(1e2), []
    for begin, end in itertools.pairwise([0, *sorted(cuts), 3000]):
        parts = AnnotatorWatch.from_json(json.loads(json.dumps(parts.to_json(), allow_nan=False)))
        of = [column[begin:end] for column in columns]
        found += parts.update(of[0], of[1], of[2], range(begin, end), of[3], of[4])  # type: ignore[arg-type]
    assert expected
    assert found == expected
    assert parts.to_json() == whole.to_json()


def test_an_annotator_per_label_costs_no_memory_is_counted_and_drives_out_no_busy_one() -> None:
    watch, rng = settled(Crowd(), 3)
    _, answers, labels = Crowd().labels(rng, 10_000)
    assert watch.update([f"bot {i}" for i in range(10_000)], answers, labels, range(10_000)) == []
    assert watch.evicted == 10_000 - (annotators.ANNOTATORS_MAX - 8)
    assert len(json.dumps(watch.to_json())) < 60_000
    found = fed(watch, Crowd(careless={3: 0.5}), rng, 4_000)
    assert [(one.what, one.parties) for one in found] == [(What.ANNOTATOR_DRIFTS, ("a3",))]


def test_whoever_takes_the_place_of_one_who_was_found_takes_nothing_over() -> None:
    watch, rng = settled(Crowd(annotators=3), 3)
    assert len(fed(watch, Crowd(annotators=3, careless={1: 0.5}), rng, 3_000)) == 1
    for begin in range(0, 200_000, 20_000):
        _, answers, labels = Crowd().labels(rng, 20_000)
        bots: list[str | None] = [f"bot {begin + i}" for i in range(20_000)]
        assert watch.update(bots, answers, labels, range(20_000)) == []
    assert watch.findings == []
    assert not watch._apart.any()
    assert watch._ever.sum(axis=0)[0].max() < 1_000


@pytest.mark.parametrize(
    "poison",
    ["", "x" * 10_000, "\u2603", float("inf"), 10**5000, -0.0, None, True],
    ids=lambda p: repr(type(p)),
)
def test_poison_raises_nothing(poison: object) -> None:
    watch, _ = settled(Crowd(), 3)
    names: list[str | None] = [poison if isinstance(poison, str) else None] * 200
    for answers in ([poison] * 200, ["ant"] * 200):
        watch.update(names, answers, [poison] * 200, [0] * 200, ["a1"] * 200, [poison] * 200)
    assert watch.update([], [], [], []) == []
    json.dumps(watch.to_json(), allow_nan=False)
