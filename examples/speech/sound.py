"""What becomes of speech on its way: the room, the microphone, the line. Rule: an utterance says all that made it.

So the same `Utterance` is the same sound, and what was heard of it need be recognised only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from examples.speech.audio import Audio, Samples
from examples.speech.fsdd import RATE_HZ, Take

PAUSE_S: Final = (0.06, 0.18)
"""Between two digits."""
HUM_HZ: Final = 120.0
HUM_TONES: Final = 8
"""A motor hums at multiples of twice the mains' frequency; these reach to 960 Hz, where vowels are."""
TELEPHONE_HZ: Final = (300.0, 3_400.0)
MU: Final = 255.0
"""G.711, the companding of telephone lines in North America and Japan."""
UM_LENGTH: Final = 1.6
"""A filled pause is so many times as long as the vowel that it is made of."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Digits said by one person, and all that became of the sound; levels in dBFS, ratios in dB.

    `snr_db` is speech over the noise of the room (pink), `hum_snr_db` speech over the hum of a motor, None without.
    `gain` is the microphone's, `overdrive` how far above full scale its input is driven. `background_s` is what is
    recorded before and after. `hesitates`: it begins with an "um". All chance is drawn from `seed`.
    """

    takes: tuple[Take, ...]
    seed: int
    level_dbfs: float = -26.0
    snr_db: float = 38.0
    hum_snr_db: float | None = None
    gain: float = 1.0
    overdrive: float = 1.0
    background_s: float = 0.25
    is_telephone: bool = False
    hesitates: bool = False


def heard(utterance: Utterance, takes: Mapping[Take, Samples]) -> Audio:
    """The sound as it leaves the microphone or the line, in 16 bits, before anything looks at it."""
    rng = np.random.default_rng(utterance.seed)
    speech = _said(utterance, takes, rng)
    level = 10 ** (utterance.level_dbfs / 20)
    speech *= level / _rms(speech)
    quiet = np.zeros(round(utterance.background_s * RATE_HZ))
    sound = np.concatenate([quiet, speech, quiet])
    sound += _at_rms(pink_noise(len(sound), rng), level * 10 ** (-utterance.snr_db / 20))
    if utterance.hum_snr_db is not None:
        sound += _at_rms(hum(len(sound), rng), level * 10 ** (-utterance.hum_snr_db / 20))
    if utterance.is_telephone:
        sound = telephone(sound)
    sound = np.clip(sound * utterance.overdrive, -1.0, 1.0) * utterance.gain
    return Audio(np.round(np.clip(sound, -1.0, 1.0) * 32_767) / 32_768, RATE_HZ)


def pink_noise(n: int, rng: np.random.Generator) -> Samples:
    """Noise whose power falls with frequency, as that of rooms does."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    hz[0] = hz[1]
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(hz), n), np.float64)


def hum(n: int, rng: np.random.Generator) -> Samples:
    """The hum of a motor, tones of one series, over its rumble."""
    t = np.arange(n) / RATE_HZ
    tones = np.zeros(n)
    for number in range(1, HUM_TONES + 1):
        tones += rng.uniform(0.3, 1.0) * np.sin(2 * np.pi * (HUM_HZ * number * t + rng.uniform()))
    spectrum = np.fft.rfft(rng.normal(size=n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    hz[0] = hz[1]
    rumble = np.fft.irfft(spectrum / hz, n)
    return np.asarray(tones / _rms(tones) + 0.5 * rumble / _rms(rumble), np.float64)


def telephone(sound: Samples) -> Samples:
    """What a telephone line leaves of `sound`: its band, and 256 steps, fine where it is quiet."""
    band = sosfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=RATE_HZ, output="sos"), sound)
    pressed = np.sign(band) * np.log1p(MU * np.minimum(np.abs(band), 1.0)) / np.log1p(MU)
    steps = np.round(pressed * 127.5 - 0.5) / 127.5 + 0.5 / 127.5
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU, np.float64)


def _said(utterance: Utterance, takes: Mapping[Take, Samples], rng: np.random.Generator) -> Samples:
    """The digits one after the other, each as loud as the others, with a pause after each but the last."""
    parts: list[NDArray[np.float64]] = []
    for take in utterance.takes:
        parts += [takes[take] / _rms(takes[take]), np.zeros(round(rng.uniform(*PAUSE_S) * RATE_HZ))]
    if utterance.hesitates:
        speaker = utterance.takes[0].speaker
        parts = [_um(takes[Take(1, speaker, utterance.seed % 50)]), np.zeros(round(0.2 * RATE_HZ)), *parts]
    return np.concatenate(parts[:-1])


def _um(one: Samples) -> Samples:
    """A filled pause, made of what follows the w of "one": its vowel and nasal, drawn out."""
    vowel = one[round(0.3 * len(one)) : round(0.9 * len(one))]
    size, step = round(0.04 * RATE_HZ), round(0.02 * RATE_HZ)
    count = max(round(len(vowel) * UM_LENGTH / step) - 1, 1)
    window, drawn = np.hanning(size), np.zeros(count * step + size)
    for i, place in enumerate(np.linspace(0, max(len(vowel) - size, 0), count).astype(int).tolist()):
        piece = vowel[place : place + size]
        drawn[i * step : i * step + len(piece)] += piece * window[: len(piece)]
    return np.asarray(drawn / _rms(drawn), np.float64)


def _rms(sound: Samples) -> float:
    return float(np.sqrt((sound**2).mean()))


def _at_rms(sound: Samples, rms: float) -> Samples:
    return sound * (rms / _rms(sound))
