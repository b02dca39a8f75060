"""Predictions and labels into periods, on one core, part by part, beside a plain loop that only counts right and wrong.

`python -m benchmarks.performance_speed` makes a week of predictions of two classes with scores and segments, whose
labels come after hours, and counts them in batches, labels in the order in which they come. All run `--repeats` times
in turns, and the fastest of each counts: noise only ever adds.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row, arguments, publish
from driftd.performance.estimate import Estimates
from driftd.performance.layout import Kind
from driftd.performance.maturity import Maturity
from driftd.performance.pairs import Counts, Pairs, class_pairs, number_pairs, text_pairs
from driftd.performance.periods import Periods, PeriodSettings
from driftd.performance.text import TextRule, compare

HOUR_MS = 3_600_000
HOURS = 168
TEXT = "turn the lights in the living room on at seven and play the news after that"


@dataclass(frozen=True, slots=True)
class Stream:
    """Columns of n predictions in order of time, and the order in which their labels come."""

    at_ms: NDArray[np.int64]
    labelled_at_ms: NDArray[np.int64]
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    scores: NDArray[np.float64]
    segments: NDArray[np.int64]
    order: NDArray[np.int64]


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=500_000, help="predictions; each has a label")
    parser.add_argument("--batch", type=int, default=5000, help="events per call")
    parser.add_argument("--classes", type=int, default=2, help="classes")
    parser.add_argument("--segments", type=int, default=8, help="values of the one segment")
    parser.add_argument("--texts", type=int, default=20_000, help="texts that are compared")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of which the fastest counts")
    chosen = parser.parse_args(argv)
    rows = rounds(stream(chosen), chosen)
    settings = {key: value for key, value in vars(chosen).items() if key != "json"}
    publish("performance_speed", rows, settings, chosen.json)
    return rows


def stream(chosen: argparse.Namespace) -> Stream:
    """What is measured on."""
    random = np.random.default_rng(0)
    n, classes = chosen.events, chosen.classes
    at_ms = np.sort(random.integers(0, HOURS * HOUR_MS, n))
    scores = random.dirichlet(np.full(classes, 0.5), n)
    label = random.integers(0, classes, n)
    delay = np.where(label == 0, random.exponential(1.5, n), random.exponential(15.0, n))
    labelled_at_ms = at_ms + (delay * HOUR_MS).astype(np.int64)
    segments = random.integers(2, 2 + chosen.segments, n)
    order = np.argsort(labelled_at_ms, kind="stable")
    return Stream(at_ms, labelled_at_ms, scores.argmax(axis=1) + 2, label + 2, scores, segments, order)


def rounds(data: Stream, chosen: argparse.Namespace) -> list[Row]:
    """Each part's fastest round."""
    texts = [TEXT, TEXT.replace("seven", "eleven"), TEXT.replace("the", "a"), f"Um, {TEXT}."]
    said = [texts[index % len(texts)] for index in range(chosen.texts)]
    options = PeriodSettings(classes_max=max(chosen.classes, 8))
    full = Periods(options)
    predict(full, data, chosen.batch)
    label(full, data, chosen.batch)
    document = json.dumps(full.to_json())
    n = len(data.at_ms)
    parts: dict[str, tuple[int, Callable[[], object]]] = {
        "plain loop": (n, lambda: plain(data)),
        "predict": (n, lambda: predict(Periods(options), data, chosen.batch)),
        "label": (n, lambda: label(full, data, chosen.batch)),
        "label numbers": (n, lambda: label_numbers(data, chosen.batch)),
        "estimate predict": (n, lambda: estimate(data, chosen.batch, labels=False)),
        "estimate both": (2 * n, lambda: estimate(data, chosen.batch, labels=True)),
        "compare texts": (chosen.texts, lambda: compare([TEXT] * chosen.texts, said, TextRule())),
        "count texts": (chosen.texts, lambda: count_texts(said, chosen.batch)),
        "report of a week": (1, lambda: Maturity(full, HOURS * HOUR_MS).report()),
        "state out": (1, lambda: json.dumps(full.to_json())),
        "state in": (1, lambda: Periods.from_json(options, json.loads(document))),
    }
    fastest = dict.fromkeys(parts, float("inf"))
    for _ in range(chosen.repeats):
        for name, (_, part) in parts.items():
            begin = perf_counter()
            part()
            fastest[name] = min(fastest[name], perf_counter() - begin)
    rows: list[Row] = [
        {"part": name, "us_per_event": fastest[name] / events * 1e6, "events_per_s": events / fastest[name]}
        for name, (events, _) in parts.items()
    ]
    together = fastest["predict"] + fastest["label"] + fastest["estimate both"]
    rows.append(
        {"part": "all, per event", "us_per_event": together / n / 2 * 1e6, "events_per_s": 2 * n / together}
    )
    memory = sum(tally.counts.nbytes for tally in (full.whole, full.parts, full.past))
    rows.append({"part": f"memory {memory:,} bytes, state {len(document):,} bytes"})
    return rows


