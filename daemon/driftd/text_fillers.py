"""Words that fill a pause. Rule: they are written down, or not, by convention, and change nothing of what is said."""

from typing import Final

FILLERS: Final = ("ah", "eh", "er", "erm", "hm", "hmm", "mhm", "mm", "uh", "uhm", "um", "äh", "ähm", "öhm")
