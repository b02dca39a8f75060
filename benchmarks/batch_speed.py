"""What small batches cost: a model in steady state, in batches of a few records and of many, with labels and without.

`python -m benchmarks.batch_speed` lets an engine learn from `--warm` predictions and then applies `--records` in each
size of batch, and writes what has changed after each batch, as a commit does. All sizes run in turns `--repeats` times,
each from the same state, and the fastest of each counts, by the processor's time of this process.
"""

import argparse
from collections.abc import Sequence
from time import process_time

from benchmarks.report import Row, arguments, publish
from benchmarks.stream import Shape, events
from driftd.config import Config
from driftd.contract.record import Record
from driftd.engine.engine import Engine

SMALL, LARGE = 25, 10_000
CHUNK_RECORDS = 5_000


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--warm", type=int, default=40_000, help="predictions that the engine learns from")
    parser.add_argument("--records", type=int, default=20_000, help="records that are measured, in each size")
    parser.add_argument("--features", type=int, default=30, help="features of each event")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of which the fastest counts")
    chosen = parser.parse_args(argv)
    rows = [row for labels in (False, True) for row in measured(chosen, labels)]
    settings = {key: value for key, value in vars(chosen).items() if key != "json"}
    publish("batch_speed", rows, settings, chosen.json)
    return rows


def measured(chosen: argparse.Namespace, labels: bool) -> list[Row]:
    """A row for each size of batch."""
    shape = Shape(features=chosen.features, labels=labels)
    coming = events(chosen.warm + chosen.records, shape)
    records = [record for chunk in coming for record in chunk]
    warm = chosen.warm * (1 + labels)
    state = Engine(Config())
    for begin in range(0, warm, CHUNK_RECORDS):
        state.apply(records[begin : min(begin + CHUNK_RECORDS, warm)])
    rest = records[warm : warm + chosen.records]
    sizes = (SMALL, min(LARGE, len(rest)))
    fastest = dict.fromkeys(sizes, (float("inf"), float("inf")))
    for _ in range(chosen.repeats):
        for size in sizes:
            engine = Engine(Config(), state.snapshot())
            once = run(engine, rest, size)
            fastest[size] = (min(fastest[size][0], once[0]), min(fastest[size][1], once[1]))
    large = fastest[sizes[-1]][0]
    return [
        {
            "records": "predictions and labels" if labels else "predictions",
            "per_batch": size,
            "apply_ms": apply_s / len(range(0, len(rest), size)) * 1e3,
            "commit_ms": commit_s / len(range(0, len(rest), size)) * 1e3,
            "apply_us_per_record": apply_s / len(rest) * 1e6,
            "times_large": apply_s / large,
        }
        for size, (apply_s, commit_s) in fastest.items()
    ]


def run(engine: Engine, records: Sequence[Record], size: int) -> tuple[float, float]:
    """The seconds that it takes to apply `records` in batches of `size`, and to write what each has changed."""
    apply_s = commit_s = 0.0
    engine.changes()
    for begin in range(0, len(records), size):
        batch = records[begin : begin + size]
        begin_s = process_time()
        engine.apply(batch)
        applied_s = process_time()
        engine.changes()
        apply_s += applied_s - begin_s
        commit_s += process_time() - applied_s
    return apply_s, commit_s


if __name__ == "__main__":
    main()
