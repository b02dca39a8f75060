"""Where the keys of a TOML text stand, because `tomllib` tells values only.

Rule: reads what `tomllib` has accepted, judges nothing; what it does not understand ends it, quietly.
"""

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

DEPTH_MAX = 20
"""Deeper keys are not noted: no option lies so deep, and a path of 30,000 keys is a quadratic cost."""

_BLANK = re.compile(r"[ \t]*")
_TRIVIA = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\[\]{}#\n]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """The line, from 1, of every key, table and list entry: ("models", 0, "budget", "per_days") -> 14."""
    scanner = _Scanner(text)
    with suppress(_NotUnderstoodError, RecursionError):
        scanner.document()
    return scanner.lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of `path`, or of the nearest table around it that the text holds; None where there is none."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _NotUnderstoodError(Exception):
    """The text at hand is no TOML that this scanner knows."""


class _Scanner:
    """Goes over a text once, from `at` on, and notes the first line of each path."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._list_lengths: dict[Path, int] = {}
        self._counted_to = 0
        self._line = 1

    def document(self) -> None:
        table: Path = ()
        while self._skip(_TRIVIA) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Move behind `pattern`, which may be empty, and say where that is."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, mark: str) -> bool:
        """Move behind `mark` if it stands here."""
        here = self.text.startswith(mark, self.at)
        self.at += len(mark) * here
        return here

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise _NotUnderstoodError

    def _note(self, path: Path) -> None:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        self.lines.setdefault(path, self._line)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; the path goes through the last entry of every list on its way."""
        is_list = self._take("[[")
        if not is_list:
            self._expect("[")
        keys = self._dotted_key()[:DEPTH_MAX]
        path: Path = ()
        for depth, key in enumerate(keys, start=1):
            path = (*path, key)
            if is_list and depth == len(keys):
                self._note(path)
                self._list_lengths[path] = self._list_lengths.get(path, 0) + 1
            if path in self._list_lengths:
                path = (*path, self._list_lengths[path] - 1)
            self._note(path)
        self._expect("]]" if is_list else "]")
        return path

    def _pair(self, table: Path) -> None:
        """Read `a.b = value`."""
        path = table
        for key in self._dotted_key()[:DEPTH_MAX]:
            path = (*path, key)
            self._note(path)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _dotted_key(self) -> list[str]:
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        """One part of a key and the blanks around it."""
        self._skip(_BLANK)
        found = _BARE_KEY.match(self.text, self.at) or _QUOTED_KEY.match(self.text, self.at)
        if found is None:
            raise _NotUnderstoodError
        self.at = found.end()
        self._skip(_BLANK)
        return found[0] if found.re is _BARE_KEY else _unquoted(found[0])

    def _value(self, path: Path) -> None:
        if self._take("["):
            self._entries(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            found = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            if found is None:
                raise _NotUnderstoodError
            self.at = found.end()

    def _entries(self, path: Path) -> None:
        """The rest of a list, behind its bracket."""
        index = 0
        while True:
            self._skip(_TRIVIA)
            if self._take("]"):
                return
            self._note((*path, index))
            self._value((*path, index))
            self._skip(_TRIVIA)
            if not self._take(","):
                self._expect("]")
                return
            index += 1

    def _inline_table(self, path: Path) -> None:
        """The rest of an inline table, behind its brace."""
        while True:
            self._skip(_TRIVIA)
            if self._take("}"):
                return
            self._pair(path)
            self._skip(_TRIVIA)
            if not self._take(","):
                self._expect("}")
                return


def _unquoted(token: str) -> str:
    try:
        return str(tomllib.loads(f"key = {token}")["key"])
    except tomllib.TOMLDecodeError:
        raise _NotUnderstoodError from None
