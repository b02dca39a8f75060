"""How commands talk. Rule: results go to stdout, everything else to stderr; JSON is one document per line.

This file is imported by every command, so it imports nothing heavy.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from driftd.errors import EXIT_INTERNAL, BadInput, ConfigError, DriftdError

Format: TypeAlias = Literal["text", "json"]


def say(text: str) -> None:
    """Print a part of the result."""
    print(text)


def say_json(document: object) -> None:
    """Print a part of the result for a machine: one document on one line."""
    print(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def note(text: str) -> None:
    """Tell the person in front of the terminal something that is not the result."""
    print(text, file=sys.stderr)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """`rows` under `headers`, in columns as wide as they need."""
    lines = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def refuse_to_overwrite(out: Path, *, force: bool) -> None:
    """Raises BadInput where `out` exists and nobody said that it may go."""
    if out.exists() and not force:
        raise BadInput(f"{out} exists. Take another name, or --force to overwrite it.")


def report(error: BaseException, *, debug: bool) -> int:
    """Tell what ended the command and return the exit code; the traceback comes with `debug` only."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, ConfigError):
        note(str(error))
        return error.exit_code
    if isinstance(error, DriftdError):
        note(f"driftd: {error}")
        return error.exit_code
    what = " ".join(str(error).split()) or "no message"
    hint = "" if debug else " Run again with --debug for the traceback."
    note(f"driftd: internal error: {type(error).__name__}: {what}.{hint}".replace("..", "."))
    return EXIT_INTERNAL
