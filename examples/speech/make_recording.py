"""Makes the recording that `driftd demo speech` replays: what a recogniser says of real speech, and transcripts of it.

    python -m examples.speech.make_recording --data FSDD --out FOLDER

Writes speech.jsonl.zst (the recording) and speech.json (what is known about it, by the table in `happenings` and by
the transcripts, not by driftd). The same data gives the same records, whose hash stands in speech.json.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from math import exp
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

import numpy as np
import zstandard

from driftd.contract.record import Record, Source
from driftd.performance.text import TextRule, compare
from driftd.shells.recording import encode_line
from driftd.ticks import tick_record
from examples.speech.features import recognition_features
from examples.speech.fsdd import WORDS
from examples.speech.happenings import (
    CODES,
    DAY_MS,
    DAYS,
    DEPLOYED_DAY,
    DIGITS,
    HAPPENINGS,
    HUM_GROWS_DAYS,
    START_MS,
    What,
    day_of,
    going_on,
)
from examples.speech.latency import FITS, load_of
from examples.speech.listening import Listened, key_of, listen_all, rounded
from examples.speech.recogniser import NOTHING
from examples.speech.stream import HOUR_MS, PER_DAY, SEED, Said, stream

TICK_MS: Final = 1_800_000
JOURNAL: Final = Source("driftd.journal", 0)
CONTROL: Final = "driftd.control"
DELAY_HOURS: Final = (4.0, 0.6)
"""A transcript's delay: its median, and the standard deviation of its logarithm."""
ANNOTATORS: Final = ("ann", "ben", "cy")
ANNOTATOR_FROM: Final = (0.4, 0.75)
"""The first gives two labels of five, the last one of four."""
MISHEARD_SHARE: Final = 0.01
"""Of the transcripts one in a hundred has a digit wrong."""
SWAPPED: Final = {"five": "nine", "nine": "five"}
LEVEL: Final = 19
KEPT: Final = Path(gettempdir()) / "driftd-speech-heard.jsonl"
WEEK_DAYS: Final = 7

Event = tuple[int, str, dict[str, object]]
"""When, on which topic, and what."""


