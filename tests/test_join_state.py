"""What the join stores: in proportion to what changed, bounded, and refused where a part is missing."""

import pytest

from driftd.config import Labels
from driftd.engine.held import SEGMENT_PREDICTIONS
from driftd.engine.join import Join
from driftd.engine.join_state import join_entries
from driftd.engine.label_log import CHUNK_LABELS, SPARE_LABELS
from join_oracle import Labelled, Predicted, fed, restarted, stored

SETTINGS = Labels(join_window_ms=100, reorder_max=3)


def test_what_a_commit_writes_is_in_proportion_to_what_changed() -> None:
    join = Join(Labels())
    fed(join, [Predicted(f"{i}", i) for i in range(20_000)])
    first = join_entries(join, whole=False)
    assert len(first) == -(-20_000 // SEGMENT_PREDICTIONS) + 1
    fed(join, [Labelled(f"{i * 7919 % 20_000}", i) for i in range(100)])
    assert set(join_entries(join, whole=False)) == {"join", "labels.0"}
    fed(join, [Predicted("one more", 0)])
    assert set(join_entries(join, whole=False)) == {"join", f"held.{20_000 // SEGMENT_PREDICTIONS}"}


def test_the_log_of_labels_stays_below_twice_what_is_in_force_however_often_they_are_corrected() -> None:
    join = Join(Labels())
    fed(join, [Predicted(f"{i}", 0) for i in range(3000)])
    for turn in range(20):
        fed(join, [Labelled(f"{i * 7919 % 3000}", 0, f"{turn}") for i in range(3000)])
    log = join.waiting.log
    assert log.in_force_total == 3000
    assert len(log.full) * CHUNK_LABELS <= 2 * 3000 + SPARE_LABELS
    assert restarted(stored(join), Labels()).waiting.log.in_force == log.in_force


def test_a_label_that_stays_in_force_is_moved_out_of_a_chunk_whose_others_were_corrected() -> None:
    join = Join(Labels())
    fed(join, [Predicted(f"{i}", 0) for i in range(1000)])
    for i in range(1000):  # one that stays, and many for the same prediction
        fed(join, [Labelled(f"{i}", 0, "stays"), *(Labelled("0", 0, f"{i} {j}") for j in range(20))])
    log = join.waiting.log
    assert len(log.full) * CHUNK_LABELS <= 2 * 1000 + SPARE_LABELS + CHUNK_LABELS
    again = restarted(stored(join), Labels())
    assert again.waiting.log.in_force == log.in_force
    taken = fed(again, [Labelled(f"{i}", 0, "stays") for i in range(1, 1000)])
    assert (len(taken.joined), again.take_counts().labels_repeated) == (0, 999)


def test_a_new_version_lets_predictions_go_and_keeps_early_labels() -> None:
    join = Join(SETTINGS)
    fed(join, [*(Predicted(f"{i}", 0) for i in range(300)), Labelled("0", 0), Labelled("later", 0)])
    join.restart()
    assert join.take_counts().predictions_unlabelled_evicted_by_version == 299
    taken = fed(join, [Labelled("1", 0), Predicted("later", 0), Predicted("1", 0)])
    assert [pair.number for pair in taken.joined] == [300, 301]
    assert stored(restarted(stored(join), SETTINGS)) == stored(join)


def test_a_state_that_lacks_a_part_is_refused() -> None:
    join = Join(SETTINGS)
    fed(join, [*(Predicted(f"{i}", 0) for i in range(300)), Labelled("0", 0), Labelled("later", 0)])
    entries = stored(join)
    assert set(entries) == {"join", "held.0", "held.1", "labels.0", "early.0"}
    for missing in entries:
        with pytest.raises((ValueError, KeyError)):
            restarted({key: value for key, value in entries.items() if key != missing}, SETTINGS)
