"""Labels that are plain, many at once. Rule: what comes out is what comes of one by one, in a third of the time.

Plain is the first label of a prediction that is held, in time. Between those of a run nothing else happens.
"""

from collections.abc import Iterable
from heapq import heappush
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from driftd.engine.gather import Labels
from driftd.engine.held import NOTHING
from driftd.engine.pairs import PairKind
from driftd.engine.texts import text_bytes
from driftd.engine.waiting import Waiting

FIRST = PairKind.FIRST
NO_WEIGHTS = repeat(0.0)
"""What first labels replace."""


def are_plain(waiting: Waiting, numbers: NDArray[np.int64], at_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the labels of the predictions `numbers`, (n,), can be attached by `attach_plain`.

    Those that are the first of a prediction that is held, and not too late.
    """
    held = waiting.held
    rows = held.rows_of(numbers)
    late = at_ms > held.columns["at_ms"][rows] + waiting.settings.join_window_ms
    plain: NDArray[np.bool_] = (
        (numbers >= held.first) & (held.columns["label_kinds"][rows] == NOTHING) & ~late
    )
    once = np.zeros(len(numbers), np.bool_)
    once[np.unique(numbers, return_index=True)[1]] = True
    return plain & once


def has_room_for(waiting: Waiting, texts: Iterable[object]) -> bool:
    """Whether nothing has to be let go, whichever of `texts` are held from now on."""
    new = {text for text in set(texts) if type(text) is str} - waiting.held.texts.codes.keys()
    return waiting.waiting_bytes + sum(map(text_bytes, new)) <= waiting.settings.waiting_predictions_bytes_max


def attach_plain(waiting: Waiting, numbers: NDArray[np.int64], said: Labels) -> None:
    """Do as `Waiting.attach` for labels that are plain, of which the chunk of the log holds as many, and with room."""
    held, ready, said_of = waiting.held, waiting.ready, waiting.said_of
    rows = held.rows_of(numbers)
    kinds, values = held.hold_all(said.labels)
    held.columns["label_values"][rows] = values
    held.columns["annotators"][rows] = held.texts.hold_all(said.annotators)
    held.columns["label_ms"][rows], held.columns["weights"][rows] = said.at_ms, said.weights
    held.columns["chunks"][rows] = waiting.log.append_all(numbers.tolist(), said)
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