def main(argv: Sequence[str] | None = None) -> None:
    """Make both files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="fsdd.tar.xz, or the folder of the recordings"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument(
        "--kept", type=Path, default=KEPT, help="what was recognised already (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that recognise")
    options = parser.parse_args(argv)
    said = stream()
    listened = listen_all(said, options.data, options.kept, options.jobs)
    events = told(said, listened)
    content = b"".join(encode_line(record) for record in records(events))
    (options.out / "speech.jsonl.zst").write_bytes(zstandard.ZstdCompressor(level=LEVEL).compress(content))
    facts = known_facts(said, events, content)
    (options.out / "speech.json").write_text(
        json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(json.dumps({key: value for key, value in facts.items() if key != "happenings"}, indent=2))


def told(said: Sequence[Said], listened: Mapping[str, Listened]) -> list[Event]:
    """Predictions, labels and the deployment, in the order of their times."""
    rng = np.random.default_rng([SEED, len(PER_DAY)])
    events: list[Event] = [deployment()]
    for one in said:
        normal, delay, misheard, hand = rng.normal(), rng.normal(), rng.random(), rng.random()
        events.append(prediction(one, listened[key_of(one)], normal))
        arrived_ms = one.at_ms + round(DELAY_HOURS[0] * exp(DELAY_HOURS[1] * delay) * HOUR_MS)
        now = going_on(one.model, day_of(arrived_ms))
        if arrived_ms < START_MS + DAYS * DAY_MS and What.NO_LABELS not in now:
            events.append(label(one, arrived_ms, now, misheard, hand))
    return sorted(events, key=lambda event: event[0])


def deployment() -> Event:
    """Version 2 goes out."""
    at_ms = START_MS + round(DEPLOYED_DAY * DAY_MS)
    return at_ms, CONTROL, {"type": "deployment", "model": DIGITS, "model_version": "2", "at_ms": at_ms}


def prediction(said: Said, listened: Listened, normal: float) -> Event:
    """The inference event of an utterance; its latency is `normal` standard deviations off."""
    answer = listened.heard
    duration_s = listened.features["duration_s"] or 0.0
    words = 0 if answer.text == NOTHING else len(answer.text.split())
    features = dict(listened.features) | {
        name: rounded(value)
        for name, value in recognition_features(words, duration_s, answer.confidence).items()
    }
    if said.model == CODES:
        del features["confidence"]  # the recogniser's own says next to nothing about a code
    age = going_on(said.model, day_of(said.at_ms)).get(What.LATENCY)
    shared = next(one for one in HAPPENINGS if one.what is What.LATENCY)
    event: dict[str, object] = {
        "prediction_id": said.prediction_id,
        "model": said.model,
        "model_version": said.version,
        "at_ms": said.at_ms,
        "features": features,
        "prediction": answer.text,
        "latency_ms": FITS[said.model].latency_ms(
            duration_s, normal, load_of(age, shared.end - shared.begin)
        ),
        "segment": {"crew": said.crew},
    }
    if answer.confidence is not None:
        event["scores"] = answer.scores()
    return said.at_ms, "predictions", event


def label(said: Said, at_ms: int, now: Mapping[What, float], misheard: float, hand: float) -> Event:
    """The transcript of an utterance, by the person that `hand` (0 to 1) picks, as they write when it arrives."""
    words = said.truth.split()
    if misheard < MISHEARD_SHARE:
        words[0] = WORDS[(WORDS.index(words[0]) + 1 + int(misheard / MISHEARD_SHARE * 9)) % 10]
    if What.SWAP in now:
        words = [SWAPPED.get(word, word) for word in words]
    text = " ".join(words)
    if said.utterance.hesitates:
        text = f"um… {text}" if What.FILLER in now else f"um, {text}"
    event = {
        "prediction_id": said.prediction_id,
        "model": said.model,
        "label": text,
        "at_ms": at_ms,
        "annotator": ANNOTATORS[sum(hand >= share for share in ANNOTATOR_FROM)],
    }
    return at_ms, "labels", event


def records(events: Sequence[Event]) -> Iterator[Record]:
    """`events` as records, and between them the ticks that a daemon would have written."""
    offsets = dict.fromkeys(("predictions", "labels", CONTROL), 0)
    tick_ms = START_MS + TICK_MS
    for at_ms, topic, event in events:
        while tick_ms <= at_ms:
            yield tick_record(JOURNAL, tick_ms)
            tick_ms += TICK_MS
        value = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        yield Record(topic, 0, offsets[topic], at_ms, str(event["model"]).encode(), value)
        offsets[topic] += 1


def known_facts(said: Sequence[Said], events: Sequence[Event], content: bytes) -> dict[str, Any]:
    """What can be said of the stream without driftd."""
    happenings = [
        {
            "what": one.what.value,
            "model": one.model,
            "from_ms": START_MS + round(one.begin * DAY_MS),
            "until_ms": START_MS + round(one.end * DAY_MS),
            "stage": one.stage,
            "fact": one.fact,
        }
        for one in HAPPENINGS
    ]
    return {
        "content_sha256": sha256(content).hexdigest(),
        "utterances": {model: sum(one.model == model for one in said) for model in PER_DAY},
        "days": DAYS,
        "version_2": version_facts(said, events),
        "happenings": happenings,
        "word_errors_by_week": {model: weekly_word_errors(model, said, events) for model in PER_DAY},
    }


def version_facts(said: Sequence[Said], events: Sequence[Event]) -> dict[str, Any]:
    """When version 2 went out, and the share of words that were wrong before, since the hum is there, and after."""
    truths = {one.prediction_id: one.truth for one in said if one.model == DIGITS}
    grown_day = next(one.begin for one in HAPPENINGS if one.what is What.HUM) + HUM_GROWS_DAYS
    wrong: dict[bool, list[bool]] = {False: [], True: []}
    for at_ms, topic, event in events:
        if topic == "predictions" and event["model"] == DIGITS and day_of(at_ms) >= grown_day:
            is_wrong = event["prediction"] != truths[str(event["prediction_id"])]
            wrong[event["model_version"] == "2"].append(is_wrong)
    before, after = (round(sum(those) / len(those), 4) for those in (wrong[False], wrong[True]))
    deployed_ms = START_MS + round(DEPLOYED_DAY * DAY_MS)
    return {
        "model": DIGITS,
        "deployed_ms": deployed_ms,
        "word_error_before": before,
        "word_error_after": after,
    }


def weekly_word_errors(model: str, said: Sequence[Said], events: Sequence[Event]) -> list[float]:
    """The word error rate of each week, against what was said (not what was transcribed)."""
    rule = TextRule()
    truths = {one.prediction_id: one.truth for one in said if one.model == model}
    words, errors = np.zeros(-(-DAYS // WEEK_DAYS)), np.zeros(-(-DAYS // WEEK_DAYS))
    for at_ms, topic, event in events:
        if topic == "predictions" and event["model"] == model:
            compared = compare([truths[str(event["prediction_id"])]], [str(event["prediction"])], rule)
            week = int(day_of(at_ms) // WEEK_DAYS)
            words[week] += compared.words[0]
            errors[week] += (compared.substitutions + compared.insertions + compared.deletions)[0]
    return [round(float(rate), 4) for rate in errors / words]


if __name__ == "__main__":
    main()
