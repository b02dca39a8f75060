"""The stream: who says what, when, and what becomes of it. Rule: each hour draws its chance from a seed of its own.

So what happens in one hour leaves all others as they were, and of what was recognised once nothing is done again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from examples.speech.fsdd import TAKES, WORDS, Take
from examples.speech.happenings import (
    CODES,
    DAYS,
    DEPLOYED_DAY,
    DIGITS,
    HUM_GROWS_DAYS,
    START_MS,
    What,
    day_of,
    going_on,
)
from examples.speech.recogniser import SPOKEN_CODE, Task
from examples.speech.sound import Utterance

SEED: Final = 20_261_125
HOUR_MS: Final = 3_600_000
TASKS: Final[Mapping[str, Task]] = {DIGITS: Task.DIGIT, CODES: Task.CODE}
PER_DAY: Final[Mapping[str, float]] = {DIGITS: 290.0, CODES: 66.0}
"""Utterances of a weekday; a day of the weekend has WEEKEND of them."""
WEEKEND: Final = 0.6
HOURS: Final = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 6, 5, 6, 7, 7, 6, 5, 4, 4, 3, 2, 1, 1], np.float64)
"""How the traffic of a day is spread over its hours."""
HOLIDAY_SHARE: Final = 1 / 3
REGULAR: Final = ("theo", "lucas", "jackson", "yweweler")
TEMPORARY: Final = ("george", "nicolas")
TEMPORARY_SHARE: Final = 0.6
LEVEL_DBFS: Final = (-26.0, 2.5)
ROOM_SNR_DB: Final = (38.0, 2.5)
BUSY_SNR_DB: Final = -1.5
"""The room is that much louder in the busiest hour."""
BACKGROUND_S: Final = 0.25
LONGER_S: Final = 0.005
"""One hundredth of an utterance, half of it at either end."""
GAIN: Final = 0.5
OVERDRIVE: Final = 16.0
HUM_SNR_DB: Final = (45.0, 6.0)
HESITATES_SHARE: Final = 0.35


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance: when, for which model and version, by whom, and whether they have worked here for long."""

    prediction_id: str
    model: str
    version: str
    at_ms: int
    crew: str
    utterance: Utterance

    @property
    def truth(self) -> str:
        """The digits that were said, as words."""
        return " ".join(WORDS[take.digit] for take in self.utterance.takes)


def stream() -> list[Said]:
    """All utterances, in the order of their times."""
    said = [one for model in PER_DAY for hour in range(DAYS * 24) for one in _hour(model, hour)]
    return sorted(said, key=lambda one: (one.at_ms, one.prediction_id))


def _hour(model: str, hour: int) -> Iterator[Said]:
    """What is said to `model` in the hour number `hour` since START_MS."""
    rng = np.random.default_rng([SEED, list(PER_DAY).index(model), hour])
    day, of_day = divmod(hour, 24)
    expected = PER_DAY[model] * HOURS[of_day] / HOURS.sum() * (WEEKEND if day % 7 >= 5 else 1.0)
    if What.HOLIDAY in going_on(model, day + of_day / 24):
        expected *= HOLIDAY_SHARE
    busy = float(HOURS[of_day] / HOURS.max())
    for number, second in enumerate(np.sort(rng.integers(0, 3_600_000, rng.poisson(expected))).tolist()):
        at_ms = START_MS + hour * HOUR_MS + second
        yield _said(model, at_ms, f"{model[6]}{hour:04}{number:02}", busy, rng)


def _said(model: str, at_ms: int, prediction_id: str, busy: float, rng: np.random.Generator) -> Said:
    day = day_of(at_ms)
    now = going_on(model, day)
    speakers: Sequence[str] = REGULAR
    # all of these are drawn whatever happens: an accident changes what it is about and nothing else
    newcomer, voice, hesitates = rng.random(), rng.random(), rng.random()
    digits, numbers = rng.integers(0, 10, SPOKEN_CODE), rng.integers(0, TAKES, SPOKEN_CODE)
    level, room, seed = rng.normal(*LEVEL_DBFS), rng.normal(*ROOM_SNR_DB), int(rng.integers(0, 2**31))
    if What.SPEAKERS in now and newcomer < TEMPORARY_SHARE:
        speakers = TEMPORARY
    speaker = speakers[int(voice * len(speakers))]
    words = SPOKEN_CODE if model == CODES else 1
    takes = [Take(d, speaker, n) for d, n in zip(digits.tolist(), numbers.tolist(), strict=True)][:words]
    hum = None
    if What.HUM in now:
        grown = min(now[What.HUM] / HUM_GROWS_DAYS, 1.0)
        hum = HUM_SNR_DB[0] + (HUM_SNR_DB[1] - HUM_SNR_DB[0]) * grown
    utterance = Utterance(
        tuple(takes),
        seed,
        round(level, 2),
        round(room + BUSY_SNR_DB * busy, 2),
        None if hum is None else round(hum, 2),
        GAIN if What.GAIN in now else 1.0,
        OVERDRIVE if What.CLIPPING in now else 1.0,
        BACKGROUND_S + (LONGER_S if What.LONGER in now else 0.0),
        What.TELEPHONE in now,
        model == CODES and hesitates < HESITATES_SHARE,
    )
    version = "2" if model == DIGITS and day >= DEPLOYED_DAY else "1"
    crew = "temporary" if speakers is TEMPORARY else "regular"
    return Said(prediction_id, model, version, at_ms, crew, utterance)
