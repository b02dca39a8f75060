"""Texts that are held many times over, once. Rule: a text is kept as long as something holds it, and its bytes count.

A model answers the same few texts over and over; what holds one keeps its code, a small integer.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

NO_TEXT: Final = -1
"""The code that stands where there is no text."""

TEXT_BYTES: Final = 250
"""What a text takes beside its own bytes: the object, its place in the dictionary and lists, and their spare room."""


def text_bytes(text: str) -> int:
    """The memory that `text` is counted with, in bytes."""
    return TEXT_BYTES + (len(text) if text.isascii() else 4 * len(text))


class Texts:
    """Texts by code and codes by text; `held_bytes` is the memory that they are counted with."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.texts: list[str] = []
        self.held_bytes = 0
        self._uses: list[int] = []
        self._free: list[int] = []

    def hold(self, text: str) -> int:
        """The code of `text`, which is held once more."""
        code = self.codes.get(text)
        if code is None:
            code = self.code(text)
        self._uses[code] += 1
        return code

    def hold_all(self, texts: Sequence[str | None]) -> list[int]:
        """The codes of `texts`, each of which is held once more; NO_TEXT for None."""
        codes: dict[str | None, int] = {None: NO_TEXT}
        if texts.count(None) == len(texts):
            return [NO_TEXT] * len(texts)
        for text, uses in Counter(texts).items():
            if text is not None:
                codes[text] = code = self.code(text)
                self._uses[code] += uses
        return list(map(codes.__getitem__, texts))

    def release(self, code: int, uses: int = 1) -> None:
        """The text of `code` is held `uses` times less."""
        self._uses[code] -= uses
        if not self._uses[code]:
            self._forget(code)

    def release_all(self, codes: NDArray[np.int64]) -> None:
        """Each of `codes` is held once less."""
        for code, uses in zip(*(a.tolist() for a in np.unique(codes, return_counts=True)), strict=True):
            self.release(code, uses)

    def code(self, text: str) -> int:
        """The code of `text`, which is held no more than before; `count` tells later how often it is."""
        code = self.codes.get(text)
        if code is None:
            if self._free:
                code = self._free.pop()
                self.texts[code] = text
            else:
                code = len(self.texts)
                self.texts.append(text)
                self._uses.append(0)
            self.codes[text] = code
            self.held_bytes += text_bytes(text)
        return code

    def count(self, codes: NDArray[np.int64]) -> None:
        """So often as `codes` say each text is held, and those that are not are forgotten."""
        self._uses = np.bincount(codes, minlength=len(self.texts)).tolist()
        for code in list(self.codes.values()):
            if not self._uses[code]:
                self._forget(code)

    def _forget(self, code: int) -> None:
        text = self.texts[code]
        self.held_bytes -= text_bytes(text)
        del self.codes[text]
        self.texts[code] = ""
        self._free.append(code)
