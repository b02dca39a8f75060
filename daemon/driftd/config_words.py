"""What a wrong value is told.

Rule: what came, then what would be right with its unit, then what the option is good for.
pydantic knows what is wrong, the field knows what would be right: this file puts both into one sentence.
"""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from driftd.config import Config
from driftd.config_fields import Table, show
from driftd.suggestion import suggestion

_ABOUT_TEXTS = {
    "string_pattern_mismatch": 'should be a name of letters, digits, ".", "_" and "-" only',
    "string_too_short": "should not be empty",
    "string_too_long": "is too long",
}


def complaint(details: ErrorDetails) -> str:
    """The sentence for one validation error of `Config`."""
    location, value, kind = details["loc"], details["input"], details["type"]
    if kind == "extra_forbidden":
        return f"unknown key. {_known_key(location)}"
    field, annotation = _field(location)
    about = f" ({field.description.rstrip('.')})" if field is not None and field.description else ""
    if kind == "missing":
        return f"missing{about}."
    if kind == "too_short":
        return f"should have at least one entry{about}."
    if kind in _ABOUT_TEXTS:
        return f"{show(value)} {_ABOUT_TEXTS[kind]}{about}."
    return f"{show(value)} should be {_right(field, annotation)}{_nearest(value, annotation)}{about}."


def _known_key(location: tuple[int | str, ...]) -> str:
    """What to write instead of an unknown key: another key of its table, or where it does belong."""
    key = str(location[-1])
    _, table = _field(location[:-1])
    known = table.model_fields if _is_table(table) else {}
    hint = suggestion(key, known)
    elsewhere = [path for path in _all_keys(Config, "") if path.endswith(f".{key}")]
    if elsewhere and not hint.startswith("Did"):
        return f"Did you mean {' or '.join(elsewhere)}?"
    return hint


def _all_keys(table: type[Table], prefix: str) -> Iterator[str]:
    for key, field in table.model_fields.items():
        path = f"{prefix}.{key}" if prefix else key
        yield path
        annotation: Any = field.annotation
        if _is_table(annotation):
            yield from _all_keys(annotation, path)


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Table)


def _field(location: tuple[int | str, ...]) -> tuple[FieldInfo | None, Any]:
    """The field that `location` leads to, and the type of what stands right there."""
    field: FieldInfo | None = None
    annotation: Any = Config
    for part in location:
        if isinstance(part, int):
            annotation = get_args(annotation)[0]
        elif _is_table(annotation) and part in annotation.model_fields:
            field = annotation.model_fields[part]
            annotation = field.annotation
        else:
            return None, None
    return field, annotation


def _right(field: FieldInfo | None, annotation: Any) -> str:
    """What may stand at a field of type `annotation`."""
    origin = get_origin(annotation)
    if _is_table(annotation):
        return "a table"
    if origin is tuple:
        return "a list of tables" if _is_table(get_args(annotation)[0]) else "a list of texts"
    if annotation is bool:
        return "true or false"
    if int in get_args(annotation):  # a number that may be left out
        annotation = int
    if annotation in (int, float) and field is not None:
        return _right_number(field, "a whole number" if annotation is int else "a number")
    choices = _choices(annotation)
    return "one of " + ", ".join(f'"{choice}"' for choice in choices) if choices else "a text"


def _right_number(field: FieldInfo, noun: str) -> str:
    extra = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    bounds = {type(limit): getattr(limit, type(limit).__name__.lower()) for limit in field.metadata}
    of_unit = f"{noun} of {unit}" if unit else noun
    if Ge in bounds:
        return f"{of_unit} from {bounds[Ge]} to {bounds[Le]}"
    return f"{of_unit} above {bounds[Gt]:g}, at most {bounds[Le]:g}"


def _choices(annotation: Any) -> tuple[str, ...]:
    """The texts that a Literal, or a Literal or None, allows."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((choices for inner in get_args(annotation) if (choices := _choices(inner))), ())


def _nearest(value: object, annotation: Any) -> str:
    choices = _choices(annotation)
    if not isinstance(value, str) or not choices:
        return ""
    hint = suggestion(value, choices)
    upper = [choice for choice in choices if choice.lower() == value.lower()]
    if upper:
        return f'; did you mean "{upper[0]}"?'
    return f"; {hint[0].lower()}{hint[1:]}" if hint.startswith("Did") else ""
