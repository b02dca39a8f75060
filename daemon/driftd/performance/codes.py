"""Names as small integers. Rule: bounded; a name too many is OTHER, and counted.

Codes of classes: OTHER stands for all classes without a code of their own. UNLIKE is OTHER's twin, for predictions
only: the prediction and its label both have no code, and are not the same. So what is right stays known.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MISSING: Final = -1
OTHER: Final = 0
UNLIKE: Final = 1
FIRST: Final = 2
"""The code of the first name; names follow in the order in which they were seen."""


class Codes:
    """The codes of at most `names_max` names.

    >>> codes = Codes(2)
    >>> codes.of(["up", "down", None, "up", "sideways"]).tolist(), codes.overflown
    ([2, 3, -1, 2, 0], 1)
    """

    def __init__(self, names_max: int) -> None:
        self.names_max = names_max
        self.codes: dict[str, int] = {}
        self.overflown = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of their codes."""
        return tuple(self.codes)

    def of(self, names: Iterable[str | None]) -> NDArray[np.int64]:
        """The codes of n names, (n,): MISSING for None; new names get codes while there is room."""
        found: list[int] = []
        for name in names:
            code = MISSING if name is None else self.codes.get(name, OTHER)
            if code == OTHER and name is not None:
                code = self._new(name)
            found.append(code)
        return np.array(found, np.int64)

    def _new(self, name: str) -> int:
        if len(self.codes) >= self.names_max:
            self.overflown += 1
            return OTHER
        return self.codes.setdefault(name, FIRST + len(self.codes))

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {"names_max": self.names_max, "names": list(self.codes), "overflown": self.overflown}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Codes":
        """Codes as they were."""
        codes = cls(document["names_max"])
        codes.codes = {name: FIRST + index for index, name in enumerate(document["names"])}
        codes.overflown = document["overflown"]
        return codes
