"""Changed names of classes are named, and nothing else is taken for them."""

import itertools
import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.label_hands import CLASSES, Codes, answers, named
from driftd.labelling import mapping
from driftd.labelling.finding import LabelFinding, What
from driftd.labelling.mapping import MappingWatch
from driftd.labelling.mapping_bets import MappingBets
from driftd.labelling.mapping_claims import circles

BUDGET = 1e6
LEARNED = 2_000
RANDOM = np.random.Generator


def fed(watch: MappingWatch, predicted: Codes, labels: Sequence[object]) -> list[LabelFinding]:
    named = [CLASSES[code] for code in predicted.tolist()]
    first = watch.labels
    return watch.update(named, labels, range(1000 * first, 1000 * (first + len(labels)), 1000))


def learned(rng: RANDOM, accuracy: float, shares: list[float] | None = None) -> MappingWatch:
    """A watch that has learned, and seen a thousand labels more."""
    watch = MappingWatch(BUDGET, LEARNED)
    predicted, truth = answers(rng, LEARNED + 1000, accuracy, shares)
    assert fed(watch, predicted, named(truth)) == []
    return watch


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_two_swapped_classes_of_five_are_named_within_2000_labels_for_20_seeds(accuracy: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        watch = learned(rng, accuracy)
        a, b = sorted(rng.choice(5, 2, replace=False).tolist())
        swap = np.arange(5)
        swap[[a, b]] = b, a
        predicted, truth = answers(rng, 2_000, accuracy)
        found = fed(watch, predicted, named(swap[truth]))
        assert [(one.what, one.parties) for one in found] == [
            (What.CLASSES_SWAPPED, (CLASSES[a], CLASSES[b]))
        ]
        assert abs(found[0].onset_number - (LEARNED + 1000)) <= 192
        assert abs(found[0].onset_at_ms - 1000 * found[0].onset_number) == 0


def test_a_million_stationary_labels_raise_nothing() -> None:
    rng = np.random.default_rng(7)
    watch = MappingWatch(BUDGET, LEARNED)
    predicted, truth = answers(rng, 1_000_000, 0.8)
    predictions, labels = named(predicted), named(truth)
    for begin in range(0, 1_000_000, 50_000):
        end = begin + 50_000
        assert watch.update(predictions[begin:end], labels[begin:end], range(begin, end)) == []


def says(predicted: Codes, of: int, to: int, share: float, rng: RANDOM) -> Codes:
    return np.where((predicted == of) & (rng.random(len(predicted)) < share), to, predicted)


def confusing(rng: RANDOM, count: int, accuracy: float) -> tuple[Codes, Codes]:
    """The model no longer tells ants from bees."""
    predicted, truth = answers(rng, count, accuracy)
    coin = rng.random(count) < 0.5
    other = np.where(predicted == 0, 1, np.where(predicted == 1, 0, predicted))
    return np.where(coin, predicted, other), truth


def blind_to_ants(rng: RANDOM, count: int, accuracy: float) -> tuple[Codes, Codes]:
    predicted, truth = answers(rng, count, accuracy)
    return says(predicted, 0, 1, 1.0, rng), truth


Stream = Callable[[RANDOM, int, float], tuple[Codes, Codes]]
NO_SWAPS: dict[str, Stream] = {
    "half the accuracy": lambda rng, count, accuracy: answers(rng, count, accuracy / 2),
    "an eighth of the accuracy": lambda rng, count, accuracy: answers(rng, count, accuracy / 8),
    "other frequencies": lambda rng, count, accuracy: answers(
        rng, count, accuracy, [0.9, 0.02, 0.02, 0.02, 0.04]
    ),
    "a class is gone": lambda rng, count, accuracy: answers(rng, count, accuracy, [0, 0.02, 0.02, 0.46, 0.5]),
    "two classes not told apart": confusing,
    "one class never predicted": blind_to_ants,
    "the model is stuck": lambda rng, count, accuracy: (
        np.zeros(count, np.int64),
        answers(rng, count, accuracy)[1],
    ),
    "labels at random": lambda rng, count, accuracy: (
        answers(rng, count, accuracy)[0],
        rng.integers(0, 5, count),
    ),
}


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("change", NO_SWAPS)
def test_what_is_no_change_of_names_is_not_taken_for_one(change: str, accuracy: float) -> None:
    rng = np.random.default_rng(11)
    predicted, truth = NO_SWAPS[change](rng, 20_000, accuracy)
    assert fed(learned(rng, accuracy), predicted, named(truth)) == []


def test_a_rare_class_and_a_frequent_one_that_are_swapped_are_found() -> None:
    rng = np.random.default_rng(3)
    shares = [0.8, 0.05, 0.05, 0.05, 0.05]
    watch = learned(rng, 0.95, shares)
    predicted, truth = answers(rng, 3_000, 0.95, shares)
    found = fed(watch, predicted, named(np.array([1, 0, 2, 3, 4])[truth]))
    assert [(one.what, one.parties) for one in found] == [(What.CLASSES_SWAPPED, ("ant", "bee"))]


def test_a_renamed_class_is_named_with_its_new_name() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.8)
    predicted, truth = answers(rng, 2_000, 0.8)
    found = fed(watch, predicted, ["fox" if code == 0 else CLASSES[code] for code in truth.tolist()])
    assert [(one.what, one.parties) for one in found] == [(What.CLASS_RENAMED, ("ant", "fox"))]
    assert found[0].sentence.startswith('"ant" is now labelled "fox": 0 % -> ')


