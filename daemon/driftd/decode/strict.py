"""The slow way, which defines what is accepted: syntax by msgspec, then the contract's own model.

Rule: what is refused is refused with a reason out of the fixed set and a detail that a person understands.
"""

import re
from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from driftd.contract.events_in import Event
from driftd.contract.rejection import RejectionReason
from driftd.decode.rejections import Refused
from driftd.decode.rows import Loose

EventT = TypeVar("EventT", bound=Event)

_LOOSE = msgspec.json.Decoder(Loose)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
VALUE_SHOWN_MAX = 60
DEPTH_MAX = 400
"""JSON nested deeper is refused. A number of our own: how deep Python can read depends on its version and on
who calls, but what the service refuses, replay must refuse."""
SHALLOW_BYTES_MAX = 2 * DEPTH_MAX
"""No value of so many bytes is nested deeper than DEPTH_MAX: each level has a beginning and an end."""

REASONS: dict[str, RejectionReason] = {
    "missing": RejectionReason.MISSING_FIELD,
    "string_too_short": RejectionReason.OUT_OF_RANGE,
    "string_too_long": RejectionReason.OUT_OF_RANGE,
    "string_pattern_mismatch": RejectionReason.OUT_OF_RANGE,
    "greater_than_equal": RejectionReason.OUT_OF_RANGE,
    "less_than": RejectionReason.OUT_OF_RANGE,
    "finite_number": RejectionReason.OUT_OF_RANGE,
    "literal_error": RejectionReason.OUT_OF_RANGE,
}
"""What pydantic's kinds of error are to us; every other kind is a wrong type."""

KEY = "[key]"
"""Pydantic's word, at the end of a path, for the name of a field."""
_RIGHT = re.compile(r"^(Input|String) (?=should)")


def syntax(value: bytes | None, bytes_max: int) -> Loose:
    """The fields of the JSON object `value`. Raises Refused where it is none."""
    checked = check_bytes(value, bytes_max)
    try:
        return _LOOSE.decode(checked)
    except msgspec.ValidationError as error:
        if "Expected `object`" in str(error) and "$" not in str(error):
            raise Refused(RejectionReason.NOT_AN_OBJECT, f"{error}: an event is a JSON object") from None
        raise Refused(RejectionReason.OUT_OF_RANGE, f"{error}: the number is too large to be one") from None
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise Refused(RejectionReason.INVALID_UTF8, f"the text is not UTF-8: {error.reason}") from None
    except msgspec.DecodeError as error:
        raise Refused(RejectionReason.MALFORMED_JSON, f"this is no JSON: {error}") from None


def check_bytes(value: bytes | None, bytes_max: int) -> bytes:
    """`value` where it is of bearable size and depth and UTF-8. Raises Refused where not."""
    if value is None:
        raise Refused(RejectionReason.NULL_VALUE, "the record has no value; an event is a JSON object")
    if len(value) > bytes_max:
        detail = f"the value has {len(value)} bytes; limits.event_bytes_max is {bytes_max}"
        raise Refused(RejectionReason.TOO_LARGE, detail)
    if not value.isascii():
        # msgspec does not look into fields that it skips
        try:
            value.decode()
        except UnicodeDecodeError as error:
            detail = f"the text is not UTF-8: {error.reason} at byte {error.start}"
            raise Refused(RejectionReason.INVALID_UTF8, detail) from None
    if (
        len(value) > SHALLOW_BYTES_MAX
        and value.count(b"[") + value.count(b"{") > DEPTH_MAX
        and _is_deep(value)
    ):
        raise _too_deep()
    return value


def _is_deep(value: bytes) -> bool:
    """Whether brackets outside of texts are nested deeper than DEPTH_MAX."""
    depth = 0
    for token in _TOKEN.finditer(value):
        bracket = token.group()
        if bracket in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif bracket in b"]}":
            depth -= 1
    return False


def _too_deep() -> Refused:
    detail = f"the JSON is nested deeper than {DEPTH_MAX} levels; an event has three"
    return Refused(RejectionReason.TOO_DEEP, detail)


def validated(loose: Loose, event: type[EventT], features_max: int) -> EventT:
    """`loose` as an `event` of the contract. Raises Refused where it is none."""
    fields = {
        name: value
        for name in event.model_fields
        if (value := getattr(loose, name, msgspec.UNSET)) is not msgspec.UNSET
    }
    named = fields.get("model")
    model = named if isinstance(named, str) and len(named) <= VALUE_SHOWN_MAX else None
    features = fields.get("features")
    if isinstance(features, dict) and len(features) > features_max:
        detail = f"{len(features)} features in one event; limits.event_features_max is {features_max}"
        raise Refused(RejectionReason.TOO_MANY_FEATURES, detail, model)
    try:
        return event.model_validate(fields)
    except ValidationError as error:
        raise _refused(error, event, model) from None


def _refused(error: ValidationError, event: type[BaseModel], model: str | None) -> Refused:
    problems = error.errors(include_url=False, include_context=False)
    # of the members of a union each complains; the first one of the first field speaks for all
    first = problems[0]
    place, given = _field_path(first["loc"]), first["input"]
    path = ".".join(str(part) for part in place)
    reason = REASONS.get(first["type"], RejectionReason.WRONG_TYPE)
    if first["type"] == "missing":
        wanted = event.model_fields[path].description if path in event.model_fields else ""
        return Refused(reason, f"{path} is missing. It is: {wanted}", model)
    right = _RIGHT.sub("", first["msg"]).replace("a valid dictionary", "an object")
    if isinstance(given, int) and not isinstance(given, bool) and first["type"].startswith(("float", "bool")):
        reason, right = RejectionReason.OUT_OF_RANGE, "is too large to be a number"
    elif sum(_field_path(problem["loc"]) == place for problem in problems) > 1:
        reason, right = RejectionReason.WRONG_TYPE, "should be a number, a text, true or false"
    if first["loc"][-1] == KEY:
        return Refused(reason, f"{place[0]} has the name {_shown(given)}; it {right}", model)
    return Refused(reason, f"{path} is {_shown(given)}; it {right}", model)


def _field_path(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The path of a field without the names of union members that pydantic appends."""
    members = ("bool", "str", "float", "constrained-float", "constrained-str", KEY)
    path = [part for part in location if part not in members or part == location[0]]
    return tuple(path)


def _shown(value: object) -> str:
    """`value` as JSON has it, cut where it is long."""
    try:
        shown = msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        shown = repr(value)
    return shown if len(shown) <= VALUE_SHOWN_MAX else shown[:VALUE_SHOWN_MAX] + "..."
