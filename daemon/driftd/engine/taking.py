"""Taking in a model's share of a batch. Rule: predictions and labels meet in the order of their records.

What comes out is the same whatever way the records were cut into batches: which predictions are kept, and which
pairs became due at which record.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xxhash import xxh3_64_intdigest

from driftd.contract.record import Record
from driftd.decode.batch import LabelColumns, PredictionColumns, PredictionRows
from driftd.engine.join import Join, Pair, PredictionValue

RUN_PREDICTIONS_MIN = 8
"""Predictions without a label in between that are worth being held at once."""
SPARE_BITS = 4
"""An integer of up to 60 bits takes 32 bytes of memory, a larger one 48."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the join needs of n predictions; `scores` are C doubles in the order of the join's classes."""

    positions: list[int]
    ids: Sequence[str]
    at_ms: list[int]
    versions: Sequence[str | None]
    predictions: Sequence[PredictionValue]
    scores: Sequence[bytes | None]


@dataclass(slots=True)
class Taken:
    """What came of one share of a batch.

    `kept` are indices of predictions, `repeated` positions of predictions whose id is known already, `past` counts
    those of versions that are over; `pairs` are joined pairs whose turn has come, `deciders` the positions of the
    records that made it so and `decided_at_ms` the times of those records' events. `next_prediction` and
    `next_label` are the first ones not taken.
    """

    kept: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    past: int = 0
    pairs: list[Pair] = field(default_factory=list)
    deciders: list[int] = field(default_factory=list)
    decided_at_ms: list[int] = field(default_factory=list)
    next_prediction: int = 0
    next_label: int = 0


def arrivals_of_rows(rows: PredictionRows) -> Arrivals:
    """While the model is being learned its scores have no order yet, so they are not held."""
    events = rows.rows
    return Arrivals(
        rows.positions.tolist(),
        [event.prediction_id for event in events],
        [event.at_ms for event in events],
        [event.model_version for event in events],
        [event.prediction for event in events],
        [None] * len(events),
    )


def arrivals_of_columns(columns: PredictionColumns, score_rows: Sequence[int]) -> Arrivals:
    """`score_rows` are the rows of the scores among the numbers."""
    count = len(columns.prediction_ids)
    scores: Sequence[bytes | None] = [None] * count
    if score_rows:
        packed, width = columns.numbers[list(score_rows)].T.tobytes(), 8 * len(score_rows)
        scores = [packed[i : i + width] for i in range(0, len(packed), width)]
    return Arrivals(
        columns.positions.tolist(),
        columns.prediction_ids,
        columns.at_ms.tolist(),
        columns.versions,
        columns.predictions,
        scores,
    )


def take(
    join: Join,
    arrivals: Arrivals,
    labels: LabelColumns | None,
    records: Sequence[Record],
    is_past: Callable[[str | None], bool],
    stop_at_kept: int | None,
) -> Taken:
    """Join predictions and labels in the order of their records, and stop after `stop_at_kept` kept predictions.

    `is_past` tells the versions that are over, whose predictions are not looked at. Where there is a number to
    stop at, the model is being learned: no pair can be judged before that many predictions came.
    """
    taken = Taken()
    label_positions = [] if labels is None else labels.positions.tolist()
    events, label_events = len(arrivals.positions), len(label_positions)
    past = {version for version in set(arrivals.versions) if is_past(version)}
    one_by_one_until = events if past or stop_at_kept is not None else 0
    while taken.next_prediction < events or taken.next_label < label_events:
        if stop_at_kept is not None and len(taken.kept) >= stop_at_kept:
            break
        p, k = taken.next_prediction, taken.next_label
        if k >= label_events or (p < events and arrivals.positions[p] < label_positions[k]):
            if p >= one_by_one_until and not join.ready:
                end = events if k >= label_events else bisect_left(arrivals.positions, label_positions[k], p)
                if end - p >= RUN_PREDICTIONS_MIN and _take_run(join, arrivals, p, end, records):
                    taken.kept += range(p, end)
                    taken.next_prediction = end
                    continue
                one_by_one_until = end
            position, at_ms = arrivals.positions[p], arrivals.at_ms[p]
            taken.next_prediction += 1
            _take_prediction(join, arrivals, p, records[position], past, taken)
        else:
            assert labels is not None
            position, at_ms = label_positions[k], int(labels.at_ms[k])
            taken.next_label += 1
            join.label(id_hash(labels.prediction_ids[k]), labels.labels[k], at_ms)
        if join.ready and (stop_at_kept is None or len(taken.kept) >= stop_at_kept):
            due = join.release()
            taken.pairs += due
            taken.deciders += [position] * len(due)
            taken.decided_at_ms += [at_ms] * len(due)
    return taken


def _take_run(join: Join, arrivals: Arrivals, begin: int, end: int, records: Sequence[Record]) -> bool:
    """Hold the predictions from `begin` to before `end` at once; False where they must be taken one by one."""
    own = [records[position] for position in arrivals.positions[begin:end]]
    return join.predict_all(
        [
            xxh3_64_intdigest(prediction_id.encode()) >> SPARE_BITS
            for prediction_id in arrivals.ids[begin:end]
        ],
        arrivals.at_ms[begin:end],
        [join.source_index((record.topic, record.partition)) for record in own],
        [record.offset for record in own],
        arrivals.predictions[begin:end],
        arrivals.scores[begin:end],
    )


def _take_prediction(
    join: Join, arrivals: Arrivals, index: int, record: Record, past: set[str | None], taken: Taken
) -> None:
    if past and arrivals.versions[index] in past:
        taken.past += 1
        return
    held = join.predict(
        id_hash(arrivals.ids[index]),
        arrivals.at_ms[index],
        (record.topic, record.partition),
        record.offset,
        arrivals.predictions[index],
        arrivals.scores[index],
    )
    if held:
        taken.kept.append(index)
    else:
        taken.repeated.append(arrivals.positions[index])


def id_hash(prediction_id: str) -> int:
    """The 60 bits by which the join knows an id; that any two of a million are alike has odds of 1 in 2 million."""
    return xxh3_64_intdigest(prediction_id.encode()) >> SPARE_BITS