def test_a_class_that_is_merged_into_another_is_named_with_its_direction() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.8)
    predicted, truth = answers(rng, 2_000, 0.8)
    found = fed(watch, predicted, named(np.array([1, 1, 2, 3, 4])[truth]))
    assert [(one.what, one.parties) for one in found] == [(What.CLASSES_MERGED, ("ant", "bee"))]


def test_a_class_that_is_new_and_predicted_as_anything_renames_none() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.8)
    predicted, truth = answers(rng, 20_000, 0.8)
    labels = ["fox" if new else CLASSES[code] for code, new in zip(truth, rng.random(20_000) < 0.2)]  # noqa: B905
    assert fed(watch, predicted, labels) == []


def test_three_classes_that_go_round_are_one_finding() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.95)
    predicted, truth = answers(rng, 2_000, 0.95)
    found = fed(watch, predicted, named(np.array([1, 2, 0, 3, 4])[truth]))
    assert [(one.what, one.parties) for one in found] == [(What.CLASSES_SWAPPED, ("ant", "bee", "cat"))]


def test_circles_are_pairs_first_then_what_is_left() -> None:
    swapped, over = np.zeros((5, 5)), np.zeros((5, 5))
    swapped[0, 1] = swapped[1, 0] = 2
    over[3, 2] = over[4, 3] = over[2, 4] = 2
    assert circles(swapped, over, 1.0) == [(0, 1), (2, 3, 4)]
    over[2, 4] = 0.5
    assert circles(swapped, over, 1.0) == [(0, 1)]


def test_a_swap_needs_both_directions() -> None:
    bets = MappingBets(np.array([[90, 10], [10, 90], [0, 0]]), 1)
    held = np.zeros(bets.count)
    held[bets.pair_bets(0, 1, shared=False)] = 1.0
    assert bets.swapped(held).max() == 0
    held[bets.pair_bets(1, 0, shared=False)] = 2.0
    assert bets.swapped(held).tolist() == [[0, 1], [1, 0]]


def test_a_label_that_takes_the_place_of_another_takes_nothing_over_in_whatever_batches() -> None:
    """Foxes are ants; then comes so much else that is new that foxes are forgotten."""
    rng = np.random.default_rng(3)
    predicted, truth = answers(rng, 2_400, 0.95)
    labels = ["fox" if code == 0 else CLASSES[code] for code in truth[:256].tolist()]
    labels += [f"new {i}" for i in range(2_400 - 256)]
    whole = learned(rng, 0.95)
    parts = MappingWatch.from_json(whole.to_json())
    found = fed(whole, predicted, labels)
    assert [one.parties for one in found] == [("ant", "fox")]
    in_parts: list[LabelFinding] = []
    for i in range(0, 2_400, 50):
        in_parts += fed(parts, predicted[i : i + 50], labels[i : i + 50])
        assert parts._bets is not None
        inherited = parts._bets.new(parts._stakes.held).max() >= BUDGET
        assert not inherited or "fox" in parts._slots.names
    assert "fox" not in parts._slots.names
    assert in_parts == found


