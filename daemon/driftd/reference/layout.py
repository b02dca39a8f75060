"""How the bins of a signal are numbered. Rule: every count matrix of driftd has one of these two layouts.

A row of counts starts with value bins and ends with four special bins. A reference is counted in
`FINE` bins, so that profiles can be merged and cut anew; panes are counted in `COARSE` bins, which
are runs of fine ones.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Layout:
    """Numbers of the bins in one row of counts."""

    values: int

    @property
    def missing(self) -> int:
        """The value was null or absent."""
        return self.values

    @property
    def below(self) -> int:
        """A number far below the reference's range; of a category: a level the reference never saw."""
        return self.values + 1

    @property
    def above(self) -> int:
        """A number far above the reference's range."""
        return self.values + 2

    @property
    def invalid(self) -> int:
        """A value of the wrong type, or not finite."""
        return self.values + 3

    @property
    def width(self) -> int:
        """All bins of a row."""
        return self.values + 4


FINE: Final = Layout(64)
COARSE: Final = Layout(16)
OTHER_FINE: Final = FINE.values - 1
OTHER_COARSE: Final = COARSE.values - 1
"""Where the rarer levels of a category are pooled."""
