"""Sums of fractions as integers. Rule: a sum does not depend on the order of its terms, and a term can be taken back.

A number is cut into limbs of 24 bits, each an int64 in a fixed unit (a long accumulator: Kulisch, 2002). What is added
is a function of the number alone, and integers add exactly, so sums merge, and batches leave no trace. A limb
has room for 2^39 terms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LIMB_BITS: Final = 24


@dataclass(frozen=True, slots=True)
class Limbs:
    """How numbers below 2^(`low` + 24 * `count`) are cut: limb k counts in units of 2^(`low` + 24 k).

    What is finer than 2^`low` is rounded off, term by term.
    """

    low: int
    count: int

    def split(self, values: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Limb by limb its number and the parts (n,) of `values` (n,); limbs that are 0 for all are left out.

        >>> [(limb, part.tolist()) for limb, part in LOSS.split(np.array([2.0, 0.5]))]
        [(2, [2, 0]), (1, [0, 8388608])]
        """
        rest = values.astype(np.float64)
        for limb in reversed(range(self.count)):
            # every step is exact: units are powers of two, and what is left has no more bits than before
            scaled = rest * 2.0 ** -(self.low + LIMB_BITS * limb)
            part = np.rint(scaled) if limb == 0 else np.trunc(scaled)
            if part.any():
                yield limb, part.astype(np.int64)
                rest -= part * 2.0 ** (self.low + LIMB_BITS * limb)

    def totals(self, limbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The sums that `limbs` (..., count) stand for, (...), each rounded once.

        >>> LOSS.totals(np.array([0, 8388608, 2])).item()
        2.5
        """
        rows = limbs.reshape(-1, self.count).tolist()
        sums = [sum(part << (LIMB_BITS * limb) for limb, part in enumerate(row)) for row in rows]
        return np.array([total / 2**-self.low for total in sums], np.float64).reshape(limbs.shape[:-1])


LOSS: Final = Limbs(-48, 3)
"""For what is below 2^24, to 2^-48: losses and squares of losses, times a weight."""
ERROR: Final = Limbs(-144, 12)
"""For what is below 2^144, to 2^-144: errors of numbers, and their squares, times a weight."""
ERROR_MAX: Final = 2.0**60
"""Errors above are refused, so that their square times a weight has room."""
