"""The speech case, live: the same stream into a real broker, with the recogniser running as it is played.

    driftd topics create --config examples/speech/live.toml
    driftd run --config examples/speech/live.toml
    python -m examples.speech.live --data FSDD --speed 6000

The days of --days are played, one after the other, --speed times as fast as they were. Events carry the present time
and the latency that was measured. Whoever asks for a new version is answered: ways to adapt the recogniser are measured
on what was transcribed since the onset, and the best one goes out.
"""

import argparse
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer

from examples.speech.adapting import CANDIDATES, Transcribed, adapt
from examples.speech.audio import Samples
from examples.speech.features import features_of
from examples.speech.fsdd import Take, read_takes
from examples.speech.happenings import DIGITS, day_of
from examples.speech.listening import Listened, rounded
from examples.speech.make_recording import prediction
from examples.speech.recogniser import Recogniser, Task
from examples.speech.sound import heard
from examples.speech.stream import Said, stream

PREDICTIONS: Final = "predictions"
LABELS: Final = "labels"
CONTROL: Final = "driftd.control"
ALERTS: Final = "driftd.alerts"
RETRAINING: Final = "driftd.retraining"
LABEL_DELAY_MS: Final = 4 * 3_600_000
"""Of the simulated time."""
KEPT: Final = 2_000
"""So many transcribed utterances are kept to adapt to."""
TESTED: Final = 150
TESTED_MIN: Final = 50
"""With fewer transcripts since the onset no version is chosen."""
LISTENED_MS: Final = 15_000
"""After the last event the answers are waited for so long."""


@dataclass(slots=True)
class Fleet:
    """What runs: the version, its recogniser, and what was transcribed lately, as (time in ms, utterance)."""

    recogniser: Recogniser
    version: int = 1
    running: str = next(iter(CANDIDATES))
    transcribed: deque[tuple[int, Transcribed]] = field(default_factory=lambda: deque(maxlen=KEPT))
    wrong: dict[int, list[bool]] = field(default_factory=dict)
    """By version, whether each transcribed answer was wrong."""
    lock: threading.Lock = field(default_factory=threading.Lock)


def main(argv: Sequence[str] | None = None) -> None:
    """Play, listen, and answer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="fsdd.tar.xz, or the folder of the recordings"
    )
    parser.add_argument("--brokers", default="127.0.0.1:9092", help="host:port,... (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=6_000.0, help="simulated seconds per second")
    parser.add_argument(
        "--days", default="0-7,67-73", help="days of the stream, from-to,... (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    spans = [tuple(map(float, span.split("-"))) for span in options.days.split(",")]
    takes = read_takes(options.data)
    fleet, over = Fleet(Recogniser()), threading.Event()
    producer = KafkaProducer(bootstrap_servers=options.brokers.split(","), acks="all", linger_ms=5)
    answering = threading.Thread(target=answer, args=(options.brokers, producer, fleet, over))
    answering.start()
    try:
        played = [one for begin, end in spans for one in stream() if begin <= day_of(one.at_ms) < end]
        play([one for one in played if one.model == DIGITS], takes, producer, fleet, options.speed)
        time.sleep(LISTENED_MS / 1_000)
    finally:
        over.set()
        answering.join()
        producer.close()
    for version, wrong in fleet.wrong.items():
        last = wrong[-TESTED:]
        error = sum(last) / len(last)
        print(f"version {version}: word error {error:.3f} of its last {len(last)} transcribed utterances")


def play(
    said: Sequence[Said], takes: Mapping[Take, Samples], producer: KafkaProducer, fleet: Fleet, speed: float
) -> None:
    """Send a prediction for each of `said` when it is due, and its label LABEL_DELAY_MS of simulated time later."""
    due: deque[tuple[float, dict[str, Any], Transcribed, int, bool]] = deque()
    clock, last_ms = time.monotonic(), said[0].at_ms
    for number, one in enumerate(said):
        # what was left out between two spans of days takes no time
        clock += max(min(one.at_ms - last_ms, LABEL_DELAY_MS), 0) / 1_000 / speed
        last_ms = one.at_ms
        time.sleep(max(clock - time.monotonic(), 0.0))
        send_labels(due, producer, fleet)
        audio = heard(one.utterance, takes)
        with fleet.lock:
            recogniser, version = fleet.recogniser, fleet.version
        began = time.perf_counter()
        answered = recogniser.recognise(audio, Task.DIGIT)
        latency_ms = round(1_000 * (time.perf_counter() - began), 1)
        features = {name: rounded(value) for name, value in features_of(audio).items()}
        at_ms = round(time.time() * 1_000)
        _, topic, event = prediction(one, Listened(features, answered), 0.0)
        # ids of their own: the topics may hold an earlier run
        event |= {"prediction_id": f"{one.prediction_id}-{round(clock * 1e6)}", "at_ms": at_ms}
        event |= {"model_version": str(version), "latency_ms": latency_ms}
        send(producer, topic, event)
        label = {"prediction_id": event["prediction_id"], "model": DIGITS, "label": one.truth}
        arrives = time.monotonic() + LABEL_DELAY_MS / 1_000 / speed
        due.append((arrives, label, Transcribed(audio, one.truth), version, answered.text != one.truth))
        if number % 500 == 499:
            print(f"day {day_of(one.at_ms):.1f}: {number + 1:,} of {len(said):,} utterances played")


def send_labels(due: deque[Any], producer: KafkaProducer, fleet: Fleet) -> None:
    """Send the labels that are due by now."""
    while due and due[0][0] <= time.monotonic():
        _, label, transcribed, version, wrong = due.popleft()
        at_ms = round(time.time() * 1_000)
        send(producer, LABELS, label | {"at_ms": at_ms})
        with fleet.lock:
            fleet.transcribed.append((at_ms, transcribed))
            fleet.wrong.setdefault(version, []).append(wrong)


def send(producer: KafkaProducer, topic: str, event: Mapping[str, Any]) -> None:
    """Send one event; all of a model's go to one partition."""
    producer.send(topic, json.dumps(event, ensure_ascii=False).encode(), DIGITS.encode())