def test_a_swap_that_is_undone_is_over_and_the_next_one_is_told_anew() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.8)
    swap = np.array([1, 0, 2, 3, 4])
    told = []
    for mapped in (swap, np.arange(5), swap):
        predicted, truth = answers(rng, 4_000, 0.8)
        told.append(len(fed(watch, predicted, named(mapped[truth]))))
        assert len(watch.findings) == (mapped is swap)
    assert told == [1, 0, 1]


def test_the_sentence_tells_what_from_when_and_how_much() -> None:
    rng = np.random.default_rng(0)
    watch = learned(rng, 0.95)
    predicted, truth = answers(rng, 1_000, 0.95)
    found = fed(watch, predicted, named(np.array([1, 0, 2, 3, 4])[truth]))
    assert found[0].sentence == (
        'The labels "ant" and "bee" are swapped: 0.785 % -> 100 % of what is predicted as "ant" is labelled "bee", '
        "since label 3,024."
    )


def mixed(rng: RANDOM, count: int) -> tuple[list[object], list[object]]:
    """Learning, a swap, unknown labels (more than are watched), missing predictions, names of all types."""
    predicted, truth = answers(rng, count, 0.9)
    truth = np.where(np.arange(count) < count // 2, truth, np.array([1, 0, 2, 3, 4])[truth])
    predictions, labels = named(predicted), named(truth)
    for i in rng.choice(count, count // 8, replace=False).tolist():
        labels[i] = [f"new {i % 13}", 1, True, 1e300, "", 0.5][i % 6]
        predictions[i] = [None, "other", 1.0, False][i % 4]
    return predictions, labels


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 2400), max_size=6), seed=st.integers(0, 3))
def test_batches_and_restarts_are_invisible(cuts: list[int], seed: int) -> None:
    predictions, labels = mixed(np.random.default_rng(seed), 2400)
    whole = MappingWatch(1e3, 600)
    expected = whole.update(predictions, labels, range(2400))
    parts, found = MappingWatch(1e3, 600), []
    for begin, end in itertools.pairwise([0, *sorted(cuts), 2400]):
        parts = MappingWatch.from_json(json.loads(json.dumps(parts.to_json(), allow_nan=False)))
        found += parts.update(predictions[begin:end], labels[begin:end], range(begin, end))
    assert expected
    assert found == expected
    assert parts.to_json() == whole.to_json()


def test_a_label_of_its_own_for_each_prediction_fills_nothing_and_is_counted() -> None:
    rng = np.random.default_rng(3)
    watch = learned(rng, 0.8)
    size = len(json.dumps(watch.to_json()))
    predicted, _ = answers(rng, 30_000, 0.8)
    assert fed(watch, predicted, [f"label {i}" for i in range(30_000)]) == []
    assert watch.evicted == 30_000 - mapping.UNKNOWN_MAX
    assert len(json.dumps(watch.to_json())) < size + 4_000
    fresh = MappingWatch(BUDGET, LEARNED)
    fed(fresh, predicted, [f"label {i}" for i in range(30_000)])
    assert fresh.classes == ()
    assert fresh.pooled > 0


@pytest.mark.parametrize(
    "label",
    ["", "x" * 10_000, "\u2603", float("inf"), 10**5000, -0.0, None, True],
    ids=lambda label: repr(type(label)),
)
def test_poison_raises_nothing(label: object) -> None:
    rng = np.random.default_rng(3)
    for watch in (MappingWatch(BUDGET, LEARNED), learned(rng, 0.8)):
        for predictions in ([label] * 100, ["ant"] * 100):
            assert watch.update(predictions, [label] * 100, [0] * 100) == []
        assert watch.update([], [], []) == []
        json.dumps(watch.to_json(), allow_nan=False)
