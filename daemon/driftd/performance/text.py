"""What differs between two texts, in words. Rule: the rule of what counts as the same text is an argument.

Word error rate = (substitutions + insertions + deletions) / words of the label, by the fewest edits (Levenshtein,
1966) from the label to the prediction. Where several shortest ways exist, the one with the most substitutions
counts, as scoring tools do, so that the three parts are defined.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.text_fillers import FILLERS

APOSTROPHES: Final = "'\u2019\u2018\u02bc\uff07"
"""Within a word: they go without leaving a gap, so that "today's" stays one word."""
BLOCK: Final = 256
ASCII_BLOCKS: Final = frozenset({0})
TABLES_MAX: Final = 128
"""So many tables of marks are kept, each for the blocks of Unicode that a text is written in."""
SHORT_CELLS_MAX: Final = 400
"""Below so many cells of the table a plain loop is faster than numpy's row by row."""
TOO_LONG: Final = -1
"""Stands for the words of a label where one of the texts is too long to be compared."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """What makes two texts the same.

    `case`: upper and lower case differ. `punctuation`: punctuation (Unicode categories P*) counts. `whitespace`: how
    words are set apart counts; it makes no words, so it can only make a sentence wrong. `fillers`: words that do not
    count, in lower case without punctuation. `words_max`: a text of more words is not compared word by word.

    >>> TextRule().words("Um… today's weather")
    ('todays', 'weather')
    >>> TextRule(case=True, punctuation=True, fillers=()).words("Um… today's weather")
    ('Um…', "today's", 'weather')
    """

    case: bool = False
    punctuation: bool = False
    whitespace: bool = False
    fillers: tuple[str, ...] = FILLERS
    words_max: int = 2000

    def words(self, text: str) -> tuple[str, ...]:
        """The words of `text` that count, in order."""
        words = self._written(text).split()
        if not self.fillers:
            return tuple(words)
        fillers = _fillers(self.fillers)
        if not (self.case or self.punctuation):
            return tuple(word for word in words if word not in fillers)
        # a filler is a filler however it is written
        return tuple(word for word in words if _bare(word) not in fillers)

    def same(self, label: str, prediction: str) -> bool:
        """Whether both texts count as the same.

        >>> TextRule().same("Um, today's weather", "Um… today's weather")
        True
        >>> TextRule(punctuation=True, fillers=()).same("Um, today's weather", "Um… today's weather")
        False
        """
        if label == prediction:
            return True
        if self.whitespace and self._written(label) != self._written(prediction):
            return False
        return self.words(label) == self.words(prediction)

    def _written(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        if not self.case:
            text = text.casefold()
        return text if self.punctuation else _unpunctuated(text)


def _unpunctuated(text: str) -> str:
    """`text` with a space for each mark, and without apostrophes."""
    if text.isascii():
        return text.translate(_punctuation(ASCII_BLOCKS))
    return text.translate(_punctuation(frozenset(ord(letter) // BLOCK for letter in set(text))))


@lru_cache(maxsize=TABLES_MAX)
def _punctuation(blocks: frozenset[int]) -> dict[int, str]:
    # of the blocks of Unicode that a text is written in: to look through all of it takes 0.1 s, at the first text
    table: dict[int, str] = {}
    for block in sorted(blocks):
        codes = range(block * BLOCK, (block + 1) * BLOCK)
        table |= {code: " " for code in codes if unicodedata.category(chr(code)).startswith("P")}
    return table | {ord(letter): "" for letter in APOSTROPHES}


@cache
def _fillers(fillers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(filler.casefold() for filler in fillers)


def _bare(word: str) -> str:
    return _unpunctuated(word.casefold()).strip()


@dataclass(frozen=True, slots=True)
class Edits:
    """The fewest edits from a label of `words` words to its prediction; `words` is TOO_LONG where not compared."""

    words: int
    substitutions: int
    insertions: int
    deletions: int

    @property
    def errors(self) -> int:
        """All edits together."""
        return self.substitutions + self.insertions + self.deletions


def edits(label: Sequence[str], prediction: Sequence[str]) -> Edits:
    """The fewest edits from the words `label` to the words `prediction`.

    >>> edits("the cat sat".split(), "the big cat sits".split())
    Edits(words=3, substitutions=1, insertions=1, deletions=0)
    >>> edits([], ["um"]).errors, edits(["a", "b"], []).deletions
    (1, 2)
    """
    words = len(label)
    begin, shorter = 0, min(words, len(prediction))
    while begin < shorter and label[begin] == prediction[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and label[-1 - end] == prediction[-1 - end]:
        end += 1
    return _edits(words, label[begin : words - end], prediction[begin : len(prediction) - end])


def _edits(words: int, label: Sequence[str], prediction: Sequence[str]) -> Edits:
    """Edits where neither the first nor the last words agree."""
    # One number is both: edits first, then how many are no substitutions. An edit costs `unit`, one that is no
    # substitution one more, and there can never be `unit` of those.
    unit = len(label) + len(prediction) + 1
    surplus = len(prediction) - len(label)
    if not label or not prediction:
        return Edits(words, 0, max(surplus, 0), max(-surplus, 0))
    short = len(label) * len(prediction) <= SHORT_CELLS_MAX
    cost = (_cost_by_cell if short else _cost_by_row)(label, prediction, unit)
    errors, gaps = divmod(cost, unit)
    # what is inserted more than deleted is the difference of lengths
    return Edits(words, errors - gaps, (gaps + surplus) // 2, (gaps - surplus) // 2)


def _cost_by_cell(label: Sequence[str], prediction: Sequence[str], unit: int) -> int:
    row = [column * (unit + 1) for column in range(len(prediction) + 1)]
    for word in label:
        diagonal = row[0]
        left = row[0] = diagonal + unit + 1
        for column, other in enumerate(prediction, 1):
            above = row[column]
            best = diagonal if word == other else diagonal + unit
            gap = (above if above < left else left) + unit + 1  # noqa: FURB136 - min() costs half of the loop
            left = row[column] = best if best < gap else gap  # noqa: FURB136 - as above
            diagonal = above
    return row[-1]


def _cost_by_row(label: Sequence[str], prediction: Sequence[str], unit: int) -> int:
    numbers: dict[str, int] = {}
    predicted = np.array([numbers.setdefault(word, len(numbers)) for word in prediction], np.int64)
    steps = np.arange(len(prediction) + 1, dtype=np.int64) * (unit + 1)
    row = steps
    for word in label:
        following = row + unit + 1
        substituted = row[:-1] + np.where(predicted == numbers.get(word, -1), 0, unit)
        np.minimum(following[1:], substituted, out=following[1:])
        # insertions: the best of all starts to the left, each with its steps
        row = np.minimum.accumulate(following - steps) + steps
    return int(row[-1])


@dataclass(frozen=True, slots=True)
class Compared:
    """n labels beside their predictions: counts of words and edits, (n,) int64 each, and `wrong` (n,) bool.

    `words` is TOO_LONG, and the edits 0, where a text was too long to be compared word by word.
    """

    words: NDArray[np.int64]
    substitutions: NDArray[np.int64]
    insertions: NDArray[np.int64]
    deletions: NDArray[np.int64]
    wrong: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.int64]) -> "Compared":
        """Those at `chosen`."""
        return Compared(
            self.words[chosen],
            self.substitutions[chosen],
            self.insertions[chosen],
            self.deletions[chosen],
            self.wrong[chosen],
        )


def compare(labels: Sequence[str], predictions: Sequence[str], rule: TextRule) -> Compared:
    """Compare n texts with what was predicted for them.

    >>> compare(["Hello, world"], ["hello word"], TextRule()).substitutions.tolist()
    [1]
    """
    counts = np.zeros((4, len(labels)), np.int64)
    wrong = np.zeros(len(labels), np.bool_)
    for index, (label, prediction) in enumerate(zip(labels, predictions, strict=True)):
        expected = rule.words(label)
        said = expected if label == prediction else rule.words(prediction)
        wrong[index] = expected != said or (rule.whitespace and not rule.same(label, prediction))
        if max(len(expected), len(said)) > rule.words_max:
            counts[0, index] = TOO_LONG
        elif expected == said:
            counts[0, index] = len(expected)
        else:
            found = edits(expected, said)
            counts[:, index] = (found.words, found.substitutions, found.insertions, found.deletions)
    return Compared(counts[0], counts[1], counts[2], counts[3], wrong)
