"""The join as state entries and back. Rule: what a commit writes is in proportion to what has changed.

`join` (its numbers, and what waits for its turn), `held.<n>` (a segment of predictions: never changes once it is
full), `labels.<n>` (a chunk of the log of labels in force: likewise), `early.<n>` (labels that wait for
predictions).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftd.contract.record import Source
from driftd.engine.early import EarlyLabels
from driftd.engine.gather import Waits
from driftd.engine.held import SEGMENT_PREDICTIONS, Held
from driftd.engine.join import Join
from driftd.engine.label_log import restored_log
from driftd.engine.pairs import PairKind, Pairs, joined_pairs, no_pairs
from driftd.engine.texts import NO_TEXT, Texts
from driftd.engine.value_codec import (
    rising_from_json,
    rising_to_json,
    texts_from_json,
    texts_to_json,
    values_from_json,
    values_to_json,
)  # fmt: skip
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json

Document = dict[str, Any]
CLOCKS = ("clock_ms", "prediction_clock_ms", "label_kind")
NUMBERS = ("next_number", "oldest_open", "last_released")


def join_entries(join: Join, whole: bool) -> dict[str, Document | None]:
    """The parts of `join`, None for one to delete: all, or those that may have changed since last time."""
    waiting = join.waiting
    begin = waiting.held.first if whole else max(waiting.held.first, waiting.stored_number)
    segments = range(begin // SEGMENT_PREDICTIONS, -(-waiting.next_number // SEGMENT_PREDICTIONS))
    if begin >= waiting.next_number:
        segments = range(0)
    dropped = () if whole else sorted(waiting.dropped)
    entries: dict[str, Document | None] = {f"held.{n}": None for n in dropped}
    entries |= {f"held.{n}": _segment(waiting.held, n) for n in segments}
    entries |= {f"labels.{n}": document for n, document in waiting.log.entries(whole).items()}
    entries |= {f"early.{n}": document for n, document in join.early.entries(whole).items()}
    if not whole:
        waiting.stored_number = waiting.next_number
        waiting.dropped.clear()
    return entries | {"join": _head(join)}


def restore_join(join: Join, parts: Mapping[str, Document]) -> None:
    """Put the parts of `join_entries` back into a new join.

    Raises ValueError or KeyError where they do not fit together.
    """
    head, waiting = parts["join"], join.waiting
    for name in CLOCKS:
        setattr(join, name, head[name])
    for name in NUMBERS:
        setattr(waiting, name, head[name])
    for topic, partition in head["sources"]:
        join.source_index((topic, partition))
    waiting.held = held = Held(Texts(), head["first_number"])
    waiting.score(head["classes"])
    _fill_held(held, parts, waiting.next_number)
    waiting.log = restored_log(_numbered(parts, "labels."), head["labels"]["latest"], held)
    if waiting.log.chunks != head["labels"]["chunks"]:
        raise ValueError(
            f"the log of labels has {waiting.log.chunks} chunks, and not {head['labels']['chunks']}"
        )
    held.texts.count(held.codes(held.live_rows()))
    join.early = EarlyLabels()
    join.early.fill(head["early"], _numbered(parts, "early."))
    for said in _said_from_json(head["ready"]):
        waiting.ready.append(said[0])  # in order, so a heap as it stands
        waiting.said_of[said[0]] = said
    waiting.overdue = [pairs_from_json(head["overdue"])] if head["overdue"] else []
    waiting.stored_number = waiting.next_number


def _head(join: Join) -> Document:
    waiting = join.waiting
    return {
        "sources": waiting.sources,
        "classes": waiting.classes,
        "first_number": waiting.held.first,
        "labels": {"latest": waiting.log.latest, "chunks": waiting.log.chunks},
        "early": join.early.head(),
        "ready": _said_to_json([waiting.said_of[number] for number in sorted(waiting.ready)]),
        "overdue": pairs_to_json(joined_pairs(waiting.overdue)),
        **{name: getattr(join, name) for name in CLOCKS},
        **{name: getattr(waiting, name) for name in NUMBERS},
    }


def _fill_held(held: Held, parts: Mapping[str, Document], end: int) -> None:
    held.make_room((end // SEGMENT_PREDICTIONS + 1) * SEGMENT_PREDICTIONS)
    if held.first < end:
        for segment in range(held.first // SEGMENT_PREDICTIONS, (end - 1) // SEGMENT_PREDICTIONS + 1):
            _fill_segment(held, parts[f"held.{segment}"])
    if held.end != end:
        raise ValueError(f"predictions are held up to number {held.end}, and not {end}")
    held.index.add(held.live_rows(), held.columns["keys"])


def _numbered(parts: Mapping[str, Document], prefix: str) -> dict[int, Document]:
    return {int(key.removeprefix(prefix)): part for key, part in parts.items() if key.startswith(prefix)}


def _segment(held: Held, segment: int) -> Document:
    """The predictions of a segment that are held."""
    begin = max(segment * SEGMENT_PREDICTIONS, held.first)
    rows = held.rows_of(np.arange(begin, min((segment + 1) * SEGMENT_PREDICTIONS, held.end)))
    columns = held.columns
    return {
        "keys": array_to_json(columns["keys"][rows].view(np.int64)),
        "at_ms": rising_to_json(columns["at_ms"][rows]),
        "sources": array_to_json(columns["sources"][rows]),
        "offsets": rising_to_json(columns["offsets"][rows]),
        "predictions": values_to_json(held.predictions(rows)),
        "segments": texts_to_json(held.texts_of("segments", rows)),
        # until the classes are known there are none: what was written then is what would be written now
        "scores": None if np.isnan(scores := held.scores[rows]).all() else array_to_json(scores),
    }


def _fill_segment(held: Held, document: Document) -> None:
    """Append the predictions of a segment; neither its keys nor its texts are counted yet."""
    keys = integers_from_json(document["keys"]).view(np.uint64)
    rows = held.rows_of(np.arange(held.end, held.end + len(keys)))
    columns = held.columns
    columns["keys"][rows] = keys
    columns["at_ms"][rows] = rising_from_json(document["at_ms"])
    columns["sources"][rows] = integers_from_json(document["sources"])
    columns["offsets"][rows] = rising_from_json(document["offsets"])
    columns["kinds"][rows], columns["values"][rows] = held.coded(values_from_json(document["predictions"]))
    segments = texts_from_json(document["segments"], len(keys))
    codes = {text: NO_TEXT if text is None else held.texts.code(text) for text in dict.fromkeys(segments)}
    columns["segments"][rows] = list(map(codes.__getitem__, segments))
    held.scores[rows] = np.nan if document["scores"] is None else floats_from_json(document["scores"])
    held.end += len(rows)


def _said_to_json(said: Sequence[Waits]) -> Document:
    if not said:
        return {}
    numbers, labels, at_ms, annotators, weights = zip(*said, strict=True)
    return {
        "numbers": rising_to_json(numbers),
        "labels": values_to_json(labels),
        "at_ms": rising_to_json(at_ms),
        "annotators": texts_to_json(annotators),
        "weights": values_to_json(weights),
    }


def _said_from_json(document: Document) -> list[Waits]:
    if not document:
        return []
    numbers = rising_from_json(document["numbers"]).tolist()
    columns = zip(
        numbers,
        values_from_json(document["labels"]),
        rising_from_json(document["at_ms"]).tolist(),
        texts_from_json(document["annotators"], len(numbers)),
        values_from_json(document["weights"]),
        strict=True,
    )
    return list(columns)


def pairs_to_json(pairs: Pairs) -> Document:
    """First pairs; none are an empty object."""
    if not len(pairs):
        return {}
    return {
        "numbers": rising_to_json(pairs.numbers),
        "at_ms": rising_to_json(pairs.at_ms),
        "sources": pairs.sources,
        "offsets": rising_to_json(pairs.offsets),
        "predictions": values_to_json(pairs.predictions),
        "classes": pairs.classes,
        "scores": array_to_json(pairs.scores),
        "segments": pairs.segments,
        "labels": values_to_json(pairs.labels),
        "labelled_at_ms": rising_to_json(pairs.labelled_at_ms),
        "annotators": texts_to_json(pairs.annotators),
        "weights": array_to_json(pairs.weights),
    }


def pairs_from_json(document: Document) -> Pairs:
    """The pairs of `pairs_to_json`."""
    if not document:
        return no_pairs()
    numbers = rising_from_json(document["numbers"])
    nothing, labelled_at_ms = [None] * len(numbers), rising_from_json(document["labelled_at_ms"])
    return Pairs(
        numbers,
        rising_from_json(document["at_ms"]),
        [Source(*source) for source in document["sources"]],
        rising_from_json(document["offsets"]),
        values_from_json(document["predictions"]),
        tuple(document["classes"]),
        floats_from_json(document["scores"]),
        document["segments"],
        values_from_json(document["labels"]),
        labelled_at_ms,
        texts_from_json(document["annotators"], len(numbers)),
        floats_from_json(document["weights"]),
        [PairKind.FIRST] * len(numbers),
        nothing,
        nothing,
        labelled_at_ms,
        np.zeros(len(numbers)),
    )
