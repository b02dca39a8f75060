"""The join: how fast it is, how much memory it takes, and how much state it writes.

`python -m benchmarks.join_speed` holds so many predictions and labels them: ids go in, joined pairs come out, in
batches as the engine cuts them, without decoding and detectors; rates are by the
processor's time of this process. `state_bytes` are the sealed entries that a commit
after each batch would write, per event. The last line is a join that was restored from them: its memory is the
resident set of the whole process, and per waiting prediction what it grew by since before the first one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from time import process_time

import numpy as np

from benchmarks.memory import resident_bytes
from benchmarks.report import Row, arguments, publish
from driftd.config import Labels
from driftd.contract.record import Record
from driftd.decode.columns import LabelColumns
from driftd.engine.join import Join
from driftd.engine.join_state import join_entries, restore_join
from driftd.engine.state import seal, unseal
from driftd.engine.taking import Arrivals, take

BATCH_RECORDS = 1000
FIRST_MS = 1_780_000_000_000
SAID = ("yes", "no")
STEP_MS = 100


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--predictions", type=int, default=1_000_000, help="predictions that wait")
    parser.add_argument("--labels", type=int, default=100_000, help="labels of each kind")
    chosen = parser.parse_args(argv)
    rows = list(measured(chosen.predictions, chosen.labels))
    publish(
        "join_speed", rows, {key: value for key, value in vars(chosen).items() if key != "json"}, chosen.json
    )
    return rows


def measured(predictions: int, labels: int) -> Iterator[Row]:
    """A row for each kind of event, and one for the join restored."""
    before = resident_bytes("self")
    join = Join(Labels(waiting_predictions_max=max(predictions, 1)))
    join.waiting.score(SAID)
    stored: dict[str, bytes] = {}
    yield run("predictions", join, (([i], []) for i in range(predictions)), stored, predictions, before)
    half = predictions // 2
    labels = min(labels, half)
    # no two are alike: a step that is coprime to the number of predictions visits each once
    scattered = [half + i * 7919 % half for i in range(labels)]
    kinds: dict[str, Iterable[tuple[int, int]]] = {
        "labels in order": ((i, 0) for i in range(labels)),
        "labels scattered": ((i, 0) for i in scattered),
        "corrections scattered": ((i, 1) for i in scattered),
        "labels repeated": ((i, 1) for i in scattered),
        "labels of nothing": ((predictions * 9 + i, 0) for i in range(labels)),
    }
    for name, said in kinds.items():
        yield run(name, join, (([], [one]) for one in said), stored, predictions, before)
    both = (([predictions + i], [(predictions + i, 0)]) for i in range(labels // 2))
    yield run("prediction, label, prediction, ...", join, both, stored, predictions, before)
    before_s = process_time()
    del join
    restored = Join(Labels(waiting_predictions_max=max(predictions, 1)))
    restore_join(restored, {key: unseal(key, value) for key, value in stored.items()})
    yield {
        "what": "restored",
        "events": len(restored.waiting),
        "events_per_s": len(restored.waiting) / (process_time() - before_s),
        "bytes_per_waiting": None,
        "resident_mb": resident_bytes("self") / 1e6,
        "state_bytes": sum(map(len, stored.values())) / len(restored.waiting),
    }


def run(
    what: str,
    join: Join,
    steps: Iterator[tuple[list[int], list[tuple[int, int]]]],
    stored: dict[str, bytes],
    waiting: int,
    before_bytes: int,
) -> Row:
    """Take the predictions and labels (of which, what) of `steps`, in their order, in batches."""
    seconds, count, written, joined = 0.0, 0, 0, 0
    for batch in batches(steps):
        arrivals, labels, records = columns(batch)
        begin_s = process_time()
        taken = take(join, arrivals, labels, records, lambda _: False, None)
        seconds += process_time() - begin_s
        count += len(records)
        joined += len(taken.joined)
        for key, document in join_entries(join, whole=False).items():
            if document is None:
                stored.pop(key, None)
            else:
                stored[key] = seal(document)
                written += len(stored[key])
    resident = resident_bytes("self") - sum(map(len, stored.values()))
    return {
        "what": what,
        "events": count,
        "events_per_s": count / seconds,
        "bytes_per_waiting": (resident - before_bytes) / waiting,
        "resident_mb": resident / 1e6,
        "state_bytes": written / count,
        "joined": joined,
    }


def batches(
    steps: Iterator[tuple[list[int], list[tuple[int, int]]]],
) -> Iterator[list[tuple[list[int], list[tuple[int, int]]]]]:
    """`steps` in batches of so many events."""
    batch = []
    for step in steps:
        batch.append(step)
        if len(batch) * (len(step[0]) + len(step[1])) >= BATCH_RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


def columns(
    batch: list[tuple[list[int], list[tuple[int, int]]]],
) -> tuple[Arrivals, LabelColumns, list[Record]]:
    """The events of a batch as columns, with their records."""
    predicted = list(chain.from_iterable(p for p, _ in batch))
    said = list(chain.from_iterable(k for _, k in batch))
    topics = [topic for p, k in batch for topic in ["predictions"] * len(p) + ["labels"] * len(k)]
    rng = np.random.default_rng(predicted[:1] or [0])
    records = [Record(topic, 0, i, FIRST_MS, None, b"") for i, topic in enumerate(topics)]
    arrivals = Arrivals(
        [i for i, topic in enumerate(topics) if topic == "predictions"],
        [f"model-000-{i:08d}" for i in predicted],
        [FIRST_MS + i * STEP_MS for i in predicted],
        [None] * len(predicted),
        [SAID[i % 2] for i in predicted],
        rng.random((len(predicted), len(SAID))),
        [None] * len(predicted),
    )
    labels = LabelColumns(
        np.array([i for i, topic in enumerate(topics) if topic == "labels"], np.int64),
        [f"model-000-{i:08d}" for i, _ in said],
        [SAID[(i + other) % 2] for i, other in said],
        [FIRST_MS + i * STEP_MS for i, _ in said],
        [None] * len(said),
        [1.0] * len(said),
    )
    return arrivals, labels, records


if __name__ == "__main__":
    main()
