"""The join of labels with predictions, by prediction id. Rule: bounded by count and by time; each loss is counted.

Predictions are held in segments, in order of arrival; a label finds its prediction by the hash of its id. What
was joined is handed out in prediction order: a joined pair waits while an earlier prediction has no label
yet, but no more than `reorder_max` pairs wait, so that missing labels cannot hold up the others for ever.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from sys import byteorder, intern
from typing import TypeAlias

from driftd.config import Labels
from driftd.reference.panes import Place

SEGMENT_PREDICTIONS = 256
"""Predictions per segment: a segment is what a commit writes again when one of its predictions was joined."""

KEY_BYTES = 8

LabelValue: TypeAlias = str | bool | int | float
PredictionValue: TypeAlias = str | bool | int | float | None


@dataclass(slots=True)
class Segment:
    """Consecutive predictions, in little memory. `first` is the number of the first one; columns run in parallel.

    `scores` are packed C doubles in the order of the join's classes.
    """

    first: int
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    at_ms: "array[int]" = field(default_factory=lambda: array("q"))
    sources: "array[int]" = field(default_factory=lambda: array("I"))
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    predictions: list[PredictionValue] = field(default_factory=list)
    scores: list[bytes | None] = field(default_factory=list)
    joined: bytearray = field(default_factory=bytearray)

    def index_of(self, key: int) -> int:
        """The index of `key`, which is one of `keys`: searched for, because to remember it takes 32 bytes."""
        keys, wanted = self.keys.tobytes(), key.to_bytes(KEY_BYTES, byteorder)
        found = keys.find(wanted)
        while found % KEY_BYTES:  # in the middle of two keys
            found = keys.find(wanted, found + 1)
        return found // KEY_BYTES


def shared(prediction: PredictionValue) -> PredictionValue:
    """`prediction`; equal texts are one object, for a model answers the same few texts over and over."""
    return intern(prediction) if type(prediction) is str else prediction


@dataclass(frozen=True, slots=True)
class EarlyLabel:
    """A label that came before its prediction."""

    label: LabelValue
    at_ms: int


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A joined prediction and label; `number` is the prediction's place in the order of predictions."""

    number: int
    place: Place = field(compare=False)
    prediction: PredictionValue = field(compare=False)
    scores: Mapping[str, float] | None = field(compare=False)
    label: LabelValue = field(compare=False)


@dataclass(slots=True)
class JoinCounts:
    """What the join counted since it was last asked."""

    labels_joined: int = 0
    labels_repeated: int = 0
    early_labels_evicted: int = 0
    predictions_unlabelled_evicted: int = 0
    predictions_repeated: int = 0
    out_of_order: int = 0


