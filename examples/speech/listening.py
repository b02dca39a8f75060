"""What the recogniser makes of utterances. Rule: the same utterance of the same version is recognised once.

Results are kept in a file, a JSON line each, under the hash of all that made the sound; so it takes twenty
minutes on one core the first time, and a moment after a change of the table.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from examples.speech.audio import Samples
from examples.speech.features import NAMES, features_of
from examples.speech.fsdd import Take, read_takes
from examples.speech.recogniser import Heard, Recogniser, spectral_subtraction
from examples.speech.sound import heard
from examples.speech.stream import TASKS, Said

CHUNK: Final = 50
DIGITS_KEPT: Final = 4
"""So many significant digits of a figure are told: what is recorded must not depend on the last bits of a library."""


@dataclass(frozen=True, slots=True)
class Listened:
    """What was measured of an utterance, and heard in it."""

    features: Mapping[str, float | None]
    heard: Heard


class Listener:
    """Both versions of the recogniser, and the recordings that utterances are made of."""

    def __init__(self, takes: Mapping[Take, Samples]) -> None:
        self.takes = takes
        self.versions = {"1": Recogniser(), "2": Recogniser(front_end=spectral_subtraction)}

    def listen(self, said: Said) -> Listened:
        """Measure and recognise one utterance."""
        audio = heard(said.utterance, self.takes)
        features = {name: rounded(value) for name, value in features_of(audio).items()}
        return Listened(features, self.versions[said.version].recognise(audio, TASKS[said.model]))


def rounded(value: float | None) -> float | None:
    """`value` with DIGITS_KEPT significant digits."""
    return None if value is None else float(f"{value:.{DIGITS_KEPT}g}")


def key_of(said: Said) -> str:
    """The hash of all that decides what is heard."""
    return sha256(repr((said.model, said.version, said.utterance)).encode()).hexdigest()[:32]


def listen_all(said: Sequence[Said], data: Path, kept: Path, jobs: int = 1) -> dict[str, Listened]:
    """What is heard in all of `said`, by key: of the file `kept` what is there, and the rest is added to it."""
    known = dict(_read(kept)) if kept.exists() else {}
    missing = [one for one in said if key_of(one) not in known]
    chunks = [missing[begin : begin + CHUNK] for begin in range(0, len(missing), CHUNK)]
    with kept.open("a", encoding="utf-8") as file, get_context("spawn").Pool(jobs, _begin, (data,)) as pool:
        for done, lines in enumerate(pool.imap(_listen, chunks), 1):
            file.write("".join(lines))
            file.flush()
            print(f"\r{min(done * CHUNK, len(missing)):,} of {len(missing):,} recognised", end="", flush=True)
    if missing:
        print()
        known = dict(_read(kept))
    return known


_listener: list[Listener] = []
"""The one of a process of the pool."""


def _begin(data: Path) -> None:
    _listener.append(Listener(read_takes(data)))


def _listen(chunk: Sequence[Said]) -> list[str]:
    return [_line(key_of(one), _listener[0].listen(one)) for one in chunk]


def _line(key: str, listened: Listened) -> str:
    answer = listened.heard
    told = [key, list(listened.features.values()), answer.text, answer.runner_up, answer.confidence]
    return json.dumps(told, separators=(",", ":")) + "\n"


def _read(kept: Path) -> Iterator[tuple[str, Listened]]:
    for line in kept.read_text(encoding="utf-8").splitlines():
        told: list[Any] = json.loads(line)
        key, values, *answer = told
        yield key, Listened(dict(zip(NAMES, values, strict=True)), Heard(*answer))
