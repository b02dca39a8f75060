"""What the tables of the configuration are made of.

Rules: every number has a unit and bounds, every option a sentence. Types are strict: "10" is not 10, true is
not 1; a list is taken where a tuple is kept, because TOML has lists only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

PROBLEMS = "driftd_problems"
"""The type of the validation error that carries several `Problem`s under `ctx["problems"]`."""


class Table(BaseModel):
    """A table of config.toml: immutable, unknown keys refused, nothing converted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Problem(NamedTuple):
    """Something that no single type can see: where, from the table that was checked on, and what."""

    location: tuple[str | int, ...]
    message: str


def refuse(problems: Sequence[Problem]) -> NoReturn:
    """Raise `problems` as one validation error, to be called inside of a pydantic validator."""
    text = "; ".join(problem.message for problem in problems)
    raise PydanticCustomError(PROBLEMS, "{text}", {"text": text, "problems": tuple(problems)})


def whole(default: int, low: int, high: int, unit: str, description: str) -> Any:
    """An integer option from `low` to `high`, in `unit`."""
    return Field(default, ge=low, le=high, description=description, json_schema_extra={"unit": unit})


def whole_or_none(low: int, high: int, unit: str, description: str) -> Any:
    """An integer option from `low` to `high`, in `unit`, that is off unless it is given."""
    return Field(None, ge=low, le=high, description=description, json_schema_extra={"unit": unit})


def number(default: float, above: float, high: float, unit: str, description: str) -> Any:
    """A number option greater than `above`, at most `high`, in `unit`."""
    return Field(default, gt=above, le=high, description=description, json_schema_extra={"unit": unit})


def number_from(default: float, low: float, high: float, unit: str, description: str) -> Any:
    """A number option from `low` to `high`, in `unit`."""
    return Field(default, ge=low, le=high, description=description, json_schema_extra={"unit": unit})


def number_or_none(above: float, high: float, unit: str, description: str) -> Any:
    """A number option greater than `above`, at most `high`, in `unit`, that is off unless it is given."""
    return Field(None, gt=above, le=high, description=description, json_schema_extra={"unit": unit})


def option(default: object, description: str) -> Any:
    """An option that is no number: a text, a choice, or true or false."""
    return Field(default, description=description)


def several(default: tuple[str, ...], description: str, *, at_least: int = 0) -> Any:
    """A list of texts, kept as a tuple."""
    return Field(default, strict=False, min_length=at_least, description=description)


def show(value: object) -> str:
    """`value` as a person would name it in one short line, in the words of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else "a huge whole number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Sequence):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def quoted(text: str) -> str:
    """`text` in quotes, on one line, shortened to 60 characters."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return '"' + "".join(char if char.isprintable() else repr(char)[1:-1] for char in short) + '"'