class Join:
    """Predictions that wait for labels, labels that wait for predictions, and pairs that wait for their turn."""

    def __init__(self, settings: Labels) -> None:
        self.settings = settings
        self.segments: deque[Segment] = deque()
        self.segment_of_key: dict[int, Segment] = {}
        self.early: dict[int, EarlyLabel] = {}
        self.ready: list[Pair] = []
        self.sources: list[tuple[str, int]] = []
        self._index_of_source: dict[tuple[str, int], int] = {}
        self.classes: tuple[str, ...] = ()
        self.next_number = 0
        self.oldest_open = 0
        self.last_released = -1
        self.clock_ms = 0
        self.counts = JoinCounts()
        self.dirty: set[int] = set()
        self.dropped: set[int] = set()

    def predict(
        self,
        key: int,
        at_ms: int,
        source: tuple[str, int],
        offset: int,
        prediction: PredictionValue,
        scores: bytes | None,
    ) -> bool:
        """Hold a prediction; False, and nothing held, where its id is held already."""
        if key in self.segment_of_key:
            self.counts.predictions_repeated += 1
            return False
        number = self.next_number
        self.next_number = number + 1
        if not self.segments or len(self.segments[-1].keys) >= SEGMENT_PREDICTIONS:
            self.segments.append(Segment(number))
            self._evict()
        segment = self.segments[-1]
        segment.keys.append(key)
        segment.at_ms.append(at_ms)
        segment.sources.append(self.source_index(source))
        segment.offsets.append(offset)
        segment.predictions.append(shared(prediction))
        segment.scores.append(scores)
        segment.joined.append(0)
        self.segment_of_key[key] = segment
        self.dirty.add(segment.first)
        self.clock_ms = max(self.clock_ms, at_ms)
        if self.early and (early := self.early.pop(key, None)) is not None:
            self._join(segment, key, early.label)
        return True

    def predict_all(
        self,
        keys: Sequence[int],
        at_ms: Sequence[int],
        sources: Sequence[int],
        offsets: Sequence[int],
        predictions: Sequence[PredictionValue],
        scores: Sequence[bytes | None],
    ) -> bool:
        """Hold predictions as `predict` does one by one; False, and nothing held, where that makes a difference.

        It does where an id is held already or comes twice, and where a label waits. `sources` are source indices.
        """
        if self.early or len(set(keys)) != len(keys) or not self.segment_of_key.keys().isdisjoint(keys):
            return False
        begin = 0
        while begin < len(keys):
            if not self.segments or len(self.segments[-1].keys) >= SEGMENT_PREDICTIONS:
                self.segments.append(Segment(self.next_number))
                self._evict()
            segment = self.segments[-1]
            end = min(begin + SEGMENT_PREDICTIONS - len(segment.keys), len(keys))
            segment.keys.extend(keys[begin:end])
            segment.at_ms.extend(at_ms[begin:end])
            segment.sources.extend(sources[begin:end])
            segment.offsets.extend(offsets[begin:end])
            segment.predictions += map(shared, predictions[begin:end])
            segment.scores += scores[begin:end]
            segment.joined += bytes(end - begin)
            self.segment_of_key.update(zip(keys[begin:end], repeat(segment), strict=False))
            self.next_number += end - begin
            self.dirty.add(segment.first)
            self.clock_ms = max(self.clock_ms, *at_ms[begin:end])
            begin = end
        return True

    def label(self, key: int, label: LabelValue, at_ms: int) -> None:
        """Join a label with its prediction, or hold it until the prediction comes."""
        self.clock_ms = max(self.clock_ms, at_ms)
        segment = self.segment_of_key.get(key)
        if segment is not None:
            self._join(segment, key, label)
            return
        if key in self.early:
            self.counts.labels_repeated += 1
        elif len(self.early) >= self.settings.waiting_labels_max:
            del self.early[next(iter(self.early))]
            self.counts.early_labels_evicted += 1
        self.early[key] = EarlyLabel(label, at_ms)

    def release(self) -> list[Pair]:
        """The pairs whose turn has come, in prediction order as far as labels allow."""
        if not self.ready:
            return []
        self._advance()
        released: list[Pair] = []
        while self.ready and (
            self.ready[0].number < self.oldest_open or len(self.ready) > self.settings.reorder_max
        ):
            pair = heapq.heappop(self.ready)
            if pair.number < self.last_released:
                self.counts.out_of_order += 1
            self.last_released = max(self.last_released, pair.number)
            released.append(pair)
        return released

    @property
    def waiting_predictions(self) -> int:
        """Predictions held, joined ones included until they are too old."""
        return len(self.segment_of_key)

    def restart(self) -> None:
        """A new version: predictions of the old one and what became of them are let go, early labels are kept."""
        self.counts.predictions_unlabelled_evicted += sum(s.joined.count(0) for s in self.segments)
        self.dropped |= {segment.first for segment in self.segments}
        self.dirty.clear()
        self.segments.clear()
        self.segment_of_key.clear()
        self.ready.clear()
        self.classes = ()
        self.oldest_open = self.next_number

    def _join(self, segment: Segment, key: int, label: LabelValue) -> None:
        index = segment.index_of(key)
        if segment.joined[index]:
            self.counts.labels_repeated += 1
            return
        segment.joined[index] = 1
        self.dirty.add(segment.first)
        self.counts.labels_joined += 1
        topic, partition = self.sources[segment.sources[index]]
        place = Place(segment.at_ms[index], topic, partition, segment.offsets[index])
        scores = segment.scores[index]
        named = None if scores is None else dict(zip(self.classes, array("d", scores), strict=True))
        pair = Pair(segment.first + index, place, segment.predictions[index], named, label)
        heapq.heappush(self.ready, pair)

    def _segment_of(self, number: int) -> Segment:
        # every segment but the last is full, so the place of a number follows from the first number held
        first = self.segments[0].first
        return self.segments[(number - first) // SEGMENT_PREDICTIONS]

    def _advance(self) -> None:
        """Move `oldest_open` to the oldest prediction that is still without a label."""
        while self.oldest_open < self.next_number:
            if self.oldest_open < self.segments[0].first:
                self.oldest_open = self.segments[0].first
                continue
            segment = self._segment_of(self.oldest_open)
            unlabelled = segment.joined.find(0, self.oldest_open - segment.first)
            if unlabelled >= 0:
                self.oldest_open = segment.first + unlabelled
                return
            self.oldest_open = segment.first + len(segment.joined)

    def _evict(self) -> None:
        """Drop whole segments, too many or too old; called as a segment begins, so always on the same events."""
        most = max(self.settings.waiting_predictions_max // SEGMENT_PREDICTIONS, 1) + 1
        oldest_ms = self.clock_ms - self.settings.join_window_ms
        while len(self.segments) > 1 and (
            len(self.segments) > most or max(self.segments[0].at_ms) < oldest_ms
        ):
            segment = self.segments.popleft()
            for key in segment.keys:
                del self.segment_of_key[key]
            self.counts.predictions_unlabelled_evicted += segment.joined.count(0)
            self.dirty.discard(segment.first)
            self.dropped.add(segment.first)
        while self.early:
            key, early = next(iter(self.early.items()))
            if early.at_ms >= oldest_ms:
                break
            del self.early[key]
            self.counts.early_labels_evicted += 1

    def source_index(self, source: tuple[str, int]) -> int:
        """The number by which the join knows the partition `source`."""
        index = self._index_of_source.get(source)
        if index is None:
            index = self._index_of_source[source] = len(self.sources)
            self.sources.append(source)
        return index
