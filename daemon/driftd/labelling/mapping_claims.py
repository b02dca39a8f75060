"""What is claimed of names of classes, in order of preference. Rule: a class is in one circle only."""

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.finding import What, quoted


def circles(swapped: NDArray[np.float64], over: NDArray[np.float64], least: float) -> list[tuple[int, ...]]:
    """Pairs of classes that are `swapped` (k, k) by evidence from `least` on, and longer circles a -> b -> ... -> a.

    Those follow the strongest of `over` (k labels b, k classes a); a class is in one circle only.
    """
    found: list[tuple[int, ...]] = []
    free = set(range(len(over)))
    for a in range(len(over)):
        b = int(swapped[:, a].argmax())
        if swapped[b, a] >= least and {a, b} <= free:
            found.append((a, b))
            free -= {a, b}
    follows = {a: int(over[:, a].argmax()) for a in free if over[:, a].max() >= least}
    for start in follows:
        path = [start]
        while follows.get(path[-1], start) not in path:
            path.append(follows[path[-1]])
        if len(path) > 2 and follows.get(path[-1]) == start and start == min(path):
            found.append(tuple(path))
    return found


def edges_of(circle: tuple[int, ...]) -> list[tuple[int, int]]:
    """Which class follows on which."""
    return list(zip(circle, (*circle[1:], circle[0]), strict=True))


def claim_of(what: What, parties: tuple[str, ...]) -> str:
    """The beginning of a sentence: what became of which names."""
    a, b = quoted(parties[0]), quoted(parties[1])
    if what is What.CLASSES_MERGED:
        return f"{a} is now labelled {b}, like {b} itself"
    if what is What.CLASS_RENAMED:
        return f"{a} is now labelled {b}"
    if len(parties) == 2:
        return f"The labels {a} and {b} are swapped"
    return f"The labels {' -> '.join(quoted(name) for name in (*parties, parties[0]))} go round"
