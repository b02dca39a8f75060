"""The recogniser: PocketSphinx with its own English model, and a grammar that knows digits only.

It says two things: the best answer, and how sure it is. PocketSphinx's own confidence says little in a grammar this
small (area under the ROC curve 0.6), so a second pass looks for the best answer that is another one: how much better
the first is says whether it is right (0.82).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder, get_model_path
from scipy.signal import istft, stft

from examples.speech.audio import Audio, Samples
from examples.speech.fsdd import WORDS

RATE_HZ: Final = 16_000
"""What its acoustic model was trained on."""
NOTHING: Final = "(nothing)"
"""The answer where no digit was heard."""
SPOKEN_CODE: Final = 3
"""Digits of a code."""
BEAMS: Final = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80, "bestpath": False}
"""Wider than its defaults: with ten words that costs nothing, and what two passes find can be compared."""
MARGIN_UNIT: Final = 0.023
MARGIN_ODDS: Final = 0.9
"""The logarithm of the odds that the best answer is right is MARGIN_ODDS + margin / MARGIN_UNIT, by clean speech."""

FRAME: Final = 256
HOP: Final = 64
BACKGROUND_S: Final = 0.2
"""So much at either end of an utterance is background."""
OVERSUBTRACTION: Final = 2.0
GAIN_MIN: Final = 0.1
COMFORT_RMS: Final = 3e-3
"""Noise that is put under the cleaned sound: digital silence is what the recogniser has never heard."""


class Task(StrEnum):
    """What is asked for."""

    DIGIT = "digit"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: words, NOTHING where there are none. `runner_up` and `confidence` are of one digit only."""

    text: str
    runner_up: str | None
    confidence: float | None

    def scores(self) -> Mapping[str, float]:
        """The probability of each digit: the two best ones share it, as far as it was looked at."""
        scores = dict.fromkeys(WORDS, 0.0)
        if self.confidence is not None and self.runner_up is not None:
            scores[self.text], scores[self.runner_up] = self.confidence, round(1.0 - self.confidence, 3)
        return scores


@dataclass(slots=True)
class Recogniser:
    """PocketSphinx; `front_end` cleans the sound before it is looked at. Not for several threads."""

    front_end: Callable[[Samples, int], Samples] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    _decoder: Any = None

    def __post_init__(self) -> None:
        folder = get_model_path()
        self._decoder = Decoder(
            hmm=f"{folder}/en-us/en-us",
            dict=f"{folder}/en-us/cmudict-en-us.dict",
            lm=None,
            loglevel="FATAL",
            **BEAMS,
            **self.settings,
        )
        digit = " | ".join(WORDS)
        self._grammar("digit", digit)
        for word in WORDS:
            self._grammar(f"not {word}", digit.replace(f"{word} | ", "").replace(f" | {word}", ""))
        self._grammar("code", f"[um] {' '.join([f'({digit})'] * SPOKEN_CODE)}")

    def recognise(self, audio: Audio, task: Task) -> Heard:
        """What is said in `audio`."""
        samples = audio.samples if self.front_end is None else self.front_end(audio.samples, audio.rate_hz)
        wide = Audio(samples, audio.rate_hz).at(RATE_HZ).samples
        raw = (np.clip(wide, -1.0, 1.0) * 32_767).astype("<i2").tobytes()
        text, score = self._pass(task.value, raw)
        if task is not Task.DIGIT or text not in WORDS:
            return Heard(text or NOTHING, None, None)
        other, other_score = self._pass(f"not {text}", raw)
        if other not in WORDS:
            return Heard(text, None, None)
        odds = MARGIN_ODDS + (log(score) - log(other_score)) / MARGIN_UNIT
        return Heard(text, other, round(1 / (1 + exp(-max(min(odds, 30.0), -30.0))), 3))

    def _grammar(self, name: str, rule: str) -> None:
        self._decoder.add_jsgf_string(name, f"#JSGF V1.0;\ngrammar d;\npublic <d> = {rule};\n")

    def _pass(self, grammar: str, raw: bytes) -> tuple[str, float]:
        """The words of the best path and its score, in the decoder's unit."""
        self._decoder.activate_search(grammar)
        self._decoder.start_stream()  # or what came before would decide with it: its estimate of the noise goes on
        self._decoder.start_utt()
        self._decoder.process_raw(raw, full_utt=True)
        self._decoder.end_utt()
        best = self._decoder.hyp()
        return (best.hypstr, best.best_score) if best else ("", 1.0)


def spectral_subtraction(samples: Samples, rate_hz: int) -> Samples:
    """`samples` without the steady noise that is in their first and last BACKGROUND_S.

    The power of the noise, OVERSUBTRACTION times, is taken from the power of each frame (Berouti, Schwartz and Makhoul
    1979, doi:10.1109/ICASSP.1979.1170788), and the gain is smoothed over three frames.
    """
    if len(samples) < FRAME:
        return samples
    _, _, spectra = stft(samples, rate_hz, nperseg=FRAME, noverlap=FRAME - HOP)
    power = np.abs(spectra) ** 2
    count = max(min(round(BACKGROUND_S * rate_hz / HOP), power.shape[1] // 4), 1)
    noise = np.concatenate([power[:, 1 : count + 1], power[:, -count - 1 : -1]], axis=1).mean(
        axis=1, keepdims=True
    )
    left = 1.0 - OVERSUBTRACTION * noise / np.maximum(power, 1e-12)
    gain: NDArray[np.float64] = np.sqrt(np.maximum(left, GAIN_MIN**2))
    wide = np.pad(gain, ((0, 0), (1, 1)), "edge")
    _, clean = istft(
        spectra * (wide[:, :-2] + 2 * gain + wide[:, 2:]) / 4, rate_hz, nperseg=FRAME, noverlap=FRAME - HOP
    )
    clean = clean[: len(samples)]
    return np.asarray(
        clean + np.random.default_rng(len(clean)).normal(0.0, COMFORT_RMS, len(clean)), np.float64
    )
