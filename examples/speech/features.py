"""What is measured of an utterance: numbers may leave, the sound may not. Rule: what cannot be known is None.

Frames are 25 ms long, one each 10 ms. Speech is told from background by its power: the quietest tenth of the frames is
the background, and what rises SPEECH_DB above it is speech. Levels are in decibels below full scale (dBFS). The
loudness of ITU-R BS.1770 is gated over blocks of 400 ms, as long as a spoken digit; so it is the plain level of the
frames with speech that is taken.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from examples.speech.audio import Audio, Samples

Values = NDArray[np.float64]

FRAME_S: Final = 0.025
STEP_S: Final = 0.010
SPEECH_DB: Final = 6.0
QUIET_SHARE: Final = 0.1
POWER_MIN: Final = 1e-10
"""-100 dBFS: less is silence, whatever was computed."""
CLIPPED_FROM: Final = 0.99
CLIPPED_RUN: Final = 3
"""A sample is clipped where it is this close to the loudest of its utterance, in a run of at least so many that are."""
CLIPPED_LEVEL_MIN: Final = 0.25
"""A quieter utterance is not clipped: its loudest samples are just that."""
ROLLOFF_SHARE: Final = 0.85
PITCH_HZ: Final = (60.0, 400.0)
PITCH_FRAME_S: Final = 0.040
VOICED_FROM: Final = 0.5
"""The height of the autocorrelation's peak, of 1, from which a frame counts as voiced."""
PEAK_SHARE: Final = 0.9
SMOOTHING_FRAMES: Final = 5
SYLLABLE_DB: Final = 2.0
"""A syllable's peak rises this much above the valley before it (de Jong and Wempe, 2009, doi:10.3758/BRM.41.2.385)."""

NAMES: Final = (
    "duration_s",
    "loudness_dbfs",
    "snr_db",
    "clipping_share",
    "silence_share",
    "centroid_hz",
    "rolloff_hz",
    "pitch_hz",
    "syllables_per_s",
)


def features_of(audio: Audio) -> dict[str, float | None]:
    """All of NAMES; None where the utterance is too short, too quiet or too noisy to tell."""
    told: dict[str, float | None] = dict.fromkeys(NAMES)
    told["duration_s"] = audio.duration_s
    told["clipping_share"] = clipping_share(audio.samples)
    frames = framed(audio.samples, audio.rate_hz, FRAME_S)
    if not len(frames):
        return told
    power = np.maximum((frames**2).mean(axis=1), POWER_MIN)
    background, is_speech = speech_frames(power)
    told["silence_share"] = float(1.0 - is_speech.mean())
    if not is_speech.any():
        return told
    speech = float(power[is_speech].mean())
    told["loudness_dbfs"] = decibels(speech)
    told["snr_db"] = decibels(max(speech - background, POWER_MIN) / background)
    told["centroid_hz"], told["rolloff_hz"] = spectrum_figures(frames[is_speech], audio.rate_hz)
    told["pitch_hz"] = pitch_hz(audio.samples, audio.rate_hz)
    syllables = syllable_count(power, is_speech)
    told["syllables_per_s"] = syllables / (float(is_speech.sum()) * STEP_S) if syllables else None
    return told


def recognition_features(
    words: int, duration_s: float, confidence: float | None
) -> Mapping[str, float | None]:
    """What the recogniser's answer adds: words per second of the utterance, and how sure it was (0 to 1)."""
    return {"words_per_s": words / duration_s if duration_s else None, "confidence": confidence}


def framed(samples: Samples, rate_hz: int, frame_s: float) -> Values:
    """Frames of `frame_s` seconds, one each STEP_S, (frames, samples of one); none where the signal is shorter."""
    length, step = round(frame_s * rate_hz), round(STEP_S * rate_hz)
    if len(samples) < length:
        return np.zeros((0, length))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::step]


def decibels(power: float) -> float:
    """A ratio of powers in dB."""
    return float(10.0 * np.log10(power))


def speech_frames(power: Values) -> tuple[float, NDArray[np.bool_]]:
    """The power of the background, and which frames have speech, (frames,), of frames with `power`, (frames,)."""
    quietest = max(round(QUIET_SHARE * len(power)), 1)
    background = float(np.sort(power)[:quietest].mean())
    return background, power >= background * 10 ** (SPEECH_DB / 10)


def clipping_share(samples: Samples) -> float:
    """The share of samples that stand at the loudest level of the utterance, one beside the other."""
    level = np.abs(samples)
    top = float(level.max(initial=0.0))
    if top < CLIPPED_LEVEL_MIN or len(samples) < CLIPPED_RUN:
        return 0.0
    at_top = np.convolve(level >= CLIPPED_FROM * top, np.ones(CLIPPED_RUN), mode="valid") >= CLIPPED_RUN
    # each sample of a run counts
    return float((np.convolve(at_top, np.ones(CLIPPED_RUN)) > 0).mean())


def spectrum_figures(frames: Values, rate_hz: int) -> tuple[float, float]:
    """Centroid and roll-off (below it is ROLLOFF_SHARE of the power) of the mean spectrum of `frames`, in Hz."""
    power = (np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2).mean(axis=0)
    hz = np.fft.rfftfreq(frames.shape[1], 1 / rate_hz)
    total = float(power.sum())
    if total <= 0.0:
        return 0.0, 0.0
    below = np.cumsum(power)
    return float((hz * power).sum() / total), float(np.interp(ROLLOFF_SHARE * total, below, hz))


def pitch_hz(samples: Samples, rate_hz: int) -> float | None:
    """The median pitch of the voiced frames in Hz, by the peak of their autocorrelation; None where none is voiced."""
    frames = framed(samples, rate_hz, PITCH_FRAME_S)
    if not len(frames):
        return None
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(frames.shape[1])
    size = 2 * frames.shape[1]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(frames.shape[1]), size)) ** 2, size)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, size, axis=1)) ** 2, size, axis=1)
    power = correlation[:, :1]
    # the window makes long lags small: divided by its own correlation a steady tone peaks at 1 whatever its pitch
    height = correlation / np.maximum(power, POWER_MIN) / np.maximum(window / window[0], 0.1)
    shortest, longest = int(rate_hz / PITCH_HZ[1]), min(int(rate_hz / PITCH_HZ[0]), frames.shape[1] - 2)
    lags = height[:, shortest : longest + 2]
    top = lags.max(axis=1, keepdims=True)
    # twice the period is a peak as high: the first of the high ones is the period
    is_peak = (lags[:, :-1] >= PEAK_SHARE * top) & (lags[:, :-1] >= lags[:, 1:])
    voiced = (power[:, 0] >= 0.1 * float(power.max())) & (top[:, 0] >= VOICED_FROM) & is_peak.any(axis=1)
    return float(np.median(rate_hz / (shortest + is_peak[voiced].argmax(axis=1)))) if voiced.any() else None


def syllable_count(power: Values, is_speech: NDArray[np.bool_]) -> int:
    """Peaks of the level that stand out, in frames with speech: about one a syllable."""
    smooth = np.convolve(power, np.ones(SMOOTHING_FRAMES) / SMOOTHING_FRAMES, mode="same")
    level = 10.0 * np.log10(np.maximum(smooth, POWER_MIN))
    padded = np.concatenate([[level.min() - SYLLABLE_DB], level, [level.min() - SYLLABLE_DB]])
    peaks, _ = find_peaks(padded, prominence=SYLLABLE_DB)
    return int(is_speech[peaks - 1].sum())
