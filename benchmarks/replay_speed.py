"""From bytes in a recording to a verdict, on one core, stage by stage, beside a plain loop of json.loads.

`python -m benchmarks.replay_speed --events 200000` writes a recording, then reads it, decodes it and
applies it with the default detectors, the way `driftd replay` does. Stages: "read" is the recording to
records, "decode" records to columns, "engine" is all else that `Engine.apply` does. All run `--repeats`
times in turns, and the fastest of each counts: noise only ever adds.
"""

import argparse
import cProfile
import json
import pstats
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.report import Row, arguments, publish
from benchmarks.stream import Shape, events
from driftd.config import Config
from driftd.contract.record import Record
from driftd.decode.batch import decode
from driftd.engine.engine import Engine
from driftd.shells import replay as shell
from driftd.shells.recording import RecordingReader, RecordingWriter


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="predictions in the recording")
    parser.add_argument("--models", type=int, default=1, help="models that take turns")
    parser.add_argument("--features", type=int, default=30, help="features of each event")
    parser.add_argument("--labels", action="store_true", help="let a label follow each prediction")
    parser.add_argument("--suffix", default=".jsonl", help="kind of recording: .jsonl, .jsonl.gz, .jsonl.zst")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of which the fastest counts")
    parser.add_argument("--profile", action="store_true", help="print where the time of one more round goes")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"events{chosen.suffix}")
        write(path, chosen)
        chunks = list(RecordingReader(path))
        rows = rounds(path, chunks, chosen.repeats)
        if chosen.profile:
            profile(path)
    settings = {key: value for key, value in vars(chosen).items() if key not in ("json", "profile")}
    publish("replay_speed", rows, settings, chosen.json)
    return rows


def write(path: Path, chosen: argparse.Namespace) -> None:
    """The recording to measure on."""
    shape = Shape(chosen.models, chosen.features, chosen.labels)
    with RecordingWriter(path) as writer:
        for chunk in events(chosen.events, shape):
            writer.write(chunk)


def rounds(path: Path, chunks: list[list[Record]], repeats: int) -> list[Row]:
    """Each stage's fastest round."""
    records = sum(map(len, chunks))
    learned = Engine(Config())
    apply(learned, chunks)
    stages: dict[str, Callable[[], object]] = {
        "json.loads": lambda: loads(chunks),
        "read": lambda: read(path),
        "decode": lambda: decode_all(learned, chunks),
        "apply": lambda: apply(Engine(Config()), chunks),
        "replay": lambda: replay(path),
    }
    fastest = dict.fromkeys(stages, float("inf"))
    for _ in range(repeats):
        for name, stage in stages.items():
            begin = perf_counter()
            stage()
            fastest[name] = min(fastest[name], perf_counter() - begin)
    fastest["engine"] = fastest["apply"] - fastest["decode"]
    yardstick = fastest["json.loads"]
    order = ("json.loads", "read", "decode", "engine", "apply", "replay")
    return [
        {
            "stage": name,
            "us_per_record": fastest[name] / records * 1e6,
            "records_per_s": records / fastest[name],
            "share_of_replay": fastest[name] / fastest["replay"],
            "times_json_loads": fastest[name] / yardstick,
        }
        for name in order
    ]


def loads(chunks: list[list[Record]]) -> None:
    """The yardstick: what parsing alone costs a plain Python program."""
    for chunk in chunks:
        for record in chunk:
            json.loads(record.value or b"null")


def read(path: Path) -> None:
    """The recording to records."""
    for _ in RecordingReader(path):
        pass


def decode_all(learned: Engine, chunks: list[list[Record]]) -> None:
    """Records to columns, with the schemas that an engine has learned from them."""
    config = learned.config
    for chunk in chunks:
        decode(chunk, config.topics, config.limits, learned.schemas)


def apply(engine: Engine, chunks: list[list[Record]]) -> None:
    """Records to verdicts."""
    for chunk in chunks:
        engine.apply(chunk)


def replay(path: Path) -> None:
    """A recording to verdicts."""
    shell.replay(Engine(Config()), RecordingReader(path), lambda _: None)


def profile(path: Path) -> None:
    """Where the time of a replay goes, the forty costliest functions by their own time."""
    profiler = cProfile.Profile()
    profiler.runcall(replay, path)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
