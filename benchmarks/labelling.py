"""What is found in streams of labels, how soon, and how often where nothing is wrong.

`python -m benchmarks.labelling` feeds each watch of `driftd.labelling` streams whose truth is known: `--seeds` streams
with a change each, and `--stationary` labels without one. `found` counts the streams in which the change, and whose,
is named rightly; `wrong` counts other findings in them; delays are in labels (the stream of labels: in hours).
`false` counts findings where nothing has changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.label_arrivals import HOUR_MS, Feed, fed, found_hours, minutes
from benchmarks.label_hands import CLASSES, Crowd, Hand, answers, named
from benchmarks.report import Cell, Row, arguments, publish
from driftd.labelling.annotators import AnnotatorWatch
from driftd.labelling.conventions import ConventionWatch
from driftd.labelling.finding import LabelFinding, What
from driftd.labelling.mapping import MappingWatch
from driftd.labelling.stream import LabelStreamWatch

BUDGET = 1e6
PLAIN = Hand()
FEW_FILLERS = Hand(fillers=0.04)
CHUNK = 128
Random = np.random.Generator
Told = Iterator[tuple[float, LabelFinding]]
"""Findings, each with the labels, or hours, since the change."""
SWAP = np.array([1, 0, 2, 3, 4])
MERGE = np.array([1, 1, 2, 3, 4])
CIRCLE = np.array([1, 2, 0, 3, 4])


def swapped(rng: Random, accuracy: float, mapped: NDArray[np.int64], reference: int = 2_000) -> Told:
    """Ants and bees (or what `mapped` says) by other names after the reference and 1,000 labels."""
    watch = MappingWatch(BUDGET, reference)
    predicted, truth = answers(rng, reference + 1_000, accuracy)
    yield from ((-1, one) for one in watch.update(named(predicted), named(truth), range(truth.size)))
    for begin in range(0, 6_000, CHUNK):
        predicted, truth = answers(rng, CHUNK, accuracy)
        found = watch.update(named(predicted), named(mapped[truth]), range(CHUNK))
        yield from ((begin + CHUNK, one) for one in found)


def annotated(rng: Random, crowd: Crowd) -> Told:
    """A crowd that changes after 8,000 labels."""
    watch = AnnotatorWatch(BUDGET)
    who, predicted, labels = Crowd(crowd.annotators, crowd.accuracy).labels(rng, 8_000)
    yield from ((-1, one) for one in watch.update(who, predicted, labels, range(8_000)))
    for begin in range(0, 12_000, CHUNK):
        found = watch.update(*crowd.labels(rng, CHUNK), range(CHUNK))
        yield from ((begin + CHUNK, one) for one in found)


def written(rng: Random, hands: Sequence[Hand], before: Hand = PLAIN) -> Told:
    """Two hands of one style; after 5,000 texts they are `hands`."""
    watch = ConventionWatch(BUDGET)
    for begin in range(0, 8_192, CHUNK):
        now = hands if begin >= 5_120 else (before, before)
        turns = rng.integers(0, 2, CHUNK)
        texts = [now[turn].text(rng) for turn in turns]
        found = watch.update(texts, [("ann", "bob")[turn] for turn in turns], range(begin, begin + CHUNK))
        yield from ((begin + CHUNK - 5_120, one) for one in found)


def arrived(rng: Random, feed: Feed) -> Told:
    """Predictions and labels of a feed."""
    yield from found_hours(LabelStreamWatch(BUDGET), feed.events(rng), feed.change_h)


Stream = Callable[[Random], Told]
CHANGES: dict[str, tuple[What, tuple[str, ...], Stream]] = {
    "swap of 2 in 5, accuracy 0.6": (What.CLASSES_SWAPPED, ("ant", "bee"), lambda rng: swapped(rng, 0.6, SWAP)),
    "swap of 2 in 5, accuracy 0.8": (What.CLASSES_SWAPPED, ("ant", "bee"), lambda rng: swapped(rng, 0.8, SWAP)),
    "swap of 2 in 5, accuracy 0.95": (What.CLASSES_SWAPPED, ("ant", "bee"), lambda rng: swapped(rng, 0.95, SWAP)),
    "the same, reference 400, 0.8": (
        What.CLASSES_SWAPPED, ("ant", "bee"), lambda rng: swapped(rng, 0.8, SWAP, 400),
    ),
    "merge, accuracy 0.8": (What.CLASSES_MERGED, ("ant", "bee"), lambda rng: swapped(rng, 0.8, MERGE)),
    "circle of 3, accuracy 0.8": (What.CLASSES_SWAPPED, CLASSES[:3], lambda rng: swapped(rng, 0.8, CIRCLE)),
    "1 of 8 wrong in 30 % more": (
        What.ANNOTATOR_DRIFTS, ("a3",), lambda rng: annotated(rng, Crowd(careless={3: 0.3})),
    ),
    "1 of 8 wrong in 15 % more": (
        What.ANNOTATOR_DRIFTS, ("a3",), lambda rng: annotated(rng, Crowd(careless={3: 0.15})),
    ),
    "1 of 8 confuses 2 of 5": (What.ANNOTATOR_DRIFTS, ("a3",), lambda rng: annotated(rng, Crowd(confuses=3))),
    "1 of 8 copies": (What.ANNOTATOR_DRIFTS, ("a3",), lambda rng: annotated(rng, Crowd(copies=3))),
    '"," -> "…" after a filler': (
        What.CONVENTION_CHANGED,
        ("what follows a filler", ",", "…"),
        lambda rng: written(rng, (Hand(after="…"), Hand(after="…"))),
    ),
    "the same, 4 % have a filler": (
        What.CONVENTION_CHANGED,
        ("what follows a filler", ",", "…"),
        lambda rng: written(rng, [replace(FEW_FILLERS, after="…")] * 2, FEW_FILLERS),
    ),
    "1 of 2 turns to it": (
        What.ANNOTATOR_CONVENTION,
        ("bob", "what follows a filler", ",", "…"),
        lambda rng: written(rng, (Hand(), Hand(after="…"))),
    ),
    "labels stop": (What.LABELS_STOPPED, (), lambda rng: arrived(rng, Feed(kept=0.0))),
    "half of them": (What.LABELS_THIN, (), lambda rng: arrived(rng, Feed(kept=0.5))),
    "four fifths of them": (What.LABELS_THIN, (), lambda rng: arrived(rng, Feed(kept=0.8))),
    "twice the delay": (What.DELAY_GROWS, (), lambda rng: arrived(rng, Feed(slower=2.0))),
    "2 -> 6 % corrections": (What.CORRECTIONS_RISE, (), lambda rng: arrived(rng, Feed(corrected_then=0.06))),
}  # fmt: skip


def nightly(rng: Random, count: int) -> NDArray[np.float64]:
    """Delays until some time in the next nights: labels come in batches."""
    return rng.choice([6.0, 12.0, 24.0, 36.0], count) * HOUR_MS * rng.uniform(0.98, 1.02, count)


def labels_without_change(rng: Random, count: int) -> Iterator[tuple[str, int, int, float]]:
    """Name, labels, false findings and seconds of each stationary stream of some `count` labels."""
    for accuracy in (0.6, 0.95):
        mapping, found, begun = MappingWatch(BUDGET), 0, perf_counter()
        seconds = 0.0
        for _ in range(count // 10_000):
            predicted, truth = answers(rng, 10_000, accuracy)
            columns = named(predicted), named(truth)
            begun = perf_counter()
            found += len(mapping.update(*columns, range(10_000)))
            seconds += perf_counter() - begun
        yield f"mapping, accuracy {accuracy}", count, found, seconds
    crowd, annotators, found, seconds = Crowd(), AnnotatorWatch(BUDGET), 0, 0.0
    for _ in range(count // 10_000):
        who, predictions, labels = crowd.labels(rng, 10_000)
        begun = perf_counter()
        found += len(annotators.update(who, predictions, labels, range(10_000)))
        seconds += perf_counter() - begun
    yield "annotators", count, found, seconds
    conventions, found, seconds = ConventionWatch(BUDGET), 0, 0.0
    for _ in range(count // 40_000):
        texts = [Hand().text(rng) for _ in range(10_000)]
        begun = perf_counter()
        found += len(conventions.update(texts, ["ann", "bob"] * 5_000, range(10_000)))
        seconds += perf_counter() - begun
    yield "conventions", count // 40_000 * 10_000, found, seconds
    for name, feed in {
        "arrivals": Feed(hours=count / 10_000),
        "arrivals, daily traffic": Feed(hours=count / 10_000, daily=0.9),
        "arrivals, delays of hours": Feed(hours=count / 10_000, delays=minutes(300)),
        "arrivals in batches": Feed(hours=max(count / 10_000, 200), delays=nightly, predictions_per_h=300),
    }.items():
        events = replace(feed, change_h=1e9).events(rng)
        watch, begun = LabelStreamWatch(BUDGET), perf_counter()
        found = len(fed(watch, events))
        yield name, watch.labels, found, perf_counter() - begun


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="streams for each change")
    parser.add_argument("--stationary", type=int, default=1_000_000, help="labels without a change")
    chosen = vars(parser.parse_args(argv))
    file, seeds = chosen.pop("json"), chosen["seeds"]
    rows: list[Row] = []
    for name, (what, parties, stream) in CHANGES.items():
        told = [list(stream(np.random.default_rng(seed))) for seed in range(seeds)]
        right = [
            [at for at, one in run if (one.what, one.parties) == (what, parties) and at > 0][:1]
            for run in told
        ]
        delays = [at for first in right for at in first]
        wrong = sum(at < 0 or (one.what, one.parties) != (what, parties) for run in told for at, one in run)
        cells: dict[str, Cell] = {"stream": name, "found": f"{len(delays)}/{seeds}", "wrong": wrong}
        cells["median"] = float(median(delays)) if delays else None
        rows.append(cells | {"worst": float(max(delays)) if delays else None})
    for name, labels, found, seconds in labels_without_change(
        np.random.default_rng(seeds), chosen["stationary"]
    ):
        rows.append(
            {"stream": name, "labels": labels, "false": found, "labels_per_s": labels / max(seconds, 1e-9)}
        )
    publish("labelling", rows, chosen, file)
    return rows


if __name__ == "__main__":
    main()
