"""Taking in a model's share of a batch. Rule: predictions and labels meet in the order of their records.

What comes out is the same whatever way the records were cut into batches: which predictions are kept, which labels
found theirs, and which pairs became due at which record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from driftd.contract.record import Record
from driftd.decode.batch import LabelColumns, PredictionColumns, PredictionRows
from driftd.engine.gather import Labels
from driftd.engine.held import Coming
from driftd.engine.id_index import NO_KEY
from driftd.engine.join import Join, PredictionRow
from driftd.engine.pairs import Pairs, PredictionValue, no_pairs
from driftd.engine.stretches import Stretches


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the join needs of n predictions; `scores` is (n, classes) float64, in the order of the join's classes.

    `segments` are names of groups as one text each, which is the same for the same names.
    """

    positions: list[int]
    ids: Sequence[str]
    at_ms: list[int]
    versions: Sequence[str | None]
    predictions: Sequence[PredictionValue]
    scores: NDArray[np.float64] | None
    segments: Sequence[str | None]


NOTHING: Final = Arrivals([], [], [], [], [], None, [])


@dataclass(slots=True)
class Taken:
    """What came of one share of a batch.

    `kept` are indices of predictions, `repeated` positions of predictions whose id is known already, `past` counts
    those of versions that are over. `joined` are all pairs in the order of their labels, and `joined_at` the
    positions of the records that made them. `pairs` are first pairs whose turn has come, `deciders` the positions
    of the records that made it so and `decided_at_ms` the times of those records' events. `next_prediction` and
    `next_label` are the first ones not taken.
    """

    kept: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    past: int = 0
    joined: Pairs = field(default_factory=no_pairs)
    joined_at: list[int] = field(default_factory=list)
    pairs: Pairs = field(default_factory=no_pairs)
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
        None,
        segment_texts([event.segment for event in events]),
    )


def arrivals_of_columns(columns: PredictionColumns, score_rows: Sequence[int]) -> Arrivals:
    """`score_rows` are the rows of the scores among the numbers."""
    return Arrivals(
        columns.positions.tolist(),
        columns.prediction_ids,
        columns.at_ms.tolist(),
        columns.versions,
        columns.predictions,
        columns.numbers[list(score_rows)].T if score_rows else None,
        segment_texts(columns.segments),
    )


def segment_texts(segments: Sequence[Mapping[str, str] | None]) -> list[str | None]:
    """Names of groups as a text each, whatever order they came in."""
    if not any(segments):
        return [None] * len(segments)
    encode = msgspec.json.Encoder(order="deterministic").encode
    return [encode(segment).decode() if segment else None for segment in segments]


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
    events = _prediction_rows(join, arrivals, records, stop_at_kept is None)
    said = _labels(join, labels)
    past = {version for version in set(arrivals.versions) if is_past(version)}
    alone = [i for i, version in enumerate(arrivals.versions) if version in past] if past else []
    stretches = Stretches(
        join, arrivals.positions, events, said, range(len(events)) if stop_at_kept is not None else alone
    )
    p = k = 0
    while p < len(events) or k < len(said.keys):
        if stop_at_kept is not None and len(taken.kept) >= stop_at_kept:
            break
        p_end, k_end = stretches.end(p, k)
        if p_end > p or k_end > k:
            join.predict_all(p, events[p:p_end])
            join.label_all(said, k, k_end)
            taken.kept += range(p, p_end)
            p, k = p_end, k_end
            continue
        if p == len(events) or (k < len(said.keys) and said.positions[k] < arrivals.positions[p]):
            join.label_all(said, k, k + 1)
            k += 1
            continue
        if past and arrivals.versions[p] in past:
            taken.past += 1
        elif join.predict(p, events[p]):
            taken.kept.append(p)
        else:
            taken.repeated.append(arrivals.positions[p])
        p += 1
    if stop_at_kept is not None and taken.kept and len(taken.kept) >= stop_at_kept:
        last = taken.kept[-1]
        join.waiting.release(arrivals.positions[last], arrivals.at_ms[last])
    taken.next_prediction, taken.next_label = p, k
    join.note_kinds(said if k == len(said.keys) else said.slice(0, k))
    _finish(join, taken)
    return taken


def _finish(join: Join, taken: Taken) -> None:
    waiting = join.waiting
    taken.joined, taken.joined_at, taken.pairs = waiting.end()
    taken.deciders, taken.decided_at_ms = waiting.deciders, waiting.decided_at_ms
    waiting.deciders, waiting.decided_at_ms = [], []


def _prediction_rows(
    join: Join, arrivals: Arrivals, records: Sequence[Record], is_releasing: bool
) -> list[PredictionRow]:
    """What the join takes one by one; ids are looked for all at once, which takes a fifth of the time."""
    own = [records[position] for position in arrivals.positions]
    keys = id_keys(arrivals.ids)
    sources = [(record.topic, record.partition) for record in own]
    index_of = {source: join.source_index(source) for source in dict.fromkeys(sources)}
    at_ms, offsets = np.array(arrivals.at_ms, np.int64), np.array([r.offset for r in own], np.int64)
    codes = np.array([index_of[source] for source in sources], np.int64)
    join.begin(Coming(keys, at_ms, codes, offsets, arrivals.scores), is_releasing)
    columns = (arrivals.at_ms, arrivals.predictions, arrivals.segments, arrivals.positions)
    return list(zip(keys.tolist(), join.find(keys), *columns, strict=True))


def _labels(join: Join, labels: LabelColumns | None) -> Labels:
    if labels is None:
        return Labels([], [], [], [], [], [], [])
    keys = id_keys(labels.prediction_ids)
    columns = (labels.labels, labels.at_ms, labels.annotators, labels.weights)
    return Labels(labels.positions.tolist(), keys.tolist(), join.find(keys), *columns)


def id_keys(prediction_ids: Sequence[str]) -> NDArray[np.uint64]:
    """The 64 bits by which the join knows ids, (n,); two of a million are alike with odds of 1 in 37 million."""
    hashes = map(xxh3_64_intdigest, map(str.encode, prediction_ids))
    keys = np.fromiter(hashes, np.uint64, len(prediction_ids))
    keys[keys == NO_KEY] = 1
    return keys
