"""Inference events of WAV files, one line each: what a service that recognises files would produce.

    python -m examples.speech.files *.wav | kcat -P -b localhost -t predictions

Rule: each file gives an event, whatever is in it. One that is no sound gives an event with its `error`, figures of null
and no answer; one that is silent, too short or cut off the figures that can be known. The stream goes on.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from examples.speech.audio import BadAudio, read_wav
from examples.speech.features import NAMES, features_of, recognition_features
from examples.speech.happenings import DIGITS
from examples.speech.listening import rounded
from examples.speech.recogniser import NOTHING, Recogniser, Task

RECOGNISED_MIN_S: Final = 0.1
"""Nothing is looked for in less: no digit is that short."""
CUT: Final = "the file ends before it said that it would"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the events of the files that `argv` names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("files", type=Path, nargs="+", help="WAV files")
    parser.add_argument("--model", default=DIGITS, help="name of the model (default: %(default)s)")
    options = parser.parse_args(argv)
    for event in events(options.files, options.model, Recogniser(), lambda: round(time.time() * 1_000)):
        print(json.dumps(event, separators=(",", ":")))


def events(
    files: Sequence[Path], model: str, recogniser: Recogniser, now_ms: Callable[[], int]
) -> Iterator[dict[str, Any]]:
    """The event of each of `files`, in order, made at `now_ms`; its id is the file's name and that time."""
    for path in files:
        at_ms = now_ms()
        event: dict[str, Any] = {
            "prediction_id": f"{path.name}-{at_ms}",
            "model": model,
            "at_ms": at_ms,
            "features": dict.fromkeys((*NAMES, "words_per_s", "confidence")),
            "prediction": None,
            "error": None,
        }
        began = time.perf_counter()
        try:
            event |= recognised(path.read_bytes(), recogniser)
        except (BadAudio, OSError) as error:
            event["error"] = f"{path.name}: {error}"
        event["latency_ms"] = round(1_000 * (time.perf_counter() - began), 1)
        yield event


def recognised(content: bytes, recogniser: Recogniser) -> dict[str, Any]:
    """What is measured of a file and heard in it, as fields of an event. Raises BadAudio."""
    audio = read_wav(content)
    features = features_of(audio)
    told: dict[str, Any] = {"error": CUT if audio.is_cut else None, "prediction": NOTHING}
    confidence = None
    if audio.duration_s >= RECOGNISED_MIN_S:
        answer = recogniser.recognise(audio, Task.DIGIT)
        told["prediction"], confidence = answer.text, answer.confidence
        if confidence is not None:
            told["scores"] = answer.scores()
    words = int(told["prediction"] != NOTHING)
    features |= recognition_features(words, audio.duration_s, confidence)
    return told | {"features": {name: rounded(value) for name, value in features.items()}}


if __name__ == "__main__":
    main()
