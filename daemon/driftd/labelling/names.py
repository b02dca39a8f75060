"""Names out of a stream that nobody has bounded. Rule: so many are kept, the frequent ones; what is lost is counted."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

POOLED: Final = "(others)"
"""Stands for names that are not kept apart."""
NAME_MAX: Final = 200
"""A name is as long as the contract's names are, at most."""
BITS_MAX: Final = 2048


def name_of(value: object) -> str:
    """A class as scores spell it; whatever comes is a name.

    >>> name_of("up"), name_of(1.0), name_of(True), name_of(0.5), name_of(float("inf"))
    ('up', '1', 'true', '0.5', 'inf')
    """
    if isinstance(value, str):
        return value[:NAME_MAX]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return POOLED  # Python refuses to spell it
    if isinstance(value, float) and value.is_integer():
        return str(int(value))[:NAME_MAX]
    return str(value)[:NAME_MAX]


def names_of(values: Sequence[object]) -> list[str]:
    """The names of many values."""
    return [value if type(value) is str and len(value) <= NAME_MAX else name_of(value) for value in values]


class Slots:
    """At most `slots_max` names, each in a slot of its own; the rarest makes room for a new one.

    What a new name takes over is its predecessor's count too, so that one that comes often is not driven out by many
    that come once. Source: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data
    streams", 2005 (Space-Saving).
    """

    def __init__(self, slots_max: int) -> None:
        self.slots_max = slots_max
        self.names: list[str] = []
        self.counts = np.zeros(slots_max, np.int64)
        self.evicted = 0
        self._slot_of: dict[str, int] = {}

    def slot_of(self, name: str) -> int | None:
        """Where `name` is held; None where it is not."""
        return self._slot_of.get(name)

    def take(self, name: str) -> tuple[int, bool]:
        """Count `name`; its slot, and whether another name had to leave it."""
        slot = self._slot_of.get(name)
        if slot is not None:
            self.counts[slot] += 1
            return slot, False
        if len(self.names) < self.slots_max:
            slot = len(self.names)
            self.names.append(name)
            self._slot_of[name] = slot
            self.counts[slot] = 1
            return slot, False
        slot = int(self.counts.argmin())
        del self._slot_of[self.names[slot]]
        self.names[slot] = name
        self._slot_of[name] = slot
        self.counts[slot] += 1
        self.evicted += 1
        return slot, True

    def take_known(self, names: Sequence[str]) -> list[int] | None:
        """Count all of `names` at once where every one is held; their slots."""
        slots = [self._slot_of.get(name, -1) for name in names]
        if -1 in slots:
            return None
        self.counts += np.bincount(slots, minlength=self.slots_max)
        return slots

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        counts = self.counts[: len(self.names)].tolist()
        return {"names": self.names.copy(), "counts": counts, "evicted": self.evicted}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.names = [str(name) for name in document["names"]]
        self.counts[: len(self.names)] = document["counts"]
        self.evicted = int(document["evicted"])
        self._slot_of = {name: slot for slot, name in enumerate(self.names)}