def answer(brokers: str, producer: KafkaProducer, fleet: Fleet, over: threading.Event) -> None:
    """Print alerts as they come, and answer requests for a new version, until it is `over`."""
    for event in events_out(brokers, over):
        kind, data = event["type"], event["data"]
        print(
            f"{event['time'][11:19]} {kind.removeprefix('dev.driftd.')}: {data.get('summary', '')}",
            flush=True,
        )
        if kind == "dev.driftd.retraining.requested.v1":
            reply_to(data, producer, fleet)


def events_out(brokers: str, over: threading.Event) -> Iterator[dict[str, Any]]:
    """What driftd publishes from now on, until it is `over`: the only place that knows how it is subscribed to."""
    consumer = KafkaConsumer(
        ALERTS, RETRAINING, bootstrap_servers=brokers.split(","), group_id=None, auto_offset_reset="latest",
        isolation_level="read_committed",
    )  # fmt: skip
    try:
        while not over.is_set():
            for records in consumer.poll(timeout_ms=500).values():
                yield from (json.loads(record.value) for record in records)
    finally:
        consumer.close()


def reply_to(request: Mapping[str, Any], producer: KafkaProducer, fleet: Fleet) -> None:
    """Accept a request, measure what could be done, and send out the best version, or say that there is none."""
    own = {"type": "retraining_reply", "request_id": request["request_id"]}
    send(producer, CONTROL, own | {"status": "accepted", "at_ms": round(time.time() * 1_000)})
    since_ms = request["data_range"]["from_at_ms"]
    with fleet.lock:
        new = [one for at_ms, one in fleet.transcribed if at_ms >= since_ms][-TESTED:]
        running = fleet.running
    if len(new) < TESTED_MIN:
        reason = f"{len(new)} transcripts since the onset; {TESTED_MIN} are needed"
        send(
            producer,
            CONTROL,
            own | {"status": "failed", "reason": reason, "at_ms": round(time.time() * 1_000)},
        )
        print(f"  not adapted: {reason}")
        return
    candidates = {running: CANDIDATES[running], **CANDIDATES}
    best, errors = adapt(new, candidates)
    for name, error in errors.items():
        marks = [mark for mark, one in ((" runs now", running), (" <- chosen", best)) if name == one]
        print(f"  {name:22} word error {error:.3f} of {len(new)} utterances{''.join(marks)}", flush=True)
    at_ms = round(time.time() * 1_000)
    if best == running:
        reason = "no way to adapt it lowered the word error"
        send(producer, CONTROL, own | {"status": "failed", "reason": reason, "at_ms": at_ms})
        return
    with fleet.lock:
        fleet.recogniser, fleet.running, fleet.version = CANDIDATES[best](), best, fleet.version + 1
        version = str(fleet.version)
    deployment = {"type": "deployment", "model": DIGITS, "model_version": version, "at_ms": at_ms}
    send(producer, CONTROL, own | {"status": "completed", "model_version": version, "at_ms": at_ms})
    send(producer, CONTROL, deployment | {"request_id": request["request_id"]})


if __name__ == "__main__":
    main()
