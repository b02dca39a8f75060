"""How long an answer takes: a model of the latency, fitted to measured ones. Rule: the recording must not hold a clock.

`python -m examples.speech.latency --data FSDD` measures the recogniser, in processor time, and prints what FITS has.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from time import process_time
from typing import Final

import numpy as np

from examples.speech.fsdd import read_takes
from examples.speech.happenings import CODES, DIGITS
from examples.speech.listening import Listener
from examples.speech.sound import heard
from examples.speech.stream import TASKS, stream

MEASURED: Final = 150
SHARED_MAX: Final = 3.0
"""The shared server takes so many times as long in the end."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Milliseconds, those per second of sound, and the standard deviation of the logarithm around the line."""

    base_ms: float
    per_s_ms: float
    scatter: float

    def latency_ms(self, duration_s: float, normal: float, load: float = 1.0) -> float:
        """The latency of an utterance where chance is `normal` standard deviations and the server `load` times slow."""
        return round((self.base_ms + self.per_s_ms * duration_s) * load * exp(self.scatter * normal), 1)


FITS: Final[Mapping[str, Fit]] = {DIGITS: Fit(5.94, 34.96, 0.105), CODES: Fit(2.67, 26.71, 0.09)}
"""Of one core of a virtual machine, by `measure`."""


def load_of(age_days: float | None, days: float) -> float:
    """How much slower the server is when it has been shared for `age_days` of `days`; 1 where it is not."""
    return 1.0 if age_days is None else 1.0 + (SHARED_MAX - 1.0) * age_days / days


def measure(listener: Listener, model: str, count: int) -> Fit:
    """Fit a line to the latencies of `count` utterances of the stream."""
    rows = []
    for said in [one for one in stream() if one.model == model][:count]:
        audio = heard(said.utterance, listener.takes)
        began = process_time()
        listener.versions[said.version].recognise(audio, TASKS[model])
        rows.append((audio.duration_s, 1_000 * (process_time() - began)))
    seconds, latency_ms = np.array(rows).T
    per_s, base = np.polyfit(seconds, latency_ms, 1)
    ratios = [log(ms / (base + per_s * s)) for s, ms in rows]
    return Fit(round(float(base), 2), round(float(per_s), 2), round(float(np.std(ratios)), 3))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the fits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="fsdd.tar.xz, or the folder of the recordings"
    )
    options = parser.parse_args(argv)
    listener = Listener(read_takes(options.data))
    for model in FITS:
        print(model, measure(listener, model, MEASURED))


if __name__ == "__main__":
    main()
