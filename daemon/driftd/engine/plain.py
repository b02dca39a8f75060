"""Labels that are plain, many at once. Rule: what comes out is what comes of one by one, in a third of the time.

Plain is the first label of a prediction that is held, in time, or another value than its last one. Between those of a
run nothing else happens.
"""

from collections.abc import Iterable
from heapq import heappush
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.engine.gather import Labels
from driftd.engine.held import NOTHING, kinds_of
from driftd.engine.pairs import PairKind
from driftd.engine.texts import NO_TEXT, text_bytes
from driftd.engine.waiting import Waiting

FIRST, CORRECTION = PairKind.FIRST, PairKind.CORRECTION
NOT_PLAIN: Final = 0
FIRST_LABELS: Final = 1
CORRECTIONS: Final = 2
EARLY: Final = 3
"""Of a prediction that is not here; whoever looks for it knows."""
NO_WEIGHTS = repeat(0.0)
"""What first labels replace."""


def plainness(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> NDArray[np.int8]:
    """What each of the labels of the predictions `numbers` is, (n,): NOT_PLAIN, FIRST_LABELS or CORRECTIONS.

    Plain are those that are in time, of a prediction that is held and has no other label among them.
    """
    held = waiting.held
    rows = held.rows_of(numbers)
    latest_ms = held.columns["at_ms"][rows] + waiting.settings.join_window_ms
    plain = (numbers >= held.first) & (np.array(said.at_ms, np.int64) <= latest_ms)
    once = np.zeros(len(numbers), np.bool_)
    once[np.unique(numbers, return_index=True)[1]] = True
    before = held.columns["label_kinds"][rows]
    kinds = np.where(before == NOTHING, FIRST_LABELS, NOT_PLAIN).astype(np.int8)
    if before.any():
        codes = held.texts.codes
        values = [codes.get(value, NO_TEXT) if type(value) is str else value for value in said.labels]
        differ = (before != kinds_of(said.labels)) | (held.columns["label_values"][rows] != values)
        kinds[(before != NOTHING) & differ] = CORRECTIONS
    kinds[~(plain & once)] = NOT_PLAIN
    return kinds


def has_room_for(waiting: Waiting, texts: Iterable[object], predictions: int = 0) -> bool:
    """Whether nothing has to be let go, whichever of `texts`, and so many predictions, are held from now on."""
    new = {text for text in set(texts) if type(text) is str} - waiting.held.texts.codes.keys()
    more_bytes = predictions * waiting.held.row_bytes + sum(map(text_bytes, new))
    return waiting.waiting_bytes + more_bytes <= waiting.settings.waiting_predictions_bytes_max


def attach_corrections(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> None:
    """Do as `Waiting.attach` for labels that are corrections, where the chunk of the log has room for them."""
    held, said_of, columns = waiting.held, waiting.said_of, waiting.held.columns
    rows = held.rows_of(numbers)
    replaced, by = held.labels(rows), held.texts_of("annotators", rows)
    before = held.label_codes(rows)
    kinds, values = held.hold_all(said.labels)
    columns["label_kinds"][rows], columns["label_values"][rows] = kinds, values
    columns["annotators"][rows] = held.texts.hold_all(said.annotators)
    held.texts.release_all(before)
    first_ms, weights = columns["label_ms"][rows].tolist(), columns["weights"][rows].tolist()
    columns["weights"][rows] = said.weights
    waiting.log.replaced_all(columns["chunks"][rows])
    columns["chunks"][rows] = waiting.log.append_all(numbers.tolist(), said, first_ms)
    waiting.counts.labels_corrected += len(rows)
    waiting.counts.labels_without_weight += said.weights.count(0.0)
    columns_of_said = said.of(numbers.tolist())
    waiting.said += zip(*columns_of_said, repeat(CORRECTION), replaced, by, first_ms, weights, strict=False)
    if said_of:
        first = (repeat(FIRST), repeat(None), repeat(None), said.at_ms, NO_WEIGHTS)
        for one in zip(*columns_of_said, *first, strict=False):
            if one[1] in said_of:
                said_of[one[1]] = one
    if waiting.log.is_full:
        waiting.log.tidy(held)


def attach_first(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> None:
    """Do as `Waiting.attach` for first labels, of which the chunk of the log holds as many, and with room."""
    held, ready, said_of = waiting.held, waiting.ready, waiting.said_of
    rows = held.rows_of(numbers)
    kinds, values = held.hold_all(said.labels)
    held.columns["label_values"][rows] = values
    held.columns["annotators"][rows] = held.texts.hold_all(said.annotators)
    held.columns["label_ms"][rows], held.columns["weights"][rows] = said.at_ms, said.weights
    held.columns["chunks"][rows] = waiting.log.append_all(numbers.tolist(), said, said.at_ms)
    waiting.counts.labels_joined += len(rows)
    waiting.counts.labels_without_weight += said.weights.count(0.0)
    first = (repeat(FIRST), repeat(None), repeat(None), said.at_ms, NO_WEIGHTS)
    both = list(zip(*said.of(numbers.tolist()), *first, strict=False))
    waiting.said += both
    label_kinds, oldest_open = held.views.label_kinds, waiting.oldest_open
    # there is something to release only where the oldest one got its label, or where too many wait
    is_releasing = waiting.is_releasing
    room = waiting.settings.reorder_max if is_releasing else waiting.next_number
    for row, kind, one in zip(rows.tolist(), kinds, both, strict=True):
        number = one[1]
        label_kinds[row] = kind
        if number == oldest_open:
            oldest_open = waiting.advance()
            if is_releasing and not ready:
                waiting.let_pass(one, one[0], one[3])
                continue
            may_release = is_releasing
        else:
            may_release = len(ready) >= room
        heappush(ready, number)
        said_of[number] = one
        if may_release:
            waiting.release(one[0], one[3])
    if waiting.log.is_full:
        waiting.log.tidy(held)
