"""The labels in force of predictions that are held, as a log. Rule: what changed is written, at its end, and once.

A label that comes is appended to the log, whichever of a million predictions it is for; a chunk that is full never
changes. A chunk that holds no label in force any more is dropped. Where more than half of the log is no longer in
force, the chunk with the fewest that still are is emptied: these are appended once more. So the log stays below
twice what is in force, and a label is written twice on average, at most.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftd.engine.gather import Labels
from driftd.engine.held import NOTHING, Held
from driftd.engine.pairs import LabelValue
from driftd.engine.texts import NO_TEXT
from driftd.engine.value_codec import (
    rising_from_json,
    rising_to_json,
    texts_from_json,
    texts_to_json,
    values_from_json,
    values_to_json,
)  # fmt: skip

Document = dict[str, Any]
CHUNK_LABELS: Final = 512
"""Labels per chunk: the one that is being filled is written again with each commit, at 4 to 14 bytes for a label."""
SPARE_LABELS: Final = 4 * CHUNK_LABELS
"""So many that are no longer in force are kept at any rate: to tidy up a short log is not worth it."""


class Filling(NamedTuple):
    """The labels of a chunk that is being filled, as columns; `first_ms` is when the prediction got its first one."""

    numbers: list[int]
    labels: list[LabelValue]
    annotators: list[str | None]
    first_ms: list[int]
    weights: list[float]


class LabelLog:
    """Full chunks as they are stored, by number, and the one that is being filled, whose number is `latest`."""

    def __init__(self, latest: int = 0) -> None:
        """Empty, with `latest` as the number of the first chunk."""
        self.latest = latest
        self.full: dict[int, Document] = {}
        self.filling = Filling([], [], [], [], [])
        self.in_force: dict[int, int] = {latest: 0}
        self.in_force_total = 0
        self.stored = (latest, 0)
        self.dropped: set[int] = set()

    def append(
        self, number: int, label: LabelValue, annotator: str | None, first_ms: int, weight: float
    ) -> int:
        """Write down that `label` is in force now for the prediction `number`; the chunk that it is in."""
        chunk = self.latest
        self.filling.numbers.append(number)
        self.filling.labels.append(label)
        self.filling.annotators.append(annotator)
        self.filling.first_ms.append(first_ms)
        self.filling.weights.append(weight)
        self.in_force[chunk] += 1
        self.in_force_total += 1
        return chunk

    def append_all(self, numbers: Sequence[int], said: Labels, first_ms: Sequence[int]) -> int:
        """Write down n labels, for which there is `room`; the chunk that they are in."""
        self.filling.numbers.extend(numbers)
        self.filling.labels.extend(said.labels)
        self.filling.annotators.extend(said.annotators)
        self.filling.first_ms.extend(first_ms)
        self.filling.weights.extend(said.weights)
        self.in_force[self.latest] += len(numbers)
        self.in_force_total += len(numbers)
        return self.latest

    @property
    def room(self) -> int:
        """How many labels the chunk holds yet."""
        return CHUNK_LABELS - len(self.filling.numbers)

    def replaced(self, chunk: int, labels: int = 1) -> None:
        """So many labels of `chunk` are no longer in force."""
        self.in_force[chunk] -= labels
        self.in_force_total -= labels
        if not self.in_force[chunk] and chunk != self.latest:
            self._drop(chunk)

    def replaced_all(self, chunks: NDArray[np.int64]) -> None:
        """A label of each of `chunks`, (n,), is no longer in force."""
        numbers, counts = np.unique(chunks, return_counts=True)
        for chunk, labels in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.replaced(chunk, labels)

    @property
    def is_full(self) -> bool:
        """Whether it is time to `tidy`."""
        return len(self.filling.numbers) >= CHUNK_LABELS

    def tidy(self, held: Held) -> None:
        """To be called when a chunk is full: begin the next one; empty others where much is not in force any more."""
        self._close()
        while len(self.full) * CHUNK_LABELS > 2 * self.in_force_total + SPARE_LABELS:
            chunk = min(self.full, key=lambda number: (self.in_force[number], number))
            numbers = np.unique(rising_from_json(self.full[chunk]["numbers"]))
            numbers = numbers[numbers >= held.first]
            rows = held.rows_of(numbers)
            there = (held.columns["chunks"][rows] == chunk) & (held.columns["label_kinds"][rows] != NOTHING)
            rows = rows[there]
            for number, row, label, annotator, first_ms, weight in zip(
                numbers[there].tolist(),
                rows.tolist(),
                held.labels(rows),
                held.texts_of("annotators", rows),
                held.columns["label_ms"][rows].tolist(),
                held.columns["weights"][rows].tolist(),
                strict=True,
            ):
                assert label is not None
                self.replaced(chunk)
                held.views.chunks[row] = self.append(number, label, annotator, first_ms, weight)
                self._close()

    def entries(self, whole: bool) -> dict[int, Document | None]:
        """Chunks to write by number, None for one to delete: all, or what has changed since last time."""
        chunk, labels = (-1, 0) if whole else self.stored
        entries: dict[int, Document | None] = {n: d for n, d in self.full.items() if n >= chunk}
        if self.filling.numbers and (chunk, labels) != (self.latest, len(self.filling.numbers)):
            entries[self.latest] = _document(self.filling)
        if not whole:
            entries |= dict.fromkeys(self.dropped)
            self.dropped.clear()
            self.stored = (self.latest, len(self.filling.numbers))
        return entries

    @property
    def chunks(self) -> int:
        """How many entries the log takes."""
        return len(self.full) + bool(self.filling.numbers)

    def _close(self) -> None:
        if not self.is_full:
            return
        chunk, self.latest = self.latest, self.latest + 1
        self.in_force[self.latest] = 0
        self.full[chunk] = _document(self.filling)
        self.filling = Filling([], [], [], [], [])
        if not self.in_force[chunk]:
            self._drop(chunk)

    def _drop(self, chunk: int) -> None:
        del self.full[chunk], self.in_force[chunk]
        if chunk <= self.stored[0]:
            self.dropped.add(chunk)


def begun_anew(log: LabelLog) -> LabelLog:
    """An empty log to go on with after `log`, of which nothing is in force any more."""
    new = LabelLog(log.latest + 1)
    new.dropped = {n for n in (*log.full, *log.dropped, log.latest) if n <= log.stored[0]}
    return new


def _document(filling: Filling) -> Document:
    return {
        "numbers": rising_to_json(filling.numbers),
        "labels": values_to_json(filling.labels),
        "annotators": texts_to_json(filling.annotators),
        "first_ms": rising_to_json(filling.first_ms),
        "weights": values_to_json(filling.weights),
    }


def restored_log(documents: dict[int, Document], latest: int, held: Held) -> LabelLog:
    """The log of `entries`, its labels put in force in `held`; texts are not counted as held yet."""
    log = LabelLog(latest)
    columns = held.columns
    for chunk, document in sorted(documents.items()):
        numbers = rising_from_json(document["numbers"])
        labels = values_from_json(document["labels"])
        annotators = texts_from_json(document["annotators"], len(numbers))
        first_ms, weights = rising_from_json(document["first_ms"]), values_from_json(document["weights"])
        if chunk == latest:
            log.filling = Filling(numbers.tolist(), labels, annotators, first_ms.tolist(), weights)
        else:
            log.full[chunk] = document
        there = np.flatnonzero(numbers >= held.first)
        rows = held.rows_of(numbers[there])
        kinds, values = held.coded([labels[i] for i in there.tolist()])
        columns["label_kinds"][rows], columns["label_values"][rows] = kinds, values
        given = [annotators[i] for i in there.tolist()]
        codes = {text: NO_TEXT if text is None else held.texts.code(text) for text in dict.fromkeys(given)}
        columns["annotators"][rows] = list(map(codes.__getitem__, given))
        columns["label_ms"][rows] = first_ms[there]
        columns["weights"][rows] = np.array(weights, np.float64)[there]
        columns["chunks"][rows] = chunk
    labelled = held.live_rows()[columns["label_kinds"][held.live_rows()] != NOTHING]
    chunks, counts = np.unique(columns["chunks"][labelled], return_counts=True)
    log.in_force = dict.fromkeys((*documents, latest), 0) | dict(
        zip(chunks.tolist(), counts.tolist(), strict=True)
    )
    log.in_force_total = int(counts.sum())
    log.stored = (log.latest, len(log.filling.numbers))
    return log
