"""Which values are texts that people write, and what makes two of them the same. Rule: all compare by one rule."""

from typing import TypeGuard

from driftd.config import Labels
from driftd.performance.text import TextRule


def text_rule(settings: Labels) -> TextRule:
    """What makes two texts the same, as configured."""
    return TextRule(settings.text_case, settings.text_punctuation, fillers=settings.text_fillers)


def is_sentence(value: object) -> TypeGuard[str]:
    """Whether it is a text of several words: a class is one word, mostly."""
    return isinstance(value, str) and " " in value
