"""Labels whose truth is known: classes by a model and by annotators, and texts by hands of a style. All at random."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CLASSES = ("ant", "bee", "cat", "dog", "eel")
WORDS = [
    "today",
    "the",
    "weather",
    "is",
    "fine",
    "warm",
    "call",
    "my",
    "brother",
    "play",
    "that",
    "song",
    "stop",
]
Codes = NDArray[np.int64]


def other_than(rng: np.random.Generator, codes: Codes, wrong: NDArray[np.bool_]) -> Codes:
    """`codes` (n,), another one of the five where `wrong` (n,)."""
    return np.where(wrong, (codes + rng.integers(1, 5, codes.size)) % 5, codes)


def answers(
    rng: np.random.Generator, count: int, accuracy: float, shares: list[float] | None = None
) -> tuple[Codes, Codes]:
    """What a model of `accuracy` answers, and what is true, of five classes with `shares`."""
    truth = rng.choice(5, count, p=shares)
    return other_than(rng, truth, rng.random(count) >= accuracy), truth


def named(codes: Codes) -> list[object]:
    """The names of classes."""
    return [CLASSES[code] for code in codes.tolist()]


@dataclass
class Crowd:
    """Annotators a0, a1, ... who label what a model of `accuracy` answers, each wrongly in `careless` of the labels.

    `confuses` says bees are ants; `copies` writes down what the model said.
    """

    annotators: int = 8
    accuracy: float = 0.9
    careless: dict[int, float] = field(default_factory=dict)
    confuses: int | None = None
    copies: int | None = None

    def labels(self, rng: np.random.Generator, count: int) -> tuple[list[str], list[str], list[str]]:
        """Who, what the model answered, and what he says."""
        who = rng.integers(0, self.annotators, count)
        answer, truth = answers(rng, count, self.accuracy)
        shares = np.array([self.careless.get(a, 0.0) for a in range(self.annotators)])
        label = other_than(rng, truth, rng.random(count) < shares[who])
        label = np.where((who == self.confuses) & (label == 1), 0, label)
        label = np.where(who == self.copies, answer, label)
        return [f"a{one}" for one in who], [CLASSES[c] for c in answer], [CLASSES[c] for c in label]


@dataclass(frozen=True)
class Hand:
    """Somebody who writes down what was said. Shares are of the texts in which it arises."""

    after: str = ","
    after_also: tuple[str, float] = ("", 0.0)
    spelling: str = "um"
    end: str = ""
    apostrophe: str = "'"
    digits: bool = True
    gap: str = " "
    capital: bool = True
    fillers: float = 0.3
    empty: float = 0.01

    def text(self, rng: np.random.Generator) -> str:
        """One text of random words."""
        if rng.random() < self.empty:
            return ["", "  "][int(rng.integers(2))]
        words = [WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(3, 9))]
        if rng.random() < 0.3:
            words.append(f"it{self.apostrophe}s")
        if rng.random() < 0.3:
            words.insert(1, str(rng.integers(2, 9)) if self.digits else "seven")
        if rng.random() < self.fillers:
            mark = self.after_also[0] if rng.random() < self.after_also[1] else self.after
            words[0] = f"{self.spelling}{mark} {words[0]}"
        text = self.gap.join(words) + self.end
        return text[0].upper() + text[1:] if self.capital else text
