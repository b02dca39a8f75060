"""Prediction events to measure with. Rule: one shape and one seed make the same bytes everywhere.

An event is JSON of about 600 bytes: an id like a UUID, a model, a time, 30 features (27 numbers, two
texts, one boolean), an answer, a latency. What follows the time is drawn from a pool of events made once,
because making each anew would cost more than what is measured; the draws are random, so nothing repeats
in order.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from driftd.contract.record import Record

START_MS = 1_780_000_000_000
POOL_EVENTS = 4096
LABEL_LAG_EVENTS = 100
RIGHT_SHARE = 0.9
CITIES = ("amsterdam", "berlin", "chicago", "delhi", "essen", "florence", "geneva", "hamburg")
PLANS = ("basic", "plus", "pro")
CLASSES = ("no", "yes")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the events are like. `labels`: LABEL_LAG_EVENTS after each prediction comes its label."""

    models: int = 1
    features: int = 30
    labels: bool = False
    events_per_s: int = 1000
    seed: int = 7


def events(count: int, shape: Shape, chunk_records: int = 5000) -> Iterator[list[Record]]:
    """`count` predictions of `shape`, and labels where it has them, in chunks; models take turns."""
    rng = np.random.default_rng(shape.seed)
    pool = _bodies(rng, shape.features)
    heads = [b'","model":"model-%03d","model_version":"1","at_ms":' % m for m in range(shape.models)]
    waiting: deque[tuple[bytes, bytes, bytes]] = deque()
    label_offset = 0
    for first in range(0, count, chunk_records):
        size = min(chunk_records, count - first)
        identities = _identities(rng, size)
        drawn = rng.integers(0, len(pool), size).tolist()
        right = (rng.random(size) < RIGHT_SHARE).tolist()
        chunk: list[Record] = []
        for i in range(size):
            number = first + i
            at_ms = START_MS + number * 1000 // shape.events_per_s
            head, (body, answer) = heads[number % shape.models], pool[drawn[i]]
            value = b'{"prediction_id":"' + identities[i] + head + b"%d" % at_ms + body
            chunk.append(Record("predictions", 0, number, at_ms, None, value))
            if shape.labels:
                waiting.append((identities[i], head, answer if right[i] else _other(answer)))
                if len(waiting) > LABEL_LAG_EVENTS:
                    chunk.append(_label(*waiting.popleft(), label_offset, at_ms))
                    label_offset += 1
        yield chunk


def numeric_event(number: int, model: str, at_ms: int, values: list[float]) -> bytes:
    """A prediction event whose features are the numbers `values`, for streams with a known change."""
    features = ",".join(f'"f{i:02d}":{value:.6g}' for i, value in enumerate(values))
    return (
        f'{{"prediction_id":"p{number}","model":"{model}","at_ms":{at_ms},"features":{{{features}}}}}'
    ).encode("ascii")


def _label(identity: bytes, head: bytes, label: bytes, offset: int, at_ms: int) -> Record:
    value = b'{"prediction_id":"' + identity + head + b'%d,"label":"' % at_ms + label + b'"}'
    return Record("labels", 0, offset, at_ms, None, value)


def _other(answer: bytes) -> bytes:
    return b"no" if answer == b"yes" else b"yes"


def _identities(rng: np.random.Generator, count: int) -> list[bytes]:
    text = rng.bytes(16 * count).hex().encode("ascii")
    cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    return [b"-".join(text[i * 32 + a : i * 32 + b] for a, b in cuts) for i in range(count)]


def _bodies(rng: np.random.Generator, features: int) -> list[tuple[bytes, bytes]]:
    """The pool: (what follows the time, the answer that stands in it)."""
    pool = []
    for _ in range(POOL_EVENTS):
        numbers = rng.normal(0.0, 1.0, max(features - 3, 0))
        values: dict[str, object] = {
            "home_city": CITIES[int(rng.integers(len(CITIES)))],
            "plan": PLANS[int(rng.integers(len(PLANS)))],
            "is_new": bool(rng.random() < 0.3),
        }
        values |= {f"x{i:02d}": round(float(value), 4) for i, value in enumerate(numbers)}
        answer = CLASSES[int(numbers[:3].sum() > 0)]
        event = {
            "features": dict(list(values.items())[:features]),
            "prediction": answer,
            "latency_ms": round(float(rng.gamma(4.0, 3.0)), 2),
        }
        body = b"," + json.dumps(event, separators=(",", ":")).encode("ascii")[1:]
        pool.append((body, answer.encode("ascii")))
    return pool
