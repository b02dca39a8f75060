"""The state of an engine, as entries of bytes. Rule: each entry says its version and carries its checksum.

An entry is one line of header, `driftd-state <version> <SHA-256 of the body>`, and a body of JSON. Never a pickle:
a damaged or foreign entry must be refused by reading it, not by running it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

MAGIC: Final = b"driftd-state"
VERSION: Final = 3
ENGINE_KEY: Final = "engine"
SILENCES_KEY: Final = "silences"
MODEL_PREFIX: Final = "model/"


class StateError(Exception):
    """A stored state that cannot be gone on from; the message says which entry, what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class State:
    """All that an engine is: entries of sealed bytes by key. An empty state is that of a new engine."""

    entries: Mapping[str, bytes] = field(default_factory=dict)


def seal(document: Mapping[str, object]) -> bytes:
    """`document` as an entry."""
    # in the order of insertion: the order of features in an event is remembered
    body = msgspec.json.encode(document)
    return b"%s %d %s\n%s" % (MAGIC, VERSION, hashlib.sha256(body).hexdigest().encode(), body)


def unseal(key: str, value: bytes) -> dict[str, Any]:
    """The document of the entry `key`. Raises StateError where it is foreign, of another version, or damaged."""
    header, _, body = value.partition(b"\n")
    parts = header.split(b" ")
    if len(parts) != 3 or parts[0] != MAGIC:
        raise StateError(
            f"state entry {key!r} is not of driftd (it begins with {value[:24]!r}); "
            "point topics.state to a topic of driftd's own"
        )
    if parts[1] != str(VERSION).encode():
        raise StateError(
            f"state entry {key!r} is of version {parts[1].decode(errors='replace')}, this driftd reads {VERSION}; "
            "run the driftd that wrote it, or begin anew with an empty state topic"
        )
    if hashlib.sha256(body).hexdigest().encode() != parts[2]:
        raise StateError(
            f"state entry {key!r} is damaged: its checksum does not match; restore the state topic"
        )
    document = msgspec.json.decode(body)
    if not isinstance(document, dict):
        raise StateError(f"state entry {key!r} holds no object; restore the state topic")
    return document


def model_key(model: str, part: str) -> str:
    """The key of one part of a model's state. A model's name may hold slashes, a part's does not."""
    return f"{MODEL_PREFIX}{model}/{part}"


def split_model_key(key: str) -> tuple[str, str] | None:
    """The model and the part of a key; None for a key that is no model's."""
    if not key.startswith(MODEL_PREFIX):
        return None
    model, _, part = key.removeprefix(MODEL_PREFIX).rpartition("/")
    return model, part
