"""Makes the recording that `driftd demo` replays: the Elec2 stream as inference events of a real, frozen model.

    python examples/elec2/make_recording.py OUTPUT_DIRECTORY

Writes elec2.jsonl.gz (the recording) and elec2.json (what is known about it, by the data and not by driftd). The same
data gives the same bytes. Rule: nothing here knows driftd but its recording format.
"""

import csv
import gzip
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftd.contract.record import Record
from driftd.shells.recording import RecordingWriter

DATA = Path(__file__).with_name("elec2.csv.gz")
MODEL, VERSION = "elec2-price", "1"
FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
HALF_HOUR_MS = 30 * 60 * 1000
FIRST_MS = 831_427_200_000
"""7 May 1996, 00:00: where the stream begins. Its half-hours are taken to be UTC."""
TRAIN_ROWS = 6_000
"""The first 125 days train the model; its events begin after them."""
ACCIDENT = (13_008, 13_056)
"""2 February 1997: for these 48 half-hours the demand of New South Wales comes in another unit."""
ACCIDENT_FEATURE, ACCIDENT_FACTOR = "nswdemand", 1000.0
SEED = 20_261_123


def read_stream() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features (n, 6), scaled to 0..1 as published, and labels (n,): 1 where the price was up."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    table = np.array(rows[1:], np.float64)
    return table[:, :6], table[:, 6]


def design(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the model sees: the features, harmonics of the day, squares, and demand by time of day; (n, 18)."""
    day = 2 * np.pi * features[:, 0]
    demand = features[:, 2]
    waves = [wave(k * day) for k in (1, 2, 3) for wave in (np.sin, np.cos)]
    by_time = [demand * wave(k * day) for k in (1, 2) for wave in (np.sin, np.cos)]
    columns = [np.ones(len(features)), *waves, *features[:, 1:].T, features[:, 1] ** 2, demand**2, *by_time]
    return np.array(columns).T


def train(features: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a logistic regression, by Newton's method with a small ridge."""
    seen = design(features)
    weights = np.zeros(seen.shape[1])
    ridge = 0.01
    for _ in range(50):
        probability = 1 / (1 + np.exp(-seen @ weights))
        gradient = seen.T @ (probability - up) + ridge * weights
        curvature = (seen * (probability * (1 - probability))[:, None]).T @ seen
        weights -= np.linalg.solve(curvature + ridge * np.eye(len(weights)), gradient)
    return weights


def answers(features: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The model's probability of "UP" for each row."""
    return 1 / (1 + np.exp(-np.clip(design(features) @ weights, -30, 30)))


def make(directory: Path) -> dict[str, object]:
    """Write both files; the facts that elec2.json holds."""
    features, up = read_stream()
    served = features.copy()
    column = FEATURES.index(ACCIDENT_FEATURE)
    served[ACCIDENT[0] : ACCIDENT[1], column] *= ACCIDENT_FACTOR
    # nine digits: what is recorded must not depend on the last bits of a linear algebra library
    weights = np.round(train(features[:TRAIN_ROWS], up[:TRAIN_ROWS]), 9)
    probability = answers(served, weights)
    with RecordingWriter(directory / "elec2.jsonl.gz") as writer:
        writer.write(records(served, up, probability))
    facts = known_facts(features, up, probability)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (directory / "elec2.json").write_text(text + "\n", encoding="utf-8")
    return facts


def records(
    served: NDArray[np.float64], up: NDArray[np.float64], probability: NDArray[np.float64]
) -> list[Record]:
    """Inference events and, half an hour after each, its label, in the order of their times."""
    latency_ms = np.random.default_rng(SEED).gamma(8.0, 1.5, len(served))
    made: list[Record] = []
    for row in range(TRAIN_ROWS, len(served) + 1):
        offset, at_ms = row - TRAIN_ROWS, FIRST_MS + row * HALF_HOUR_MS
        if offset > 0:
            label = {
                "prediction_id": f"elec2-{row - 1}",
                "model": MODEL,
                "label": "UP" if up[row - 1] else "DOWN",
                "at_ms": at_ms,
            }
            made.append(_record("labels", offset - 1, at_ms, label))
        if row < len(served):
            score = round(float(probability[row]), 4)
            prediction = {
                "prediction_id": f"elec2-{row}",
                "model": MODEL,
                "model_version": VERSION,
                "at_ms": at_ms,
                "features": dict(zip(FEATURES, served[row].tolist(), strict=True)),
                "prediction": "UP" if score > 0.5 else "DOWN",
                "scores": {"UP": score, "DOWN": round(1 - score, 4)},
                "latency_ms": round(float(latency_ms[row]), 2),
            }
            made.append(_record("predictions", offset, at_ms, prediction))
    return made


def _record(topic: str, offset: int, at_ms: int, event: Mapping[str, object]) -> Record:
    value = json.dumps(event, separators=(",", ":")).encode()
    return Record(topic, 0, offset, at_ms, MODEL.encode(), value)


def known_facts(
    features: NDArray[np.float64], up: NDArray[np.float64], probability: NDArray[np.float64]
) -> dict[str, object]:
    """What can be said of the stream without driftd: looked up in the data itself."""
    right = (probability > 0.5) == (up > 0)
    victoria = int(np.flatnonzero((np.diff(features[:, 3:6], axis=0) != 0).any(axis=1))[0]) + 1
    quarter = 48 * 91
    accuracy = [
        {
            "from_ms": FIRST_MS + row * HALF_HOUR_MS,
            "accuracy": round(float(right[row : row + quarter].mean()), 3),
        }
        for row in range(TRAIN_ROWS, len(up) - quarter // 2, quarter)
    ]
    return {
        "model": MODEL,
        "facts": [
            {
                "at_ms": FIRST_MS + ACCIDENT[0] * HALF_HOUR_MS,
                "until_ms": FIRST_MS + ACCIDENT[1] * HALF_HOUR_MS,
                "signal": f"features.{ACCIDENT_FEATURE}",
                "fact": f"put in by hand: {ACCIDENT_FEATURE} is {ACCIDENT_FACTOR:,.0f} times too large for a day",
            },
            {
                "at_ms": FIRST_MS + victoria * HALF_HOUR_MS,
                "until_ms": None,
                "signal": "features.vicprice",
                "fact": "the market is widened to Victoria: vicprice, vicdemand, transfer begin to move",
            },
        ],
        "training_accuracy": round(float(right[:TRAIN_ROWS].mean()), 3),
        "accuracy_by_quarter": accuracy,
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/elec2/make_recording.py OUTPUT_DIRECTORY")
    print(json.dumps(make(Path(sys.argv[1])), indent=2))
