"""What the join should make of a stream: one event after the other, in dictionaries, and nothing clever."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from driftd.config import Labels
from driftd.contract.record import Record
from driftd.decode.columns import LabelColumns
from driftd.engine.early import LABEL_BYTES
from driftd.engine.held import ROW_BYTES, SEGMENT_PREDICTIONS
from driftd.engine.join import Join
from driftd.engine.join_state import join_entries, restore_join
from driftd.engine.taking import Arrivals, Taken, segment_texts, take
from driftd.engine.texts import text_bytes


class Predicted(NamedTuple):
    """A prediction event."""

    name: str
    at_ms: int
    prediction: Any = "yes"
    segment: dict[str, str] | None = None


class Labelled(NamedTuple):
    """A label event."""

    name: str
    at_ms: int
    label: Any = "yes"
    annotator: str | None = None
    weight: float = 1.0


Step: TypeAlias = Predicted | Labelled
Row: TypeAlias = tuple[Any, ...]


def fed(join: Join, steps: Sequence[Step], stop: int | None = None) -> Taken:
    """What the join makes of `steps` in one batch; the offset of each record is its position."""
    predicted = [(i, step) for i, step in enumerate(steps) if isinstance(step, Predicted)]
    labelled = [(i, step) for i, step in enumerate(steps) if isinstance(step, Labelled)]
    records = [Record("predictions", 0, step.at_ms % 1000, 0, None, b"") for step in steps]
    arrivals = Arrivals(
        [i for i, _ in predicted],
        [step.name for _, step in predicted],
        [step.at_ms for _, step in predicted],
        [None] * len(predicted),
        [step.prediction for _, step in predicted],
        None,
        segment_texts([step.segment for _, step in predicted]),
    )
    columns = LabelColumns(
        np.array([i for i, _ in labelled], np.int64),
        [step.name for _, step in labelled],
        [step.label for _, step in labelled],
        [step.at_ms for _, step in labelled],
        [step.annotator for _, step in labelled],
        [step.weight for _, step in labelled],
    )
    return take(join, arrivals, columns, records, lambda _: False, stop)


def stored(join: Join) -> dict[str, bytes]:
    """All state entries of the join, as bytes."""
    return {key: msgspec.json.encode(document) for key, document in join_entries(join, whole=True).items()}


def restarted(entries: dict[str, bytes], limits: Labels) -> Join:
    """A join that goes on from state entries."""
    join = Join(limits)
    restore_join(join, {key: msgspec.json.decode(value) for key, value in entries.items()})
    return join


def rows_of(taken: Taken) -> list[Row]:
    """The pairs of a batch as the oracle writes them."""
    return [
        (p.number, p.place.at_ms, p.prediction, p.segment, p.label, p.labelled_at_ms, p.annotator, p.weight,
         p.kind.value, p.replaced, p.replaced_annotator)
        for p in taken.joined
    ]  # fmt: skip


@dataclass
class Kept:
    """A prediction that waits; `said` are the label in force and its annotator, in a tuple."""

    number: int
    step: Predicted
    said: tuple[Any, str | None] | None = None


@dataclass
class Oracle:
    """Takes steps; `pairs` in the order of labels, `released` in that of predictions, `counts` of what is lost."""

    settings: Labels
    pairs: list[Row] = field(default_factory=list)
    released: list[tuple[int, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Kept] = field(default_factory=dict)
    early: list[Labelled] = field(default_factory=list)
    waiting: dict[int, Labelled] = field(default_factory=dict)
    overdue: list[tuple[int, Any]] = field(default_factory=list)
    deciders: list[int] = field(default_factory=list)
    steps: int = 0
    next_number: int = 0
    clock_ms: int = 0
    last: int = -1

    def take(self, step: Step) -> None:
        """One event."""
        if isinstance(step, Predicted):
            self._predict(step)
        elif step.name in self.kept:
            self._attach(self.kept[step.name], step)
        else:
            self.early.append(step)
            self._bound_early()
        self._release()
        self.deciders += [self.steps] * (len(self.released) - len(self.deciders))
        self.steps += 1

    def _predict(self, step: Predicted) -> None:
        if step.name in self.kept:
            self.counts["predictions_repeated"] += 1
            return
        self.clock_ms = max(self.clock_ms, step.at_ms)
        if self.next_number % SEGMENT_PREDICTIONS == 0:
            self._begin_segment()
        kept = self.kept[step.name] = Kept(self.next_number, step)
        self.next_number += 1
        mine = [label for label in self.early if label.name == step.name]
        self.early = [label for label in self.early if label.name != step.name]
        for label in mine:
            self._attach(kept, label)

    def _attach(self, kept: Kept, step: Labelled) -> None:
        if step.at_ms > kept.step.at_ms + self.settings.join_window_ms:
            self.counts["labels_too_late"] += 1
            return
        kind, replaced, by = "first", None, None
        if kept.said is not None:
            replaced, by = kept.said
            if (type(replaced), replaced) != (type(step.label), step.label):
                kind = "correction"
            elif by != step.annotator:
                kind, replaced = "agreement", None
            else:
                self.counts["labels_repeated"] += 1
                return
        self.counts[
            {"first": "labels_joined", "correction": "labels_corrected", "agreement": "labels_agreed"}[kind]
        ] += 1
        self.counts["labels_without_weight"] += not step.weight
        grows = {t for t in (step.label, step.annotator) if isinstance(t, str)} - self._texts()
        kept.said = (step.label, step.annotator)
        self.pairs.append(
            (kept.number, kept.step.at_ms, kept.step.prediction, kept.step.segment, step.label, step.at_ms,
             step.annotator, step.weight, kind, replaced, by)
        )  # fmt: skip
        if kind == "first" or (kind == "correction" and kept.number in self.waiting):
            self.waiting[kept.number] = step
        last = (self.next_number - 1) // SEGMENT_PREDICTIONS
        while grows and self._bytes() > self.settings.waiting_predictions_bytes_max and self._oldest() < last:
            self._evict("bytes")

    def _begin_segment(self) -> None:
        settings, new = self.settings, self.next_number // SEGMENT_PREDICTIONS
        oldest_ms = self.clock_ms - settings.join_window_ms
        while self.kept:
            segment = [k for k in self.kept.values() if k.number // SEGMENT_PREDICTIONS == self._oldest()]
            if new - self._oldest() > max(settings.waiting_predictions_max // SEGMENT_PREDICTIONS, 1):
                self._evict("count")
            elif self._bytes() > settings.waiting_predictions_bytes_max:
                self._evict("bytes")
            elif max(k.step.at_ms for k in segment) < oldest_ms:
                self._evict("window")
            else:
                break
        while self.early and self.early[0].at_ms < oldest_ms:
            self._drop_early("window")

    def _evict(self, reason: str) -> None:
        oldest = self._oldest()
        gone = [k for k in self.kept.values() if k.number // SEGMENT_PREDICTIONS == oldest]
        for kept in gone:
            del self.kept[kept.step.name]
            self.counts[f"predictions_unlabelled_evicted_by_{reason}"] += kept.said is None
        for number in sorted(self.waiting):
            if number // SEGMENT_PREDICTIONS <= oldest:
                self._turn(number, self.overdue)

    def _bound_early(self) -> None:
        while len(self.early) > self.settings.waiting_labels_max:
            self._drop_early("count")
        while sum(map(early_bytes, self.early)) > self.settings.waiting_labels_bytes_max:
            self._drop_early("bytes")

    def _drop_early(self, reason: str) -> None:
        del self.early[0]
        self.counts[f"early_labels_evicted_by_{reason}"] += 1

    def _release(self) -> None:
        self.released += self.overdue
        self.overdue = []
        if not self.waiting:
            return
        unlabelled = [k.number for k in self.kept.values() if k.said is None]
        oldest_open = min(unlabelled, default=self.next_number)
        while self.waiting and (
            min(self.waiting) < oldest_open or len(self.waiting) > self.settings.reorder_max
        ):
            self._turn(min(self.waiting), self.released)

    def _turn(self, number: int, into: list[tuple[int, Any]]) -> None:
        self.counts["out_of_order"] += number < self.last
        self.last = max(self.last, number)
        step = self.waiting.pop(number)
        if step.weight:
            into.append((number, step.label))

    def _oldest(self) -> int:
        return min(kept.number for kept in self.kept.values()) // SEGMENT_PREDICTIONS

    def _texts(self) -> set[str]:
        values = [
            value for kept in self.kept.values() for value in (kept.step.prediction, *(kept.said or ()))
        ]
        return {value for value in values if isinstance(value, str)}

    def _bytes(self) -> int:
        return len(self.kept) * ROW_BYTES + sum(map(text_bytes, self._texts()))


def early_bytes(label: Labelled) -> int:
    """What a waiting label is counted with."""
    texts = [value for value in (label.label, label.annotator) if isinstance(value, str)]
    return LABEL_BYTES + sum(map(text_bytes, texts))
