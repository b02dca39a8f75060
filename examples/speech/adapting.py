"""Answering a retraining request: ways to adapt the recogniser, measured on what was transcribed since the onset.

Rule: nothing is chosen that did not lower the word error on the new data, and what was measured is printed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scipy.signal import butter, sosfilt

from examples.speech.audio import Audio, Samples
from examples.speech.recogniser import Recogniser, Task, spectral_subtraction

HIGH_PASS_HZ: Final = 300.0
LANGUAGE_WEIGHT: Final = 10.0
GAIN_MIN: Final = 0.02
"""A new version has to be right in at least so much more of the utterances than the old one."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """An utterance whose transcript has come: its sound, and what was said."""

    audio: Audio
    text: str


def high_pass(samples: Samples, rate_hz: int) -> Samples:
    """`samples` without what is below HIGH_PASS_HZ."""
    return Audio(
        sosfilt(butter(4, HIGH_PASS_HZ, "highpass", fs=rate_hz, output="sos"), samples), rate_hz
    ).samples


CANDIDATES: Final[Mapping[str, Callable[[], Recogniser]]] = {
    "as it is": Recogniser,
    "language weight 10": lambda: Recogniser(settings={"lw": LANGUAGE_WEIGHT}),
    "high-pass at 300 Hz": lambda: Recogniser(front_end=high_pass),
    "spectral subtraction": lambda: Recogniser(front_end=spectral_subtraction),
}


def word_error(recogniser: Recogniser, transcribed: Sequence[Transcribed]) -> float:
    """The share of `transcribed` digits that `recogniser` does not get."""
    wrong = sum(recogniser.recognise(one.audio, Task.DIGIT).text != one.text for one in transcribed)
    return wrong / len(transcribed)


def adapt(
    transcribed: Sequence[Transcribed], candidates: Mapping[str, Callable[[], Recogniser]] = CANDIDATES
) -> tuple[str, dict[str, float]]:
    """Measure all `candidates`, of which the first is the one that runs; the best one, and the word error of each.

    It is the first one where no other is better by GAIN_MIN.
    """
    errors = {name: word_error(make(), transcribed) for name, make in candidates.items()}
    running = next(iter(candidates))
    best = min(errors, key=lambda name: errors[name])
    return (best if errors[best] <= errors[running] - GAIN_MIN else running), errors
