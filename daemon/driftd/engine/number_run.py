"""The numbers of a producer since it began to count. Rule: a run shows by itself that its numbers follow each other."""

from dataclasses import dataclass, field
from typing import Final

from driftd.engine.gaps import Gaps

BEHIND_MAX: Final = 10_000
"""What is farther behind, and was not missing, is another run; what is nearer comes again."""
SMALL: Final = 1_000
NEAR: Final = 64
"""A number below SMALL that lies nearer to 0 than to the next one, and not so near to that, is another run too."""
LEARNED_MIN: Final = 100
BREAKS_MAX: Final = 0.02
"""Numbers follow each other where so many came, and at most so large a share of them after a gap. A source that numbers
the events of two models together has a gap before every other event of each, or before every fourth by chance."""
LEARNED_MAX: Final = 10_000
"""From there on what was learned counts half, so that a producer that numbers properly from now on is known soon."""


@dataclass(slots=True)
class Run:
    """Numbers from `first` on, `next` is to come; those below `mark` had come, or were missing, at the last tick.

    Below `floor` there were too many gaps to know. `came` since the last tick, `settling` between the last two, so that
    their gaps are decided next; `learned` numbers, with `breaks` gaps.
    """

    first: int
    next: int
    mark: int
    gaps: Gaps = field(default_factory=Gaps)
    floor: int = 0
    came: int = 1
    settling: int = 0
    learned: int = 0
    breaks: int = 0

    @property
    def follows(self) -> bool:
        """Whether its numbers are known to follow each other."""
        return self.learned >= LEARNED_MIN and self.breaks <= BREAKS_MAX * self.learned

    def learn(self, breaks: int) -> None:
        """What was settling is as it is always, with so many gaps."""
        self.learned, self.breaks = self.learned + self.settling, self.breaks + breaks
        while self.learned > LEARNED_MAX:
            self.learned, self.breaks = self.learned // 2, self.breaks // 2

    def pass_time(self) -> None:
        """What came is of the time before this tick."""
        self.floor = self.floor if self.floor > self.mark else 0
        self.mark, self.settling, self.came = self.next, self.came, 0

    def is_left_by(self, number: int) -> bool:
        """Whether a number that was not missing is so far from the next one that a producer has begun again."""
        behind = self.next - number
        return behind < 0 or behind > BEHIND_MAX or (number < SMALL and behind > max(number, NEAR))
