"""When the panes began since which a bet has been winning. Rule: near the present to the pane, far back more coarsely.

Every bet has the number of the pane with which its excursion began. Of the panes' places so many are kept that a place
is never farther from the pane asked for than a sixteenth of the time since.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.arrays import array_to_json, integers_from_json
from driftd.reference.panes import Place

RESOLUTION: Final = 16
PLACES_MAX: Final = 192
THIN_EVERY: Final = 64


class Onsets:
    """Numbers of panes for an array of bets, and places for numbers of panes. `panes` have been counted so far."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.begun = np.zeros(shape, np.int32)
        self.panes = 0
        self._places: dict[int, Place] = {}

    def step(self, anew: NDArray[np.bool_], first: Place) -> None:
        """Take the next pane, which begins at `first`, and with which the excursions `anew` begin."""
        np.copyto(self.begun, self.panes, where=anew)
        self._places[self.panes] = first
        self.panes += 1
        if self.panes % THIN_EVERY == 0:
            self._thin()

    def _thin(self) -> None:
        """Forget places: of those that are d panes back, all but every (d / 16)th."""
        kept: dict[int, Place] = {}
        for number, place in self._places.items():
            step = 1 << max((self.panes - number) // RESOLUTION, 1).bit_length() - 1
            if number % step == 0:
                kept[number] = place
        for number in list(kept)[: max(len(kept) - PLACES_MAX, 0)]:
            del kept[number]
        self._places = kept

    def places(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[Place]:
        """Where the excursions of these bets began, or the nearest place before that is known."""
        numbers = list(self._places)
        known = np.searchsorted(numbers, self.begun[rows, columns], "right") - 1
        return [self._places[numbers[max(index, 0)]] for index in known.tolist()]

    def state(self) -> dict[str, object]:
        """As JSON: places in columns, because there are many."""
        names = list(dict.fromkeys((place.topic, place.partition) for place in self._places.values()))
        rows = [
            (number, place.at_ms, names.index((place.topic, place.partition)), place.offset)
            for number, place in self._places.items()
        ]
        return {
            "begun": array_to_json(self.panes - self.begun.astype(np.int64)),
            "panes": self.panes,
            "names": [list(name) for name in names],
            "places": array_to_json(
                np.diff(np.array(rows, np.int64).reshape(len(rows), 4), axis=0, prepend=0)
            ),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.panes = int(state["panes"])
        self.begun = (self.panes - integers_from_json(state["begun"])).astype(np.int32)
        names = [(str(topic), int(partition)) for topic, partition in state["names"]]
        rows = np.cumsum(integers_from_json(state["places"]), axis=0).tolist()
        self._places = {
            number: Place(at_ms, names[name][0], names[name][1], offset)
            for number, at_ms, name, offset in rows
        }