def batches(n: int, batch: int) -> Iterator[slice]:
    """Slices of `batch` events."""
    return (slice(begin, begin + batch) for begin in range(0, n, batch))


def plain(data: Stream) -> int:
    """The yardstick: what it costs a Python program to count what is right."""
    right = 0
    for predicted, label in zip(data.predicted.tolist(), data.label.tolist(), strict=True):
        if predicted == label:
            right += 1
    return right


def predict(periods: Periods, data: Stream, batch: int) -> None:
    """Count predictions."""
    for cut in batches(len(data.at_ms), batch):
        periods.predict(data.at_ms[cut], data.predicted[cut], data.segments[cut])


def pairs_of(data: Stream, index: NDArray[np.int64]) -> Pairs:
    """The pairs at `index`."""
    scores = data.scores[index]
    return class_pairs(data.predicted[index], data.label[index], Counts(), classes_max=16, scores=scores)


def label(periods: Periods, data: Stream, batch: int) -> None:
    """Count labels in the order in which they come."""
    for cut in batches(len(data.at_ms), batch):
        index = data.order[cut]
        pairs = pairs_of(data, index)
        periods.label(data.at_ms[index], data.labelled_at_ms[index], pairs, data.segments[index])


def label_numbers(data: Stream, batch: int) -> None:
    """Count labels of numbers."""
    periods = Periods(PeriodSettings(Kind.NUMBERS))
    predict(periods, data, batch)
    for cut in batches(len(data.at_ms), batch):
        index = data.order[cut]
        pairs = number_pairs(data.scores[index, 0] * 100, data.scores[index, 1] * 90, Counts())
        periods.label(data.at_ms[index], data.labelled_at_ms[index], pairs, data.segments[index])


def estimate(data: Stream, batch: int, labels: bool) -> None:
    """Count what is expected, and what it is learned from."""
    estimates = Estimates(PeriodSettings(classes_max=16))
    for cut in batches(len(data.at_ms), batch):
        estimates.predict(data.at_ms[cut], data.predicted[cut], data.scores[cut])
    if labels:
        for cut in batches(len(data.at_ms), batch):
            index = data.order[cut]
            estimates.label(data.at_ms[index], pairs_of(data, index))


def count_texts(said: list[str], batch: int) -> None:
    """Compare texts and count them."""
    periods = Periods(PeriodSettings(Kind.TEXTS))
    at_ms = np.arange(len(said)) * 1000
    periods.predict(at_ms, np.zeros(len(said), np.int64))
    for cut in batches(len(said), batch):
        compared = compare([TEXT] * len(said[cut]), said[cut], TextRule())
        periods.label(at_ms[cut], at_ms[cut], text_pairs(compared, Counts()))


if __name__ == "__main__":
    main()
