"""Numbers that are missing, as runs of neighbours. Rule: sorted and disjoint, so that each number is found at once."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Gaps:
    """The numbers from `begins[i]` to before `ends[i]` are missing."""

    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.begins)

    def add(self, begin: int, end: int) -> None:
        """The numbers from `begin` to before `end`, none of which was missing so far, are."""
        i = bisect_left(self.begins, begin)
        self.begins.insert(i, begin)
        self.ends.insert(i, end)

    def fill(self, number: int) -> int | None:
        """`number` has come: by how many gaps there are more now, None where it was not missing."""
        i = bisect_right(self.begins, number) - 1
        if i < 0 or number >= self.ends[i]:
            return None
        begin, end = self.begins.pop(i), self.ends.pop(i)
        rest = [(b, e) for b, e in ((begin, number), (number + 1, end)) if b < e]
        self.begins[i:i] = [b for b, _ in rest]
        self.ends[i:i] = [e for _, e in rest]
        return len(rest) - 1

    def pop_below(self, bound: int) -> list[tuple[int, int]]:
        """Take out the numbers below `bound`."""
        i = bisect_left(self.begins, bound)
        taken = list(zip(self.begins[:i], self.ends[:i], strict=True))
        self.begins, self.ends = self.begins[i:], self.ends[i:]
        if taken and taken[-1][1] > bound:
            self.add(bound, taken[-1][1])
            taken[-1] = (taken[-1][0], bound)
        return taken

    def pop_first(self) -> int:
        """Take out the lowest gap: how many numbers it has."""
        return self.ends.pop(0) - self.begins.pop(0)


def gaps_to_json(gaps: Gaps) -> list[int]:
    """How far each gap is from the one before, and how long it is: two small numbers for each.

    >>> gaps_to_json(Gaps([7, 12], [9, 13]))
    [7, 2, 3, 1]
    """
    written, last = [], 0
    for begin, end in zip(gaps.begins, gaps.ends, strict=True):
        written += [begin - last, end - begin]
        last = end
    return written


def gaps_from_json(document: Sequence[int]) -> Gaps:
    """The gaps of `gaps_to_json`."""
    gaps, last = Gaps(), 0
    for distance, length in zip(document[::2], document[1::2], strict=True):
        gaps.begins.append(last + distance)
        last += distance + length
        gaps.ends.append(last)
    return gaps
