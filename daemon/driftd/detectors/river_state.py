"""A River detector's state as numbers, and back. Rule: nothing damaged or foreign ever reaches River.

What is stored is named attribute by attribute in FIELDS: numbers, windows, the state of a random generator,
and the bytes that River's native parts give and take (ADWIN's window; the moving average of HDDM_W). A
checksum covers all of it and is verified first, because damaged bytes panic inside the native code as a
BaseException. River's version is part of it, because the attributes are River's own affair.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final, TypeAlias

from driftd.detectors.base import DetectorState, StaleState

Fields: TypeAlias = dict[str, object]


class RiverStateError(StaleState):
    """A stored state that must not be restored; the message says why. The remedy is a fresh detector."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of attribute becomes JSON (`read`) and is put back into a fresh detector (`write`).

    `write` takes the object that holds the attribute, the attribute's name, and what `read` gave.
    """

    read: Callable[[Any], object]
    write: Callable[[Any, str, Any], None]


def number_to_json(value: Any) -> bool | int | float | str | None:
    """A number as strict JSON has it: infinite and NaN, which it has not, are words."""
    if value is None or isinstance(value, bool | int):
        return value
    number = float(value)
    return number if abs(number) < float("inf") else str(number)


def number_from_json(value: Any) -> bool | int | float | None:
    """The inverse of `number_to_json`."""
    return float(value) if isinstance(value, str) else value


def _write_window(owner: Any, name: str, stored: Any) -> None:
    window = getattr(owner, name)
    window.clear()
    window.extend(map(number_from_json, stored))


def _read_random(generator: Any) -> object:
    version, words, gauss_next = generator.getstate()
    return [version, list(words), gauss_next]


def _write_random(owner: Any, name: str, stored: Any) -> None:
    version, words, gauss_next = stored
    getattr(owner, name).setstate((version, tuple(words), gauss_next))


NUMBER: Final = Kind(
    number_to_json, lambda owner, name, stored: setattr(owner, name, number_from_json(stored))
)
WINDOW: Final = Kind(lambda window: [number_to_json(value) for value in window], _write_window)
RANDOM: Final = Kind(_read_random, _write_random)
NATIVE: Final = Kind(
    lambda part: b64encode(part.__getstate__()).decode("ascii"),
    lambda owner, name, stored: getattr(owner, name).__setstate__(b64decode(stored)),
)


def _numbers(*paths: str) -> dict[str, Kind]:
    return dict.fromkeys(("_drift_detected", *paths), NUMBER)


def _means(*paths: str) -> dict[str, Kind]:
    return {f"{path}.{part}": NUMBER for path in paths for part in ("n", "_mean")}


def _averages(*paths: str) -> dict[str, Kind]:
    parts = {"_ewma._ewmean": NATIVE, "_is_init": NUMBER, "_ibc": NUMBER}
    return {f"{path}.{part}": kind for path in paths for part, kind in parts.items()}


FIELDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "adwin": _numbers() | {"_helper": NATIVE},
    "page_hinkley": _numbers("_sum_increase", "_sum_decrease", "_min_increase", "_max_decrease")
    | _means("_x_mean"),
    "kswin": _numbers("p_value", "n") | {"window": WINDOW, "_rng": RANDOM},
    "ddm": _numbers("_warning_detected", "_p_min", "_s_min", "_ps_min") | _means("_p"),
    "eddm": _numbers(
        "_warning_detected", "_n", "_last_error", "_n_errors", "_p2s_prime_max", "_error_distances._S"
    )
    | _means("_error_distances.mean"),
    "fhddm": _numbers("_warning_detected", "n_one", "_u_max") | {"_sliding_window": WINDOW},
    "hddm_a": _numbers("_warning_detected") | _means("_x_min", "_x_max", "_z"),
    "hddm_w": _numbers("_warning_detected", "_incr_cutpoint", "_decr_cutpoint")
    | _averages("_total", "_s1_decr", "_s1_incr", "_s2_decr", "_s2_incr"),
}
"""By detector, each attribute that its `update` reads and writes. What the options fix is not among them."""

OPTIONAL_FIELDS: Final[Mapping[str, Mapping[str, Kind]]] = {"fhddm": {"_u_short_max": NUMBER}}
"""Attributes that exist with some options only."""


def read_fields(name: str, detector: Any) -> Fields:
    """The attributes of the River detector `name` that make its state, JSON-ready."""
    return {path: kind.read(attrgetter(path)(detector)) for path, kind in _fields(name, detector).items()}


def write_fields(name: str, detector: Any, fields: Mapping[str, Any]) -> None:
    """Put what `read_fields` gave into a detector freshly built with the same options."""
    for path, kind in _fields(name, detector).items():
        owner, _, attribute = path.rpartition(".")
        kind.write(attrgetter(owner)(detector) if owner else detector, attribute, fields[path])


def _fields(name: str, detector: Any) -> dict[str, Kind]:
    optional = OPTIONAL_FIELDS.get(name, {})
    return {**FIELDS[name], **{path: kind for path, kind in optional.items() if hasattr(detector, path)}}


def seal(content: DetectorState) -> DetectorState:
    """`content` with the checksum over it."""
    return {**content, "sha256": _checksum(content)}


def unseal(state: Mapping[str, Any], expected: Mapping[str, object]) -> Mapping[str, Any]:
    """`state` as it was sealed, if it is whole and each of `expected` (River's version, options, …) is in it.

    Raises RiverStateError otherwise.
    """
    content = {key: value for key, value in state.items() if key != "sha256"}
    if state.get("sha256") != _checksum(content):
        raise RiverStateError("the stored state of a River detector is damaged: its checksum does not match")
    for key, value in expected.items():
        if content.get(key) != value:
            raise RiverStateError(
                f"the stored state of a River detector has {key} {content.get(key)!r}, this one {value!r}"
            )
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RiverStateError(f"the stored state of a River detector is not JSON: {error}") from error
    return sha256(text.encode("ascii")).hexdigest()
