"""Arrays as JSON. Rule: numbers only, explicit type and shape, the same bytes for the same array.

Integers are stored in the smallest type that holds them; more than a few bytes are compressed.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
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
TYPES = {name: np.dtype(name) for name in (*INTEGERS, *FLOATS)}
BOUNDS = [(name, int(np.iinfo(name).min), int(np.iinfo(name).max)) for name in INTEGERS]
PLAIN_SIZE = 32
"""Up to so many numbers Python finds the least and the largest sooner than numpy does."""
_COMPRESSOR = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR = zstandard.ZstdDecompressor()


def array_to_json(array: NDArray[Any]) -> dict[str, object]:
    """`array` (float32, float64 or any integers) as a JSON object with type, shape and data."""
    # a commit writes dozens of these for each model, most of them small: each call into numpy counts
    name = array.dtype.str
    if name in FLOATS:
        raw = array.tobytes()
    elif array.dtype.kind == "f":
        stored = array.astype(array.dtype.newbyteorder("<"))
        name, raw = stored.dtype.str, stored.tobytes()
    else:
        name = _smallest(array)
        raw = array.astype(name).tobytes()
    if len(raw) >= COMPRESS_FROM_BYTES:
        # a third of the time of zlib
        packed = b2a_base64(_COMPRESSOR.compress(raw), newline=False)
        return {"type": name, "shape": array.shape, "zstd": packed.decode("ascii")}
    return {"type": name, "shape": array.shape, "raw": b2a_base64(raw, newline=False).decode("ascii")}


def _smallest(array: NDArray[Any]) -> str:
    if array.size == 0:
        return "|u1"
    if array.size <= PLAIN_SIZE:
        values = array.ravel().tolist()
        low, high = min(values), max(values)
    else:
        low, high = int(np.minimum.reduce(array, axis=None)), int(np.maximum.reduce(array, axis=None))
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
        dtype = TYPES.get(kind)
        if dtype is None:
            raise ValueError(f"unknown array type {kind!r}; known are {', '.join((*INTEGERS, *FLOATS))}")
        if "zstd" in document:
            packed = a2b_base64(document["zstd"])
            if zstandard.frame_content_size(packed) > BYTES_MAX:
                raise ValueError(f"a stored array holds more than {BYTES_MAX:,} bytes; this is damage")
            raw = _DECOMPRESSOR.decompress(packed)
        else:
            raw = a2b_base64(document["raw"])
        return np.frombuffer(raw, dtype).reshape(document["shape"])
    except (KeyError, TypeError, Base64Error, zstandard.ZstdError) as error:
        raise ValueError(f"this is no stored array: {error!r}") from error
