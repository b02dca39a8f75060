"""The Free Spoken Digit Dataset: six people, ten digits, each fifty times, 8,000 samples a second."""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.speech.audio import Samples, read_wav

RATE_HZ: Final = 8_000
TAKES: Final = 50
"""Recordings of each digit by each speaker."""
WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS: Final = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


@dataclass(frozen=True, slots=True)
class Take:
    """One recording of one digit."""

    digit: int
    speaker: str
    number: int


def read_takes(path: Path) -> Mapping[Take, Samples]:
    """All recordings: of the archive fsdd.tar.xz, or of a folder that holds the .wav files.

    Raises ValueError where some are missing, and BadAudio where one cannot be read.
    """
    if path.is_dir():
        found = {one.name: one.read_bytes() for one in sorted(path.rglob("*.wav"))}
    else:
        with tarfile.open(path) as archive:
            found = {
                Path(member.name).name: file.read()
                for member in archive
                if member.name.endswith(".wav") and (file := archive.extractfile(member)) is not None
            }
    takes: dict[Take, Samples] = {}
    for name, content in found.items():
        digit, speaker, number = name.removesuffix(".wav").split("_")
        takes[Take(int(digit), speaker, int(number))] = read_wav(content).at(RATE_HZ).samples
    expected = [Take(d, s, n) for s in SPEAKERS for d in range(len(WORDS)) for n in range(TAKES)]
    missing = [take for take in expected if take not in takes]
    if missing:
        raise ValueError(
            f"{path}: {len(missing):,} of {len(expected):,} recordings are missing, such as {missing[0]}"
        )
    return takes
