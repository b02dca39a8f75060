"""The join against an oracle that keeps everything, under every interleaving that Hypothesis thinks of."""

from hypothesis import given
from hypothesis import strategies as st

from driftd.config import Labels
from driftd.engine.join import SEGMENT_PREDICTIONS, Join

SETTINGS = Labels(waiting_predictions_max=10_000, waiting_labels_max=10_000, reorder_max=3)
SOURCE = ("predictions", 0)


def predict(join: Join, key: int, at_ms: int = 0) -> bool:
    return join.predict(key, at_ms, SOURCE, key, f"said {key}", None)


STEPS = st.lists(
    st.tuples(st.sampled_from(["prediction", "label"]), st.integers(0, 30), st.integers(0, 3)), max_size=120
)


@given(STEPS)
def test_every_prediction_is_joined_with_its_first_label_and_once(steps: list[tuple[str, int, int]]) -> None:
    join, pairs = Join(SETTINGS), []
    predicted: dict[int, int] = {}
    labels: dict[int, int] = {}
    latest: dict[int, int] = {}
    for what, key, answer in steps:
        if what == "prediction":
            assert predict(join, key) == (key not in predicted)
            if key not in predicted:
                predicted[key] = len(predicted)
                if key in latest:
                    labels[key] = latest[key]
        else:
            join.label(key, answer, 0)
            latest[key] = answer  # a label that waits is replaced by its correction
            if key in predicted and key not in labels:
                labels[key] = answer
        pairs += join.release()
    pairs += join.ready
    assert {pair.number: pair.label for pair in pairs} == {predicted[key]: labels[key] for key in labels}
    assert len(pairs) == len(labels)
    assert join.counts.labels_joined == len(labels)


@given(STEPS)
def test_pairs_are_released_in_prediction_order_but_for_those_that_are_counted(
    steps: list[tuple[str, int, int]],
) -> None:
    join, numbers = Join(SETTINGS), []
    for what, key, answer in steps:
        if what == "prediction":
            predict(join, key)
        else:
            join.label(key, answer, 0)
        numbers += [pair.number for pair in join.release()]
    late = sum(1 for i, number in enumerate(numbers) if any(earlier > number for earlier in numbers[:i]))
    assert join.counts.out_of_order == late


def test_a_missing_label_holds_others_up_no_longer_than_reorder_max_pairs() -> None:
    join = Join(SETTINGS)
    for key in range(10):
        predict(join, key)
    released = []
    for key in range(1, 10):
        join.label(key, "yes", 0)
        released += [pair.number for pair in join.release()]
    assert released == [1, 2, 3, 4, 5, 6]
    join.label(0, "yes", 0)
    assert [pair.number for pair in join.release()] == [0, 7, 8, 9]
    assert join.counts.out_of_order == 1


def test_predictions_older_than_the_window_leave_in_whole_segments() -> None:
    join = Join(Labels(join_window_ms=1000))
    for key in range(SEGMENT_PREDICTIONS):
        predict(join, key, at_ms=0)
    for key in range(SEGMENT_PREDICTIONS, 2 * SEGMENT_PREDICTIONS + 1):
        predict(join, key, at_ms=5000)
    join.label(3, "yes", 5000)
    assert join.counts.labels_joined == 0
    assert join.counts.predictions_unlabelled_evicted == SEGMENT_PREDICTIONS


def test_a_label_ten_years_late_is_held_for_a_while_and_joins_nothing() -> None:
    join = Join(SETTINGS)
    predict(join, 1, at_ms=0)
    join.label(2, "yes", at_ms=315_360_000_000)
    assert join.release() == []
    assert join.waiting_predictions == 1
