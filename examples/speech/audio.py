"""Sound as numbers: read from WAV files, brought to one channel and one rate. Rule: what cannot be read says why."""

import io
import warnings
from dataclasses import dataclass
from math import gcd
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import resample_poly

Samples = NDArray[np.float64]
"""A signal, (n,), full scale is -1 to 1."""

RATE_MIN_HZ: Final = 4_000
RATE_MAX_HZ: Final = 192_000
SECONDS_MAX: Final = 60.0
"""A longer file is no utterance; it would hold up all that wait behind it."""


class BadAudio(Exception):
    """A file that no sound can be had of; the message says what is wrong with it, and what would be right."""


@dataclass(frozen=True, slots=True)
class Audio:
    """One channel: `samples` at `rate_hz`; `is_cut` where the file ends before it said that it would."""

    samples: Samples
    rate_hz: int
    is_cut: bool = False

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""
        return len(self.samples) / self.rate_hz

    def at(self, rate_hz: int) -> "Audio":
        """The same sound at another rate, in samples per second."""
        if rate_hz == self.rate_hz:
            return self
        common = gcd(rate_hz, self.rate_hz)
        samples = resample_poly(self.samples, rate_hz // common, self.rate_hz // common)
        return Audio(np.asarray(samples, np.float64), rate_hz, self.is_cut)


def read_wav(content: bytes) -> Audio:
    """The sound in a WAV file: whole numbers or floats, any number of channels, whose mean is taken.

    A file that was cut off gives what is there. Raises BadAudio where it is no WAV file, or one without sound.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", wavfile.WavFileWarning)
        try:
            rate_hz, raw = wavfile.read(io.BytesIO(_even(content)))
        except Exception as error:  # noqa: BLE001 - of a damaged file it raises ValueError, struct.error and others
            raise BadAudio(
                f"it is no WAV file that can be read ({_first_line(error)}); send PCM or float WAV"
            ) from None
    if not RATE_MIN_HZ <= rate_hz <= RATE_MAX_HZ:
        raise BadAudio(f"{rate_hz} samples per second; {RATE_MIN_HZ:,} to {RATE_MAX_HZ:,} are understood")
    samples = _scaled(raw)
    if not len(samples):
        raise BadAudio("it has no samples; send at least one")
    if len(samples) > SECONDS_MAX * rate_hz:
        raise BadAudio(
            f"it lasts {len(samples) / rate_hz:.0f} s; cut it into utterances of {SECONDS_MAX:.0f} s at most"
        )
    if not np.isfinite(samples).all():
        raise BadAudio("some of its samples are not finite; send numbers from -1 to 1")
    return Audio(samples, int(rate_hz), any("EOF" in str(one.message) for one in told))


def _even(content: bytes) -> bytes:
    """A file that was cut off amid a sample: without the rest of it, by the size of a frame in its header."""
    place = content.find(b"data", 12)
    if place < 0 or place + 8 > len(content) or content[12:16] != b"fmt ":
        return content
    frame_bytes = int.from_bytes(content[32:34], "little") or 1
    said = int.from_bytes(content[place + 4 : place + 8], "little")
    here = len(content) - place - 8
    return content if here >= said else content[: len(content) - here % frame_bytes]


def _scaled(raw: NDArray[Any]) -> Samples:
    """Samples of any type as one channel from -1 to 1."""
    samples = raw.astype(np.float64)
    if raw.dtype.kind == "u":
        samples = (samples - 128.0) / 128.0  # 8 bits: the only ones without a sign
    elif raw.dtype.kind == "i":
        samples /= float(np.iinfo(raw.dtype).max) + 1.0
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
