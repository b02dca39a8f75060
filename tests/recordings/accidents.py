"""What can happen to labels, and to a model, each as a stream of records. Rule: one accident each, at a known time."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from driftd.contract.record import Record
from recordings.telling import Telling, exponential_s, picked

CLASSES = ("cat", "cow", "dog", "hen", "pig")
HANDS = ("ann", "ben", "cy", "dee")
WORDS = ("today", "the", "weather", "is", "warm", "call", "my", "brother")
CHANGE = 2_500
"""The accident begins with this prediction, one a second, and with the labels that come from then on."""
ARRIVALS_CHANGE = 5_000
"""As CHANGE, where it takes some 4,000 labels to know when labels come."""
PERIOD_S = 1_200
PER_PERIOD = 600
PERIODS = 24
DROP_FROM = 12


@dataclass(frozen=True, slots=True)
class Accident:
    """A recording: `tell` makes it, with all chance from its argument; it begins `change_s` after START_MS."""

    name: str
    seed: int
    change_s: int
    tell: Callable[[random.Random], list[Record]]

    def records(self) -> list[Record]:
        """The records, the same ones each time."""
        return self.tell(random.Random(self.seed))


def guessed(rng: random.Random, answer: str) -> str:
    """The truth of a prediction `answer`: the model is right in 85 of 100."""
    return answer if rng.random() < 0.8 else picked(rng, CLASSES)


def animals(rng: random.Random, names: dict[str, str], drifting: str = "") -> list[Record]:
    """A model of five classes, labelled a minute later by four people.

    From CHANGE on classes go by other `names`, and the labels of the one who is `drifting` are anything.
    """
    telling, count = Telling("animals"), CHANGE + 1_500
    for i in range(count):
        answer = picked(rng, CLASSES)
        telling.predict(i, i, answer)
        truth, hand = guessed(rng, answer), picked(rng, HANDS)
        if i >= CHANGE:
            truth = picked(rng, CLASSES) if hand == drifting else names.get(truth, truth)
        telling.label(i + 60, i, truth, hand)
    return telling.records(count)


def spoken(rng: random.Random) -> list[Record]:
    """Transcriptions of speech; from CHANGE on "um," is written "um…"."""
    telling, count = Telling("dictation"), CHANGE + 1_000
    for i in range(count):
        words = " ".join(picked(rng, WORDS) for _ in range(3))
        hesitates = rng.random() < 0.4
        telling.predict(i, i, f"um {words}" if hesitates else words)
        if rng.random() < 0.1:
            words += " now"
        mark = "…" if i >= CHANGE else ","
        text = f"Um{mark} {words}." if hesitates else f"{words.capitalize()}."
        telling.label(i + 60, i, text, picked(rng, HANDS))
    return telling.records(count)


def arriving(
    rng: random.Random, *, stops: bool = False, slower: float = 1.0, corrected: float = 0.02
) -> list[Record]:
    """A model whose labels come some two minutes later, one in fifty of them corrected.

    From ARRIVALS_CHANGE on labels stop, come `slower`, or so many are `corrected`.
    """
    telling, count = Telling("parcels"), ARRIVALS_CHANGE + 1_200
    for i in range(count):
        since = i >= ARRIVALS_CHANGE
        answer = CLASSES[i % 5]
        telling.predict(i, i, answer)
        truth = guessed(rng, answer)
        at_s = i + exponential_s(rng, 120 * (slower if since else 1))
        if stops and at_s >= ARRIVALS_CHANGE:
            continue
        telling.label(at_s, i, truth)
        if rng.random() < (corrected if since else 0.02):
            telling.label(at_s + 30, i, next(name for name in CLASSES if name != truth))
    return telling.records(count, ticks=True)


def unmatched(rng: random.Random) -> list[Record]:
    """A model whose labels name, from CHANGE on, ids that no prediction has."""
    telling, count = Telling("mailbox"), CHANGE + 1_000
    for i in range(count):
        answer = picked(rng, CLASSES)
        telling.predict(i, i, answer)
        telling.label(i + 60, i if i + 60 < CHANGE else f"mail-{i}", guessed(rng, answer))
    return telling.records(count, ticks=True)


def silent(rng: random.Random) -> list[Record]:
    """A model without labels that gives no predictions for a quarter of an hour from CHANGE on."""
    telling, count = Telling("pages"), CHANGE + 1_500
    for i in range(count):
        if not CHANGE <= i < CHANGE + 900:
            telling.predict(i, i, picked(rng, CLASSES))
    return telling.records(count, ticks=True)


def slow(rng: random.Random) -> list[Record]:
    """A model without labels of which, from CHANGE on, every fourth prediction takes too long."""
    telling, count = Telling("gateway"), CHANGE + 1_500
    for i in range(count):
        too_long = i >= CHANGE and i % 4 == 0
        telling.predict(i, i, picked(rng, CLASSES), latency_ms=(400 if too_long else 80) + i * 7 % 40)
    return telling.records(count, ticks=True)


def fraud(rng: random.Random, drop: float = 0.0) -> list[Record]:
    """One card payment in ten is fraud, half of which the model finds. Fraud is labelled ten times as fast as the rest.

    From the period DROP_FROM on it is wrong in so many more: there is fraud of a kind that it does not know.
    """
    telling = Telling("cards")
    for i in range(PERIODS * PER_PERIOD):
        at_s = i * PERIOD_S // PER_PERIOD // 10 * 10
        is_fraud = rng.random() < 0.1
        right = rng.random() < (0.5 if is_fraud else 0.97)
        answer = "fraud" if is_fraud is right else "usual"
        is_fraud = is_fraud or (rng.random() < drop / 0.873 and i >= DROP_FROM * PER_PERIOD)
        telling.predict(at_s, i, answer)
        come_s = at_s + exponential_s(rng, PERIOD_S * (0.15 if is_fraud else 1.5))
        telling.label(come_s // 60 * 60 + 60, i, "fraud" if is_fraud else "usual")
    return telling.records(PERIODS * PERIOD_S)


ACCIDENTS = {
    one.name: one
    for one in (
        Accident("classes_swapped", 1, CHANGE, lambda rng: animals(rng, {"cat": "dog", "dog": "cat"})),
        Accident("class_renamed", 2, CHANGE, lambda rng: animals(rng, {"dog": "hound"})),
        Accident("annotator_drifts", 3, CHANGE, lambda rng: animals(rng, {}, "ben")),
        Accident("convention_changes", 4, CHANGE, spoken),
        Accident("labels_stop", 12, ARRIVALS_CHANGE, lambda rng: arriving(rng, stops=True)),
        Accident("delay_grows", 6, ARRIVALS_CHANGE, lambda rng: arriving(rng, slower=3.0)),
        Accident("corrections_rise", 7, ARRIVALS_CHANGE, lambda rng: arriving(rng, corrected=0.12)),
        Accident("labels_match_nothing", 8, CHANGE, unmatched),
        Accident("early_labels", 11, 0, fraud),
        Accident("early_labels_and_a_drop", 11, DROP_FROM * PERIOD_S, lambda rng: fraud(rng, 0.05)),
        Accident("predictions_stop", 9, CHANGE, silent),
        Accident("latency_burns", 10, CHANGE, slow),
    )
}
