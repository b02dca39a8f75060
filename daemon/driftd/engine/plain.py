"""Labels that are plain, many at once. Rule: what comes out is what comes of one by one, in a third of the time.

Plain is the first label of a prediction that is held, in time, or another value than its last one, or the same of the
same annotator. Between those of a run nothing else happens.
"""

from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.engine.gather import Labels, Waits
from driftd.engine.held import NOTHING, kinds_of
from driftd.engine.pairs import PairKind
from driftd.engine.texts import NO_TEXT, text_bytes
from driftd.engine.waiting import Waiting

FIRST, CORRECTION = PairKind.FIRST, PairKind.CORRECTION
NOT_PLAIN: Final = 0
FIRST_LABELS: Final = 1
CORRECTIONS: Final = 2
REPEATED: Final = 3
EARLY: Final = 4
"""Of a prediction that is not here; whoever looks for it knows."""
UNKNOWN: Final = -2
"""The code that stands for a text that nothing holds."""


def plainness(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> NDArray[np.int8]:
    """What each of the labels of the predictions `numbers` is, (n,): NOT_PLAIN, FIRST_LABELS, CORRECTIONS, REPEATED.

    Plain are those that are in time, of a prediction that is held and has no other label among them.
    """
    held = waiting.held
    rows = held.rows_of(numbers)
    latest_ms = held.columns["at_ms"][rows] + waiting.settings.join_window_ms
    plain = (numbers >= held.first) & (np.array(said.at_ms, np.int64) <= latest_ms)
    if len(set(said.keys)) < len(numbers):
        once = np.zeros(len(numbers), np.bool_)
        once[np.unique(numbers, return_index=True)[1]] = True
        plain &= once
    before = held.columns["label_kinds"][rows]
    kinds = np.where(before == NOTHING, FIRST_LABELS, NOT_PLAIN).astype(np.int8)
    if before.any():
        codes = held.texts.codes
        values = [codes.get(value, NO_TEXT) if type(value) is str else value for value in said.labels]
        differ = (before != kinds_of(said.labels)) | (held.columns["label_values"][rows] != values)
        by = [NO_TEXT if one is None else codes.get(one, UNKNOWN) for one in said.annotators]
        repeated = ~differ & (held.columns["annotators"][rows] == by)
        kinds[(before != NOTHING) & differ] = CORRECTIONS
        kinds[(before != NOTHING) & repeated] = REPEATED
    kinds[~plain] = NOT_PLAIN
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
    waiting.said.add_labels(numbers.tolist(), said, CORRECTION)
    waiting.said.replaced.extend(replaced)
    waiting.said.replaced_annotators.extend(by)
    waiting.said.first_ms.extend(first_ms)
    waiting.said.replaced_weights.extend(weights)
    if said_of:
        for one in _waits(numbers.tolist(), said):
            if one[0] in said_of:
                said_of[one[0]] = one
    if waiting.log.is_full:
        waiting.log.tidy(held)


def attach_first(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> None:
    """Do as `Waiting.attach` for first labels, of which the chunk of the log holds as many, and with room."""
    held = waiting.held
    rows = held.rows_of(numbers)
    kinds, values = held.hold_all(said.labels)
    held.columns["label_values"][rows] = values
    held.columns["annotators"][rows] = held.texts.hold_all(said.annotators)
    held.columns["label_ms"][rows], held.columns["weights"][rows] = said.at_ms, said.weights
    held.columns["chunks"][rows] = waiting.log.append_all(numbers.tolist(), said, said.at_ms)
    waiting.counts.labels_joined += len(rows)
    waiting.counts.labels_without_weight += said.weights.count(0.0)
    own, nothing = numbers.tolist(), [None] * len(rows)
    waiting.said.add_labels(own, said, FIRST)
    waiting.said.replaced.extend(nothing)
    waiting.said.replaced_annotators.extend(nothing)
    waiting.said.first_ms.extend(said.at_ms)
    waiting.said.replaced_weights.extend(repeat(0.0, len(rows)))
    _give_turns(waiting, rows.tolist(), kinds, own, said)
    if waiting.log.is_full:
        waiting.log.tidy(held)


def _waits(numbers: Sequence[int], said: Labels) -> list[Waits]:
    return list(zip(numbers, said.labels, said.at_ms, said.annotators, said.weights, strict=True))


def _give_turns(
    waiting: Waiting, rows: Sequence[int], kinds: Sequence[int], numbers: Sequence[int], said: Labels
) -> None:
    """Put first labels of `rows` in force, and let pairs go as `Waiting.release` does after each."""
    label_kinds = waiting.held.views.label_kinds
    index_of = dict(zip(numbers, range(len(numbers)), strict=True))
    begin = 0
    while begin < len(numbers):
        # before the oldest prediction has its label nothing goes but what is too much
        end = index_of.get(waiting.oldest_open, len(numbers))
        is_oldest = end == begin
        passes = is_oldest and waiting.is_releasing and not waiting.ready
        if is_oldest:
            end = _end_of_order(numbers, begin) if passes else begin + 1
        for row, kind in zip(rows[begin:end], kinds[begin:end], strict=True):
            label_kinds[row] = kind
        if is_oldest:
            waiting.advance()
        part = said.slice(begin, end)
        if passes:
            waiting.let_pass(_waits(numbers[begin:end], part), part.positions, part.at_ms)
        else:
            _wait(waiting, numbers[begin:end], part, is_oldest)
        begin = end


def _end_of_order(numbers: Sequence[int], begin: int) -> int:
    """Where `numbers` end that follow each other, from `begin` on."""
    number, end = numbers[begin], begin + 1
    while end < len(numbers) and numbers[end] == number + end - begin:
        end += 1
    return end


def _wait(waiting: Waiting, numbers: Sequence[int], said: Labels, is_oldest: bool) -> None:
    """First pairs wait for their turn; of all that do, those go that are too many, or for which the oldest is there."""
    ready, said_of, most = waiting.ready, waiting.said_of, waiting.settings.reorder_max
    said_of.update(zip(numbers, _waits(numbers, said), strict=True))
    room = 0 if is_oldest else max(most - len(ready), 0)
    if not waiting.is_releasing:
        room = len(numbers)
    for number in numbers[:room]:
        heappush(ready, number)
    if room < len(numbers) and (is_oldest or len(ready) > most):
        heappush(ready, numbers[room])
        waiting.release(said.positions[room], said.at_ms[room])
        room += 1
    if room < len(numbers):
        # as many wait as may: for each one that comes one goes
        passing = map(heappushpop, repeat(ready), numbers[room:])
        waiting.let_pass(list(map(said_of.pop, passing)), said.positions[room:], said.at_ms[room:])
