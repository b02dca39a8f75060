"""The order between partitions: a function of what they hold, however it is fetched and taken."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from driftd.alignment import Alignment, Run, bytes_of, runs_of, source_order
from driftd.config import Config
from driftd.contract.record import Record, Source

SOURCES = (
    Source("driftd.control", 0),
    Source("predictions", 0),
    Source("predictions", 1),
    Source("labels", 0),
)
ALIGN_MS = 100
LANES = st.tuples(*[st.lists(st.integers(0, 1000), max_size=12) for _ in SOURCES])
"""Timestamps of the records of each partition; they may go backwards."""


def records_of(source: Source, timestamps: list[int]) -> list[Record]:
    return [
        Record(source.topic, source.partition, offset, timestamp_ms, None, b"x" * offset)
        for offset, timestamp_ms in enumerate(timestamps)
    ]


def by_definition(lanes: list[list[Record]]) -> list[Record]:
    """One record after the other: the smallest (step of the latest timestamp so far, rank of the partition)."""
    places, latest, order = [0] * len(lanes), [0] * len(lanes), []
    while any(place < len(lane) for place, lane in zip(places, lanes, strict=True)):
        keys = [
            (max(latest[rank], lane[place].timestamp_ms // ALIGN_MS), rank)
            for rank, (place, lane) in enumerate(zip(places, lanes, strict=True))
            if place < len(lane)
        ]
        step, rank = min(keys)
        latest[rank] = step
        order.append(lanes[rank][places[rank]])
        places[rank] += 1
    return order


@given(LANES, st.data())
def test_the_order_of_a_backlog_does_not_depend_on_how_it_is_fetched_and_taken(
    timestamps: tuple[list[int], ...], data: st.DataObject
) -> None:
    lanes = [records_of(source, times) for source, times in zip(SOURCES, timestamps, strict=True)]
    alignment, taken, fetched = Alignment(SOURCES, ALIGN_MS), list[Record](), [0] * len(SOURCES)
    total = sum(map(len, lanes))
    while len(taken) < total:
        unfetched = [rank for rank, lane in enumerate(lanes) if fetched[rank] < len(lane)]
        if unfetched:
            rank = data.draw(st.sampled_from(unfetched))
            end = data.draw(st.integers(fetched[rank] + 1, len(lanes[rank])))
            alignment.add(SOURCES[rank], lanes[rank][fetched[rank] : end])
            fetched[rank] = end
        behind = {SOURCES[rank] for rank, lane in enumerate(lanes) if fetched[rank] < len(lane)}
        taken += alignment.take(data.draw(st.integers(1, 5)), behind)
        left = [lane[:end] for lane, end in zip(lanes, fetched, strict=True)]
        waiting = Counter(record.source for lane in left for record in lane) - Counter(
            record.source for record in taken
        )
        assert alignment.waiting == {source: waiting[source] for source in SOURCES}
    assert taken == by_definition(lanes)
    assert set(alignment.waiting_bytes.values()) == {0}


def test_a_partition_that_is_behind_keeps_later_records_of_others_back() -> None:
    alignment = Alignment(SOURCES, ALIGN_MS)
    predictions, labels = SOURCES[1], SOURCES[3]
    alignment.add(labels, records_of(labels, [50, 150]))
    assert alignment.take(10, {predictions}) == []
    alignment.add(predictions, records_of(predictions, [60]))
    assert [record.topic for record in alignment.take(10, {predictions})] == ["predictions"]
    assert [record.timestamp_ms for record in alignment.take(10, ())] == [50, 150]


def test_what_waits_is_known_in_bytes() -> None:
    alignment = Alignment(SOURCES, ALIGN_MS)
    records = records_of(SOURCES[1], [1, 2, 3])
    alignment.add(SOURCES[1], records)
    assert alignment.waiting_bytes[SOURCES[1]] == bytes_of(records)
    alignment.take(1, ())
    assert alignment.waiting_bytes[SOURCES[1]] == bytes_of(records[1:])


def test_control_comes_before_predictions_and_predictions_before_labels() -> None:
    topics = Config().topics
    names = (*topics.labels, topics.control, *topics.predictions)
    order = source_order([Source(name, p) for name in names for p in (1, 0)], topics)
    assert [topic for topic, _ in order] == [
        name for name in ("driftd.control", "predictions", "labels") for _ in "01"
    ]
    assert [partition for _, partition in order] == [0, 1] * 3


def test_runs_are_records_of_one_partition_one_after_the_other() -> None:
    one, two = SOURCES[1:3]
    records = [*records_of(one, [0, 0, 0]), *records_of(two, [0]), *records_of(one, [0] * 5)[3:]]
    assert runs_of(records) == [Run(one, 0, 2), Run(two, 0, 0), Run(one, 3, 4)]
    assert runs_of([]) == []
