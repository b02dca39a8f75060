"""Arrays as JSON. Rule: numbers only, explicit type and shape, the same bytes for the same array.

Integers are stored in the smallest type that holds them; more than a few bytes are compressed.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

COMPRESS_FROM_BYTES = 256
BYTES_MAX = 64 * 2**20
"""No array of driftd is larger; a stored size beyond it is damage, not data."""

INTEGERS = ("|u1", "<u2", "<i4", "<i8")
FLOATS = ("<f4", "<f8")
BOUNDS = [(name, int(np.iinfo(name).min), int(np.iinfo(name).max)) for name in INTEGERS]
_COMPRESSOR = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR = zstandard.ZstdDecompressor()


def array_to_json(array: NDArray[Any]) -> dict[str, object]:
    """`array` (float32, float64 or any integers) as a JSON object with type, shape and data."""
    stored = array.astype(array.dtype.newbyteorder("<") if array.dtype.kind == "f" else _smallest(array))
    raw = stored.tobytes()
    document: dict[str, object] = {"type": stored.dtype.str, "shape": list(array.shape)}
    if len(raw) >= COMPRESS_FROM_BYTES:
        # a third of the time of zlib: a commit writes a dozen of these for each model
        document["zstd"] = base64.b64encode(_COMPRESSOR.compress(raw)).decode()
    else:
        document["raw"] = base64.b64encode(raw).decode()
    return document


def _smallest(array: NDArray[Any]) -> str:
    if array.size == 0:
        return "|u1"
    low, high = int(array.min()), int(array.max())
    for name, least, most in BOUNDS:
        if least <= low and high <= most:
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
        if "zstd" in document:
            packed = base64.b64decode(document["zstd"])
            if zstandard.frame_content_size(packed) > BYTES_MAX:
                raise ValueError(f"a stored array holds more than {BYTES_MAX:,} bytes; this is damage")
            raw = _DECOMPRESSOR.decompress(packed)
        else:
            raw = base64.b64decode(document["raw"])
        return np.frombuffer(raw, np.dtype(kind)).reshape(document["shape"])
    except (KeyError, TypeError, zstandard.ZstdError) as error:
        raise ValueError(f"this is no stored array: {error!r}") from error
