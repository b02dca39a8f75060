"""Does driftd's memory stay flat? Many models, many events, its resident set sampled on the way.

`python -m benchmarks.memory --events 10000000` drives `Engine.apply` and `Engine.changes` in this
process. `--service` measures the real service instead: `driftd run` as a process of its own, fed through
a real broker. `state_kb_per_model` is the size of a snapshot, as it stands in the state topic.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.report import Row, arguments, publish
from benchmarks.stream import Shape, events
from driftd.config import Config
from driftd.engine.engine import Engine

SAMPLES = 20
CHUNK_RECORDS = 10_000


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="predictions")
    parser.add_argument("--models", type=int, default=100, help="models that take turns")
    parser.add_argument("--features", type=int, default=30, help="features of each event")
    parser.add_argument("--labels", action="store_true", help="let a label follow each prediction")
    parser.add_argument("--service", action="store_true", help="measure the service behind a real broker")
    chosen = parser.parse_args(argv)
    shape = Shape(chosen.models, chosen.features, chosen.labels)
    if chosen.service:
        from benchmarks.service import sampled_service  # noqa: PLC0415  needs a broker, the rest does not

        rows = list(sampled_service(chosen.events, shape, SAMPLES))
    else:
        rows = list(sampled_engine(chosen.events, shape))
    settings = {key: value for key, value in vars(chosen).items() if key != "json"}
    publish("memory", rows, {**settings, "kb_per_million_events": growth_kb(rows)}, chosen.json)
    return rows


def sampled_engine(count: int, shape: Shape) -> Iterator[Row]:
    """A row for each twentieth of `count` events applied in this process."""
    # what waits for labels is bounded, and the bound is reached early: then memory is to stay flat
    waiting = Config.model_validate({"defaults": {"labels": {"waiting_predictions_max": 5_000}}})
    engine, applied, due, changed_bytes = Engine(waiting), 0, count / SAMPLES, 0
    begin = perf_counter()
    for chunk in events(count, shape, CHUNK_RECORDS):
        engine.apply(chunk)
        changed_bytes += sum(len(value or b"") for value in engine.changes().values())
        applied += min(CHUNK_RECORDS, count - applied)
        if applied >= due:
            due += count / SAMPLES
            entries = engine.snapshot().entries
            yield {
                "events": applied,
                "rss_mb": resident_bytes("self") / 1e6,
                "state_kb_per_model": sum(map(len, entries.values())) / shape.models / 1e3,
                "state_entries": len(entries),
                "changed_bytes_per_event": changed_bytes / applied,
                "events_per_s": applied / (perf_counter() - begin),
            }


def growth_kb(rows: Sequence[Row]) -> float:
    """Growth of the resident set per million events over the second half of `rows`, kB."""
    half = rows[len(rows) // 2 :]
    if len(half) < 2:
        return float("nan")
    counts = np.array([row["events"] for row in half], np.float64)
    sizes = np.array([row["rss_mb"] for row in half], np.float64)
    return round(float(np.polyfit(counts, sizes, 1)[0]) * 1e9, 1)


def resident_bytes(process: int | str) -> int:
    """The resident set of a process, by its id or "self"; Linux only."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {process} has no resident set; has it ended?")


if __name__ == "__main__":
    main()
