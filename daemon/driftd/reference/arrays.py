"""Arrays as JSON. Rule: numbers only, explicit type and shape, the same bytes for the same array.

Integers are stored in the smallest type that holds them; more than a few bytes are compressed.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPRESS_FROM_BYTES = 256
BYTES_MAX = 64 * 2**20
"""No array of driftd is larger; a stored size beyond it is damage, not data."""

INTEGERS = ("|u1", "<u2", "<i4", "<i8")
FLOATS = ("<f4", "<f8")


def array_to_json(array: NDArray[Any]) -> dict[str, object]:
    """`array` (float32, float64 or any integers) as a JSON object with type, shape and data."""
    stored = array.astype(array.dtype.newbyteorder("<") if array.dtype.kind == "f" else _smallest(array))
    raw = np.ascontiguousarray(stored).tobytes()
    document: dict[str, object] = {"type": stored.dtype.str, "shape": list(array.shape)}
    if len(raw) >= COMPRESS_FROM_BYTES:
        return document | {"zlib": base64.b64encode(zlib.compress(raw, 1)).decode()}
    return document | {"raw": base64.b64encode(raw).decode()}


def _smallest(array: NDArray[Any]) -> str:
    if array.size == 0:
        return "|u1"
    low, high = int(array.min()), int(array.max())
    for name in INTEGERS:
        bounds = np.iinfo(np.dtype(name))
        if bounds.min <= low and high <= bounds.max:
            return name
    return "<i8"


def floats_from_json(document: Mapping[str, Any]) -> NDArray[np.float64]:
    """The float64 array of `document`. Raises ValueError where it is none."""
    return _from_json(document).astype(np.float64)


def integers_from_json(document: Mapping[str, Any]) -> NDArray[np.int64]:
    """The int64 array of `document`. Raises ValueError where it is none."""
    array = _from_json(document)
    if array.dtype.kind not in "iu":
        raise ValueError(f"an array of integers is expected, this one is of type {array.dtype.str}")
    return array.astype(np.int64)


def _from_json(document: Mapping[str, Any]) -> NDArray[Any]:
    try:
        kind = str(document["type"])
        if kind not in (*INTEGERS, *FLOATS):
            raise ValueError(f"unknown array type {kind!r}; known are {', '.join((*INTEGERS, *FLOATS))}")
        if "zlib" in document:
            raw = zlib.decompressobj().decompress(base64.b64decode(document["zlib"]), BYTES_MAX)
        else:
            raw = base64.b64decode(document["raw"])
        return np.frombuffer(raw, np.dtype(kind)).reshape(document["shape"])
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"this is no stored array: {error!r}") from error
