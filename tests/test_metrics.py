"""Metrics of labelled predictions: equal to plain numpy over all of it, whatever the batches, corrections, restarts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.performance.codes import FIRST, MISSING
from driftd.performance.layout import CALIBRATION_BINS, SCORE_EDGES, WEIGHT_ONE, Kind, Layout, Stratum
from driftd.performance.metrics import Accumulator, auc, cost_matrix
from driftd.performance.pairs import Counts, Pairs, Refused, class_pairs, number_pairs, text_pairs
from driftd.performance.text import TextRule, compare

Floats = NDArray[np.float64]


@dataclass
class Labelled:
    """n labelled predictions of `classes` classes; weights as they are counted."""

    classes: int
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    scores: Floats
    weights: Floats

    def pairs(self, begin: int = 0, end: int | None = None) -> Pairs:
        """Those from `begin` to before `end`, as they are counted."""
        cut = slice(begin, end)
        return class_pairs(
            self.predicted[cut],
            self.label[cut],
            Counts(),
            classes_max=8,
            weights=self.weights[cut],
            scores=self.scores[cut],
        )


@st.composite
def labelled(draw: st.DrawFn) -> Labelled:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, classes = draw(st.integers(1, 60)), draw(st.integers(2, 5))
    scores = random.dirichlet(np.full(classes, draw(st.sampled_from([0.05, 1.0]))), n)
    predicted = scores.argmax(axis=1) + FIRST
    if draw(st.booleans()):
        predicted = random.integers(FIRST, FIRST + classes, n)
    label = random.integers(FIRST, FIRST + draw(st.integers(1, classes)), n)
    weights = np.ones(n) if draw(st.booleans()) else random.choice([0.0, 0.1, 1.0, 2.5, 65_536.0], n)
    return Labelled(classes, predicted, label, scores, np.rint(weights * WEIGHT_ONE) / WEIGHT_ONE)


def mean(weights: Floats, values: NDArray[Any]) -> float:
    return float((weights * values).sum() / weights.sum()) if weights.sum() else float("nan")


def oracle(data: Labelled, costs: Floats) -> dict[str, float]:
    """The metrics by their textbook definitions, pair by pair."""
    w, y, p, s = data.weights, data.label, data.predicted, data.scores
    recall, f1 = [], []
    for code in range(FIRST, FIRST + data.classes):
        right, labels, predictions = (
            (w * hit).sum() for hit in ((y == code) & (p == code), y == code, p == code)
        )
        recall += [right / labels] if labels else []
        f1 += [2 * right / (labels + predictions)] if labels + predictions else []
    one_hot = np.eye(data.classes)[y - FIRST]
    rows = np.arange(len(y))
    confidence, bins = s[rows, p - FIRST], np.minimum(s[rows, p - FIRST] * CALIBRATION_BINS, 19).astype(int)
    gaps = [abs((w * (confidence - (y == p)))[bins == b].sum()) for b in range(CALIBRATION_BINS)]
    return {
        "accuracy": mean(w, y == p),
        "balanced_accuracy": float(np.mean(recall)) if recall else float("nan"),
        "f1_macro": float(np.mean(f1)) if f1 else float("nan"),
        "cost": mean(w, costs[p, y]),
        "log_loss": mean(w, -np.log(np.maximum(s[rows, y - FIRST], 1e-6))),
        "brier": mean(w, ((s - one_hot) ** 2).sum(axis=1)),
        "calibration_error": sum(gaps) / w.sum() if w.sum() else float("nan"),
    }


def exact_auc(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> float:
    above = (scores[positive][:, None] > scores[~positive]) + 0.5 * (
        scores[positive][:, None] == scores[~positive]
    )
    pairs = weights[positive][:, None] * weights[~positive]
    return float((above * pairs).sum() / pairs.sum()) if pairs.sum() else float("nan")


COSTS = cost_matrix({(2, 3): 1.0, (3, 2): 25.0, (2, 2): -0.3}, 5)


@given(labelled())
def test_metrics_of_classes_are_those_of_plain_numpy(data: Labelled) -> None:
    accumulator = Accumulator(Layout(Kind.CLASSES))
    accumulator.add(data.pairs())
    found = accumulator.figures(COSTS[: data.classes + FIRST, : data.classes + FIRST])
    for name, value in oracle(data, COSTS).items():
        assert found[name] == pytest.approx(value, abs=1e-12, rel=1e-12, nan_ok=True), name


@given(labelled())
def test_the_auc_is_as_near_as_it_says_and_exact_for_binned_scores(data: Labelled) -> None:
    accumulator = Accumulator(Layout(Kind.CLASSES))
    accumulator.add(data.pairs())
    found = accumulator.figures()
    areas, binned = [], []
    for column in range(data.classes):
        positive = data.label == column + FIRST
        scores = data.scores[:, column]
        areas.append(exact_auc(scores, positive, data.weights))
        edged = np.searchsorted(SCORE_EDGES, scores, side="right").astype(np.float64)
        binned.append(exact_auc(edged, positive, data.weights))
    known = [area for area in areas if not np.isnan(area)]
    if not known:
        assert np.isnan(found["auc"])
        return
    assert abs(found["auc"] - np.mean(known)) <= found["auc_error"] + 1e-12
    assert found["auc"] == pytest.approx(np.nanmean(binned), abs=1e-12)


def test_the_error_of_a_histogram_auc_is_small_where_scores_are_spread() -> None:
    random = np.random.default_rng(5)
    label = random.integers(0, 2, 20_000)
    odds = random.normal(np.where(label == 1, 1.0, -1.0), 1.5) - 4  # a rare class: all scores are low
    score = 1 / (1 + np.exp(-odds))
    low, high = (
        np.bincount(np.searchsorted(SCORE_EDGES, score[label == side]), minlength=64).astype(float)
        for side in (0, 1)
    )
    area, error = auc(low, high)
    assert error < 0.02
    assert abs(area - exact_auc(score, label == 1, np.ones(20_000))) < 0.002


def numbers(random: np.random.Generator, n: int, scale: float) -> tuple[Floats, Floats, Floats]:
    prediction = random.normal(0, scale, n)
    return (
        prediction,
        prediction + random.normal(0.1 * scale, scale / 3, n),
        random.choice([0.5, 1.0, 3.0], n),
    )


@given(st.integers(0, 2**32), st.integers(1, 50), st.sampled_from([1e-9, 1.0, 1e3, 1e12]))
def test_metrics_of_numbers_are_those_of_plain_numpy(seed: int, n: int, scale: float) -> None:
    prediction, label, weights = numbers(np.random.default_rng(seed), n, scale)
    accumulator = Accumulator(Layout(Kind.NUMBERS))
    accumulator.add(number_pairs(prediction, label, Counts(), weights=weights))
    found = accumulator.figures()
    errors = prediction - label
    assert found["mae"] == pytest.approx(np.average(np.abs(errors), weights=weights), rel=1e-12)
    assert found["rmse"] == pytest.approx(np.sqrt(np.average(errors**2, weights=weights)), rel=1e-12)
    assert found["bias"] == pytest.approx(np.average(errors, weights=weights), abs=1e-12 * scale)


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["a", "b", "um"]), max_size=6)] * 2), min_size=1))
def test_metrics_of_texts_are_those_of_a_plain_sum(texts: Sequence[tuple[list[str], list[str]]]) -> None:
    compared = compare([" ".join(a) for a, _ in texts], [" ".join(b) for _, b in texts], TextRule())
    weights = np.linspace(0.5, 2, len(texts))
    weights = np.rint(weights * WEIGHT_ONE) / WEIGHT_ONE
    accumulator = Accumulator(Layout(Kind.TEXTS))
    accumulator.add(text_pairs(compared, Counts(), weights=weights))
    found = accumulator.figures()
    edits = compared.substitutions + compared.insertions + compared.deletions
    words = (weights * compared.words).sum()
    expected = (weights * edits).sum() / words if words else float("nan")
    assert found["word_error_rate"] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert found["sentence_error"] == pytest.approx(np.average(compared.wrong, weights=weights), abs=1e-12)


@given(labelled(), st.lists(st.integers(0, 60)), st.randoms(use_true_random=False), st.sampled_from(Stratum))
@settings(max_examples=60)
def test_order_batches_merges_and_restarts_leave_no_trace(
    data: Labelled, cuts: list[int], random: object, stratum: Stratum
) -> None:
    layout = Layout(Kind.CLASSES, stratum=stratum)
    whole = Accumulator(layout)
    whole.add(data.pairs())
    parts = Accumulator(layout)
    bounds = sorted({0, len(data.label), *(min(cut, len(data.label)) for cut in cuts)})
    for begin, end in reversed(list(pairwise(bounds))):
        part = Accumulator(layout)
        part.add(data.pairs(begin, end))
        parts.merge(Accumulator.from_json(json.loads(json.dumps(part.to_json()))))
    assert parts.to_json() == whole.to_json()


@given(labelled(), st.integers(0, 60))
def test_what_is_taken_back_leaves_no_trace(data: Labelled, cut: int) -> None:
    accumulator, rest = Accumulator(Layout(Kind.CLASSES, 5)), Accumulator(Layout(Kind.CLASSES, 5))
    accumulator.add(data.pairs())
    accumulator.take_back(data.pairs(0, cut))
    rest.add(data.pairs(cut))
    assert accumulator.to_json() == rest.to_json()


@given(st.integers(0, 2**32), st.sampled_from([1e-9, 1.0, 1e12]))
def test_errors_of_numbers_are_taken_back_exactly(seed: int, scale: float) -> None:
    prediction, label, weights = numbers(np.random.default_rng(seed), 40, scale)
    accumulator = Accumulator(Layout(Kind.NUMBERS))
    before = accumulator.to_json()
    pairs = number_pairs(prediction, label, Counts(), weights=weights)
    accumulator.add(pairs)
    assert accumulator.to_json() != before
    accumulator.take_back(pairs)
    assert accumulator.to_json() == before


def test_poison_is_counted_and_kept_out() -> None:
    refused = Counts()
    n, nan, inf = 9, float("nan"), float("inf")
    scores = np.array(
        [[0.5, 0.5], [nan, 1], [inf, 0], [-0.1, 1.1], [0.1, 0.1], [nan, nan], [1, 0], [0, 1], [0, 1]]
    )
    pairs = class_pairs(
        np.array([2, 2, 2, 2, 2, 2, MISSING, 2, 2]),
        np.array([2, 2, 2, 2, 2, 2, 2, MISSING, 2]),
        refused,
        classes_max=2,
        weights=np.array([1, 1, 1, 1, 1, 1, 1, 1, nan]),
        scores=scores,
    )
    accumulator = Accumulator(Layout(Kind.CLASSES))
    accumulator.add(pairs)
    assert refused == {
        Refused.SCORES_NOT_FINITE: 2,
        Refused.SCORES_OUTSIDE: 1,
        Refused.SCORES_SUM: 1,
        Refused.PREDICTION: 1,
        Refused.LABEL: 1,
        Refused.WEIGHT: 1,
    }
    assert accumulator.tally.field("pairs").sum() == 6  # bad scores do not make a label worthless
    assert accumulator.tally.field("scored").sum() == WEIGHT_ONE
    assert accumulator.figures()["log_loss"] == pytest.approx(np.log(2), abs=1e-12)
    assert n == len(scores)


def test_numbers_beyond_all_measure_are_kept_out() -> None:
    refused = Counts()
    prediction = np.array([1.0, float("nan"), 1.7e308, float("inf"), 1e30, 3.0])
    label = np.array([1.5, 1.0, -1.7e308, 1.0, 1.0, float("nan")])
    accumulator = Accumulator(Layout(Kind.NUMBERS))
    accumulator.add(number_pairs(prediction, label, refused))
    assert refused == {Refused.PREDICTION: 2, Refused.LABEL: 1, Refused.ERROR_SIZE: 2}
    assert accumulator.figures() == {"mae": 0.5, "rmse": 0.5, "bias": -0.5}


def test_without_labels_there_is_no_figure() -> None:
    for kind in Kind:
        assert all(np.isnan(value) for value in Accumulator(Layout(kind)).figures().values())


def test_classes_too_many_are_other_and_right_only_where_they_are_the_same() -> None:
    predicted, label = np.array([2, 9, 9, 9, 2]), np.array([2, 9, 8, 2, 9])
    accumulator = Accumulator(Layout(Kind.CLASSES))
    accumulator.add(class_pairs(predicted, label, Counts(), classes_max=2, same=predicted == label))
    assert accumulator.tally.layout.classes <= 2
    assert accumulator.figures()["accuracy"] == 2 / 5
    unsaid = Accumulator(Layout(Kind.CLASSES))
    unsaid.add(class_pairs(predicted, label, Counts(), classes_max=2))
    assert unsaid.figures()["accuracy"] == 1 / 5


def test_counts_of_different_things_do_not_merge() -> None:
    with pytest.raises(ValueError, match="counts other things"):
        Accumulator(Layout(Kind.CLASSES)).merge(Accumulator(Layout(Kind.NUMBERS)))
