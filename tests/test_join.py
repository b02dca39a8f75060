"""The join against an oracle that does one event after the other in dictionaries, under what Hypothesis thinks of."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftd.config import Labels
from driftd.engine.held import ROW_BYTES, SEGMENT_PREDICTIONS
from driftd.engine.join import Join
from driftd.engine.join_state import join_entries
from driftd.engine.taking import Taken
from join_oracle import Labelled, Oracle, Predicted, Row, Step, fed, restarted, rows_of, stored

WINDOW_MS = 100
SETTINGS = Labels(join_window_ms=WINDOW_MS, reorder_max=3)
NAMES = st.sampled_from([f"id-{i}" for i in range(8)])
TIMES = st.sampled_from([0, 1, 2, WINDOW_MS, WINDOW_MS + 1, 5 * WINDOW_MS])
ANSWERS = st.sampled_from(["yes", "no", "", 1.0, 0.0, True, False])
ANNOTATORS = st.sampled_from([None, None, "ann", "bob", "yes"])
STEPS = st.lists(
    st.one_of(
        st.builds(
            Predicted,
            NAMES,
            TIMES,
            st.one_of(st.none(), ANSWERS),
            st.sampled_from([None, {"b": "1", "a": "2"}]),
        ),
        st.builds(Labelled, NAMES, TIMES, ANSWERS, ANNOTATORS, st.sampled_from([1.0, 1.0, 0.0, 2.5])),
    ),
    max_size=60,
)
CUTS = st.lists(st.integers(0, 1500), max_size=6)
WITHOUT_ORACLE = ("labels_of_other_type", "predictions_unlabelled_evicted_by_version")


def same(join: Join, oracle: Oracle, taken: Sequence[Taken], begins: Sequence[int] = (0,)) -> None:
    """Assert that the join made of a stream, in batches with those `begins`, what the oracle did."""
    deciders = [at + begin for begin, part in zip(begins, taken, strict=True) for at in part.deciders]
    assert deciders == oracle.deciders
    assert [row for part in taken for row in rows_of(part)] == oracle.pairs
    released = [(pair.number, pair.label) for part in taken for pair in part.pairs]
    assert released == oracle.released
    counts = {k: v for k, v in asdict(join.take_counts()).items() if v and k not in WITHOUT_ORACLE}
    assert counts == {name: count for name, count in oracle.counts.items() if count}
    assert (len(join.waiting), len(join.early)) == (len(oracle.kept), len(oracle.early))


def oracle_of(steps: Sequence[Step], limits: Labels) -> Oracle:
    oracle = Oracle(limits)
    for step in steps:
        oracle.take(step)
    return oracle


def cut(steps: Sequence[Step], cuts: Sequence[int]) -> list[Sequence[Step]]:
    ends = [*sorted(min(end, len(steps)) for end in cuts), len(steps)]
    return [steps[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(STEPS)
def test_pairs_corrections_and_counts_are_those_of_the_oracle(steps: list[Step]) -> None:
    join = Join(SETTINGS)
    same(join, oracle_of(steps, SETTINGS), [fed(join, steps)])


@given(STEPS, st.randoms(use_true_random=False))
def test_it_makes_no_difference_whether_predictions_or_their_labels_come_first(
    steps: list[Step], rng: random.Random
) -> None:
    # all of one time: a later one would let labels go that wait
    once = {s.name: s._replace(at_ms=0) for s in reversed(steps) if isinstance(s, Predicted)}
    said = [step for step in steps if isinstance(step, Labelled)]

    def pairs(order: list[Step]) -> Counter[Any]:
        # numbers differ, because predictions come in another order
        return Counter(repr(row[1:]) for row in rows_of(fed(Join(SETTINGS), order)))

    mixed: list[Step] = list(said)
    for step in once.values():
        mixed.insert(rng.randint(0, len(mixed)), step)
    assert pairs([*once.values(), *said]) == pairs([*said, *once.values()]) == pairs(mixed)


def story(seed: int, events: int, late: float) -> list[Step]:
    """A stream long enough to let predictions go: labels late, early, corrected, repeated, of nothing."""
    rng = random.Random(seed)
    steps: list[Step] = []
    kind = run = 0.0
    for i in range(events):
        at_ms = i + rng.randint(-3, 0)
        run -= 1
        if run <= 0:  # as records come: many of one partition, and then of another
            kind, run = rng.random(), rng.choice([1, 2, 5, 20, 80])
        number = i - min(int(rng.expovariate(1 / late)), i) if kind < 0.95 else rng.randint(0, 2 * events)
        if kind < 0.5:
            said = rng.choice(["yes", "no", None, 1.5, f"text {i}"])
            steps.append(Predicted(f"{i}", at_ms, said, rng.choice([None, {"a": "b"}])))
        else:
            answer = rng.choice(["yes", "no", True, 0.5, f"text {i}" if rng.random() < 0.3 else "yes"])
            weight = rng.choice([1.0, 1.0, 1.0, 0.0])
            steps.append(Labelled(f"{number}", at_ms, answer, rng.choice([None, "ann"]), weight))
        if rng.random() < 0.05:
            steps.append(steps[rng.randint(max(len(steps) - 50, 0), len(steps) - 1)])
    return steps


BOUNDS = [
    Labels(join_window_ms=10_000, waiting_predictions_max=300, waiting_labels_max=50, reorder_max=5),
    Labels(join_window_ms=400, reorder_max=0, waiting_labels_max=0),
    Labels(join_window_ms=10_000, waiting_predictions_bytes_max=60_000, waiting_labels_bytes_max=5_000),
    Labels(join_window_ms=700, waiting_predictions_bytes_max=120_000, reorder_max=1000),
]


def test_the_streams_of_these_tests_lose_something_for_every_reason() -> None:
    lost = Counter[str]()
    for limits in BOUNDS:
        for seed in range(6):
            lost += oracle_of(story(seed, 1200, 40.0), limits).counts
    assert set(asdict(Join(SETTINGS).take_counts())) - set(WITHOUT_ORACLE) == set(lost)


@given(st.integers(0, 10_000), st.sampled_from(BOUNDS), st.sampled_from([3.0, 40.0, 400.0]), CUTS)
@settings(max_examples=40, deadline=None)
def test_what_leaves_is_counted_by_reason_and_nobody_sees_batches_and_restarts(
    seed: int, limits: Labels, late: float, cuts: list[int]
) -> None:
    steps = story(seed, 1200, late)
    join, taken, counts = Join(limits), [], Counter[str]()
    kept: dict[str, bytes] = {}
    for part in cut(steps, cuts):
        taken.append(fed(join, part))
        for key, document in join_entries(join, whole=False).items():
            if document is None:
                kept.pop(key, None)
            else:
                kept[key] = msgspec.json.encode(document)
        assert kept == stored(join)
        counts.update(asdict(join.take_counts()))
        sizes = (join.waiting.waiting_bytes, join.early.held_bytes)
        join = restarted(kept, limits)
        assert stored(join) == kept
        assert (join.waiting.waiting_bytes, join.early.held_bytes) == sizes
    for name, count in counts.items():
        join.waiting.counts.add(name, count)
    lengths = [len(part) for part in cut(steps, cuts)]
    same(join, oracle_of(steps, limits), taken, [sum(lengths[:i]) for i in range(len(lengths))])
    whole = Join(limits)
    fed(whole, steps)
    assert stored(whole) == kept


def first_rows(taken: Taken) -> list[Row]:
    return [row[4:] for row in rows_of(taken)]


def test_a_correction_comes_with_the_label_and_the_annotator_that_it_replaces() -> None:
    said = [
        Labelled("a", 1, "no", "ann", 2.0),
        Labelled("a", 2, "yes", "bob"),
        Labelled("a", 3, "yes", "ann"),
    ]
    assert first_rows(fed(Join(SETTINGS), [Predicted("a", 0), *said])) == [
        ("no", 1, "ann", 2.0, "first", None, None),
        ("yes", 2, "bob", 1.0, "correction", "no", "ann"),
        ("yes", 3, "ann", 1.0, "agreement", None, "bob"),
    ]


def test_a_correction_of_what_still_waits_for_its_turn_takes_its_place_and_a_later_one_does_not() -> None:
    join = Join(SETTINGS)
    taken = fed(join, [Predicted("a", 0), Predicted("b", 0), Labelled("b", 1, "no"), Labelled("b", 2, "yes")])
    assert len(taken.pairs) == 0
    taken = fed(join, [Labelled("a", 3, "yes"), Labelled("a", 4, "no"), Labelled("b", 5, "no")])
    assert [(pair.number, pair.label, pair.kind.value) for pair in taken.pairs] == [
        (0, "yes", "first"), (1, "yes", "first"),
    ]  # fmt: skip
    assert taken.deciders == [0, 0]
    assert taken.joined_at == [0, 1, 2]


def test_a_missing_label_holds_others_up_no_longer_than_reorder_max_pairs() -> None:
    join = Join(SETTINGS)
    predicted: list[Step] = [Predicted(f"{i}", 0) for i in range(10)]
    taken = fed(join, [*predicted, *(Labelled(f"{i}", 0) for i in range(1, 10))])
    assert [pair.number for pair in taken.pairs] == [1, 2, 3, 4, 5, 6]
    assert [pair.number for pair in fed(join, [Labelled("0", 0)]).pairs] == [0, 7, 8, 9]
    assert join.take_counts().out_of_order == 1


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        (Labelled("0", 315_360_000_000), {"labels_too_late": 1}),  # ten years
        (Labelled("0", 0), {"labels_joined": 1}),  # of a time before its prediction
        (Labelled("0", 5, "yes", weight=0.0), {"labels_joined": 1, "labels_without_weight": 1}),
        (Labelled("nobody", 5), {}),
    ],
)
def test_an_odd_label_is_counted_as_what_it_is(said: Labelled, counted: dict[str, int]) -> None:
    join = Join(SETTINGS)
    fed(join, [Predicted("0", 5), said])
    assert {name: count for name, count in asdict(join.take_counts()).items() if count} == counted


def test_a_label_of_weight_zero_is_handed_out_and_has_no_turn() -> None:
    taken = fed(Join(SETTINGS), [Predicted("0", 5), Labelled("0", 5, weight=0.0)])
    assert ([pair.weight for pair in taken.joined], len(taken.pairs)) == ([0.0], 0)


def test_a_label_type_that_changes_is_counted_and_one_of_the_same_value_is_a_correction() -> None:
    join = Join(SETTINGS)
    said = [Labelled("0", 5, 1.0), Labelled("0", 5, True), Labelled("0", 5, "1")]
    steps: list[Step] = [Predicted("0", 5), *said]
    kinds = [(pair.kind.value, pair.replaced) for pair in fed(join, steps).joined]
    assert kinds == [("first", None), ("correction", 1.0), ("correction", True)]
    assert join.take_counts().labels_of_other_type == 2


def test_labels_that_match_nothing_are_bounded_in_count_and_bytes() -> None:
    join = Join(Labels(waiting_labels_max=1000))
    for begin in range(0, 20_000, 1000):
        fed(join, [Labelled(f"nobody {i}", 0) for i in range(begin, begin + 1000)])
    assert (len(join.early), join.take_counts().early_labels_evicted_by_count) == (1000, 19_000)
    join = Join(Labels(waiting_labels_bytes_max=100_000))
    fed(join, [Labelled(f"nobody {i}", 0, "x" * 800) for i in range(1000)])
    assert 0 < join.early.held_bytes <= 100_000
    assert len(join.early) + join.take_counts().early_labels_evicted_by_bytes == 1000


def test_predictions_of_long_texts_are_bounded_in_bytes() -> None:
    most = 1_000_000
    join = Join(Labels(waiting_predictions_bytes_max=most))
    for begin in range(0, 5000, 500):
        fed(join, [Predicted(f"{i}", 0, f"{i}" + "x" * 700) for i in range(begin, begin + 500)])
        assert join.waiting.waiting_bytes <= most + SEGMENT_PREDICTIONS * (ROW_BYTES + 1000)
    assert len(join.waiting) + join.take_counts().predictions_unlabelled_evicted_by_bytes == 5000


def test_the_label_of_the_oldest_prediction_lets_those_go_that_waited_for_it() -> None:
    order = [*range(1, 12), 0, *range(12, 20)]
    steps: list[Step] = [Predicted(f"{i}", 0) for i in range(20)]
    steps += [Labelled(f"{i}", 0) for i in order]
    join = Join(Labels())
    taken = fed(join, steps)
    assert taken.deciders == [31] * 12 + list(range(32, 40))
    same(join, oracle_of(steps, Labels()), [taken])


def test_of_several_labels_for_one_prediction_the_oldest_is_let_go_first() -> None:
    join = Join(Labels(waiting_labels_max=1))
    taken = fed(join, [Labelled("a", 0, "yes"), Labelled("a", 0, "no"), Predicted("a", 0)])
    assert [pair.label for pair in taken.joined] == ["no"]


def test_ids_are_found_however_many_came_before() -> None:
    join = Join(Labels(waiting_predictions_max=300))
    for begin in range(0, 20_000, 200):
        fed(join, [Predicted(f"{i}", 0) for i in range(begin, begin + 200)])
        fed(join, [Labelled(f"{i}", 0) for i in range(begin, begin + 200)])
    assert join.take_counts().labels_joined == 20_000
