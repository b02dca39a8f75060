"""How a text is written, apart from what it says. Rule: each aspect of style is one of a few styles, or does not arise.

That an aspect arises depends on the words ("um" is followed by something only where there is an "um"); what is watched
are the styles among the texts in which it does, so other words are no other style.
"""

import re
from dataclasses import dataclass
from typing import Final

TEXT_MAX: Final = 2_000
"""So many characters of a text are looked at."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One aspect of style: its name, its styles, in which texts it arises, and how a change is told.

    `one_style`: careful texts keep to one style, so that two of them are a finding.
    """

    name: str
    styles: tuple[str, ...]
    among: str
    now: str
    one_style: bool = False


FILLERS: Final = {
    "um": ("um", "umm", "uhm", "erm"),
    "uh": ("uh", "uhh", "er", "eh"),
    "hm": ("hm", "hmm", "mhm", "mm"),
    "äh": ("äh", "ähm", "öh", "öhm"),
}
"""Spellings of fillers that stand for much the same."""


def _spelling(family: str) -> Aspect:
    styles = tuple(f'"{spelling}"' for spelling in FILLERS[family])
    now = "{new} is now written where it was {old}"
    return Aspect(f'the spelling of "{family}"', styles, f'labels with a "{family}"', now)


MARKS: Final = (",", "…", "...", "-", "")
ASPECTS: Final = (
    Aspect("empty texts", ("texts", "empty texts"), "labels", "Labels are now {new}"),
    Aspect("fillers", ("left out", "written"), "labels", "Fillers are now {new}"),
    Aspect(
        "what follows a filler",
        ('","', '"…"', '"..."', "another mark", "nothing"),
        "labels with a filler",
        '"{filler}" is now followed by {new} where it was {old}',
        one_style=True,
    ),
    *(_spelling(family) for family in FILLERS),
    Aspect(
        "the ellipsis",
        ('"…"', '"..."', '".."'),
        "labels with an ellipsis",
        "{new} is now written where it was {old}",
        one_style=True,
    ),
    Aspect(
        "the end of a text",
        ("a full stop", "nothing"),
        "labels that ask and exclaim nothing",
        "Labels now end with {new} where it was {old}",
        one_style=True,
    ),
    Aspect(
        "the first letter",
        ("a capital", "a small letter"),
        "labels that begin with a letter",
        "Labels now begin with {new} where it was {old}",
        one_style=True,
    ),
    Aspect(
        "numbers", ("digits", "words"), "labels with a number", "Numbers are now {new} where it was {old}"
    ),
    Aspect(
        "the apostrophe",
        ('"\'"', '"’"'),
        "labels with an apostrophe",
        "The apostrophe is now {new} where it was {old}",
        one_style=True,
    ),
    Aspect(
        "spaces",
        ("one space", "two spaces"),
        "labels of several words",
        "Between words there is now {new} where it was {old}",
    ),
)
EMPTY, WRITTEN, AFTER, SPELLING = 0, 1, 2, 3
ELLIPSIS, END, FIRST, NUMBERS, APOSTROPHE, SPACES = range(SPELLING + len(FILLERS), len(ASPECTS))

_FAMILY: Final = {
    spelling: (SPELLING + i, style)
    for i, spellings in enumerate(FILLERS.values())
    for style, spelling in enumerate(spellings)
}
# "er" is a German word too, so it is a filler only where a mark follows
_FILLER: Final = re.compile(
    r"(?<![\w’'])(umm?|uhm|erm|uhh?|er(?=\s*(?:,|…|\.\.))|eh|hmm?|mhm|mm|ähm?|öhm?)(?![\w’'])"
    r"\s*(…|\.\.\.?|[,;:.!?]|[-–—](?!\w))?",
    re.IGNORECASE,
)
_ELLIPSIS: Final = re.compile(r"…|\.{2,}")
_DIGITS: Final = re.compile(r"\d")
# "one" and "eins" count little
# fmt: off
_NUMBER_WORDS: Final = frozenset({
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
    "eighty", "ninety", "hundred", "thousand", "million",
    "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "hundert", "tausend",
})
# fmt: on
_APOSTROPHE: Final = re.compile(r"\w(['’])\w")
_WORDS: Final = re.compile(r"[\w'’]+")


def styles_of(text: str) -> list[int]:
    """The style of each aspect in `text`, -1 where it does not arise.

    >>> [ASPECTS[a].styles[s] for a, s in enumerate(styles_of("Um… the weather")) if s >= 0]
    ['texts', 'written', '"…"', '"um"', '"…"', 'nothing', 'a capital', 'one space']
    """
    styles = [-1] * len(ASPECTS)
    text = text[:TEXT_MAX]
    bare = text.strip()
    styles[EMPTY] = 0 if bare else 1
    if not bare:
        return styles
    words = set(_WORDS.findall(bare.lower()))
    styles[WRITTEN] = 0
    if not words.isdisjoint(_FAMILY):
        _fillers(bare, styles)
    dots = _ELLIPSIS.search(bare)
    if dots is not None:
        styles[ELLIPSIS] = 0 if dots[0] == "…" else 1 if len(dots[0]) > 2 else 2
    if bare[-1].isalnum():
        styles[END] = 1
    elif bare[-1] == "." and not bare.endswith(".."):
        styles[END] = 0
    if bare[0].isupper() or bare[0].islower():
        styles[FIRST] = 0 if bare[0].isupper() else 1
    digits = _DIGITS.search(bare) is not None
    if digits == words.isdisjoint(_NUMBER_WORDS):
        styles[NUMBERS] = 0 if digits else 1
    apostrophe = _APOSTROPHE.search(bare)
    if apostrophe is not None:
        styles[APOSTROPHE] = "'’".index(apostrophe[1])
    if " " in bare or len(bare) < len(text):
        styles[SPACES] = 1 if "  " in text or len(bare) < len(text) else 0
    return styles


def _fillers(text: str, styles: list[int]) -> None:
    """Write the styles of the fillers in `text` into `styles`: of the first one what follows it."""
    for match in _FILLER.finditer(text):
        if styles[WRITTEN] == 0:
            mark = match[2] or ""
            styles[WRITTEN] = 1
            styles[AFTER] = MARKS.index(mark) if mark in MARKS else MARKS.index("-")
        aspect, style = _FAMILY[match[1].lower()]
        if styles[aspect] < 0:
            styles[aspect] = style


def same_words(one: str, other: str) -> bool:
    """Whether two texts have the same words, fillers, case and marks apart.

    >>> same_words("Um, today's weather", "Um… today’s weather."), same_words("today", "tomorrow")
    (True, False)
    """
    return words_of(one) == words_of(other)


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters, without fillers."""
    found = _WORDS.findall(text[:TEXT_MAX].lower().replace("’", "'"))
    return [word for word in found if word not in _FAMILY]
