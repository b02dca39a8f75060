"""From the text of config.toml to a `Config`, or to a `ConfigError` that a person can mend it by.

Rules: no other exception, whatever the text; one line per mistake, `file:line: key: what is wrong, what would
be right`; at most `LINES_MAX` lines.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from driftd.config import Config
from driftd.config_fields import PROBLEMS, quoted
from driftd.config_lines import Path, key_lines, line_of
from driftd.config_words import complaint
from driftd.errors import ConfigError

LINES_MAX = 6

_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SYNTAX_LINE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load_config(text: str, file_name: str) -> Config:
    """The configuration that `text` means; `file_name` is what messages call it. Raises ConfigError."""
    document = _parse(text, file_name)
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        mistakes = [mistake for details in error.errors() for mistake in _mistakes(details)]
    lines = key_lines(text)
    located = sorted(
        {(line_of(path, lines) or 0, _path_text(path), what) for path, what in mistakes},
    )
    raise ConfigError(_shortened([_message(file_name, *mistake) for mistake in located]))


def _parse(text: str, file_name: str) -> dict[str, Any]:
    try:
        text.encode()  # a text with half a surrogate pair can be no key and no value
        return tomllib.loads(text)
    except UnicodeEncodeError:
        raise ConfigError([f"{file_name}: not a UTF-8 text."]) from None
    except RecursionError:
        raise ConfigError([f"{file_name}: nested too deeply to be a configuration."]) from None
    except ValueError as error:
        what = str(error)
    place = _SYNTAX_LINE.search(what)
    if place is None:  # a number of thousands of digits
        raise ConfigError([f"{file_name}: not valid TOML: {_one_line(what)}."])
    line = place[1] or str(text.count("\n") + 1)
    column = f" (column {place[2]})" if place[2] else ""
    raise ConfigError([f"{file_name}:{line}: not valid TOML: {_one_line(what[: place.start()])}{column}."])


def _one_line(what: str) -> str:
    """What the parser says, for the middle of a sentence; it quotes the text, so it may hold anything."""
    plain = "".join(char if char.isprintable() else " " for char in what.partition(":")[0][:100])
    return plain[:1].lower() + plain[1:]


def _mistakes(details: ErrorDetails) -> Iterator[tuple[Path, str]]:
    """What one validation error says: where, and what is wrong and right there."""
    location = tuple(details["loc"])
    if details["type"] == PROBLEMS:
        for problem in details["ctx"]["problems"]:
            yield (*location, *problem.location), problem.message
    else:
        yield location, complaint(details)


def _path_text(path: Path) -> str:
    """Write a path as in `models[0].budget.per_days`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key_text(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def _key_text(key: str) -> str:
    return key if _BARE.fullmatch(key) else quoted(key)


def _message(file_name: str, line: int, path: str, what: str) -> str:
    place = f"{file_name}:{line}" if line else file_name
    return f"{place}: {path}: {what}"


def _shortened(messages: list[str]) -> list[str]:
    if len(messages) <= LINES_MAX:
        return messages
    kept = messages[: LINES_MAX - 1]
    return [*kept, f"... and {len(messages) - len(kept)} more"]
