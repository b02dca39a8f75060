"""A profile as a JSON document, and its hash. Rule: the document is canonical, so equal profiles hash equal."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from driftd.decode.schema import Schema, Signal, SignalType
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
from driftd.reference.cycle import Cycle
from driftd.reference.history import History, small
from driftd.reference.layout import COARSE
from driftd.reference.profile import Jump, Levels, Null, Profile
from driftd.reference.tilts import BETS

FORMAT = "driftd-reference"
FORMAT_VERSION = 2
FLOATS = ("edges", "center", "quantum", "low", "high", "inflation", "missing_inflation")
INTEGERS = ("coarse_of_fine", "counts", "coarse_counts", "sums")


def schema_to_json(schema: Schema) -> dict[str, object]:
    """`schema` as an object: signals as a list of [name, type], and the names of the other features."""
    signals = [[signal.name, signal.type.value] for signal in schema.signals]
    return {"signals": signals, "others": list(schema.others)}


def schema_from_json(document: Mapping[str, Any]) -> Schema:
    """The schema of `schema_to_json`. Raises ValueError for an unknown type."""
    signals = tuple(Signal(name, SignalType(kind)) for name, kind in document["signals"])
    return Schema(signals, tuple(document["others"]))


def profile_to_json(profile: Profile) -> dict[str, object]:
    """`profile` as a JSON object."""
    document: dict[str, object] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": profile.model,
        "version": profile.version,
        "schema": schema_to_json(profile.schema),
        "levels": [
            None if levels is None else {"names": list(levels.names), "unbounded": levels.unbounded}
            for levels in profile.levels
        ],
        "events": profile.events,
        "first_ms": profile.first_ms,
        "last_ms": profile.last_ms,
        "pane_events": profile.pane_events,
    }
    document |= {name: array_to_json(getattr(profile, name)) for name in (*FLOATS, *INTEGERS)}
    document["cycle"] = profile.cycle.value
    document["history"] = history_to_json(profile.history)
    document["jumps"] = [[jump.signal, jump.at_ms, jump.errors] for jump in profile.jumps]
    document["null"] = None if profile.null is None else _null_to_json(profile.null)
    return document


def history_to_json(history: History) -> dict[str, object]:
    """`history` as an object."""
    return {
        "counts": array_to_json(history.counts),
        "at_ms": array_to_json(history.at_ms),
    }


def history_from_json(document: Mapping[str, Any]) -> History:
    """The history of `history_to_json`."""
    counts = small(integers_from_json(document["counts"]))
    return History(counts, integers_from_json(document["at_ms"]))


def _null_to_json(null: Null) -> dict[str, object]:
    return {
        "scatter": array_to_json(null.scatter),
        "cyclic": array_to_json(null.cyclic.astype(np.uint8)),
        "gain": array_to_json(null.gain),
        "hours": array_to_json(null.hours),
        "seen": array_to_json(null.seen.astype(np.uint8)),
    }


def _null_from_json(document: Mapping[str, Any]) -> Null:
    return Null(
        floats_from_json(document["scatter"]),
        integers_from_json(document["cyclic"]).astype(np.bool_),
        floats_from_json(document["gain"]),
        integers_from_json(document["hours"]),
        integers_from_json(document["seen"]).astype(np.bool_),
    )


def profile_from_json(document: Mapping[str, Any]) -> Profile:
    """The profile of a JSON object. Raises ValueError saying what is wrong with it."""
    if document.get("format") != FORMAT or document.get("format_version") != FORMAT_VERSION:
        found = f"{document.get('format')!r} version {document.get('format_version')!r}"
        raise ValueError(
            f"no reference of driftd: format {found}; expected {FORMAT!r} version {FORMAT_VERSION}"
        )
    try:
        profile = Profile(
            document["model"],
            document["version"],
            schema_from_json(document["schema"]),
            tuple(
                None if levels is None else Levels(tuple(levels["names"]), bool(levels["unbounded"]))
                for levels in document["levels"]
            ),
            int(document["events"]),
            int(document["first_ms"]),
            int(document["last_ms"]),
            int(document["pane_events"]),
            **{name: floats_from_json(document[name]) for name in FLOATS},  # type: ignore[arg-type]
            **{name: integers_from_json(document[name]) for name in INTEGERS},  # type: ignore[arg-type]
            history=history_from_json(document["history"]),
            cycle=Cycle(document["cycle"]),
            jumps=tuple(Jump(name, int(at_ms), float(errors)) for name, at_ms, errors in document["jumps"]),
            null=None if document["null"] is None else _null_from_json(document["null"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no reference of driftd: {error!r} is missing or of another type") from error
    _check_shapes(profile)
    return profile


def _check_shapes(profile: Profile) -> None:
    signals = len(profile.schema.signals)
    expected = {
        "edges": (signals, 63),
        "counts": (signals, 68),
        "coarse_counts": (signals, COARSE.width),
        "coarse_of_fine": (signals, 68),
    }
    for name in (*FLOATS, *INTEGERS):
        shape = getattr(profile, name).shape
        if shape != expected.get(name, (signals,)):
            raise ValueError(f"{name} has shape {shape}; expected {expected.get(name, (signals,))}")
    history, null = profile.history, profile.null
    if history.counts.shape != (history.blocks, signals, COARSE.width):
        raise ValueError(
            f"history has shape {history.counts.shape}; expected ({history.blocks}, {signals}, 20)"
        )
    if null is not None and not (
        null.scatter.shape == (signals, BETS)
        and null.cyclic.shape == (signals,)
        and null.gain.shape == (signals, 2)
        and null.seen.shape == (profile.cycle.buckets,)
        and null.hours.shape == (profile.cycle.buckets, int(null.cyclic.sum()), COARSE.width)
    ):
        raise ValueError(
            f"null is not of {signals} signals, {BETS} bets and the cycle {profile.cycle.value!r}"
        )
    if len(profile.levels) != signals:
        raise ValueError(f"levels of {len(profile.levels)} signals; expected {signals}")


def encode_profile(profile: Profile) -> bytes:
    """`profile` as canonical JSON."""
    return msgspec.json.encode(profile_to_json(profile), order="deterministic")


def profile_hash(profile: Profile) -> str:
    """SHA-256 of the canonical document, as hexadecimal digits."""
    return hashlib.sha256(encode_profile(profile)).hexdigest()


def decode_profile(value: bytes) -> Profile:
    """The profile of a file's bytes. Raises ValueError saying what is wrong with them."""
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no reference of driftd: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("no reference of driftd: a JSON object is expected")  # noqa: TRY004  of the file, not of our code
    return profile_from_json(document)
