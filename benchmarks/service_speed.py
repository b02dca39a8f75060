"""Events a second out of a real Kafka, commits included, beside what a user would write without driftd.

`python -m benchmarks.service_speed --events 500000` fills a topic of a real broker, then lets the service
work it off with its defaults; then a Faust agent with River's ADWIN per feature, and an aiokafka loop
with json.loads and ADWIN, on the first `--baseline-events` of the same topic. The broker shares the
machine with all of them. Timed is the steady part: from the first commit (or event) to the last.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from time import perf_counter

from benchmarks.report import Row, arguments, publish
from benchmarks.service import ROOT, broker_with, commits, service
from benchmarks.stream import Shape

TIMEOUT_SECONDS = 600


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=500_000, help="predictions for the service")
    parser.add_argument("--baseline-events", type=int, default=50_000, help="predictions for the others")
    parser.add_argument("--models", type=int, default=1, help="models that take turns")
    parser.add_argument("--labels", action="store_true", help="let a label follow each prediction")
    parser.add_argument("--ways", nargs="+", default=["driftd", "faust", "aiokafka"], help="what to measure")
    chosen = parser.parse_args(argv)
    with broker_with(chosen.events, Shape(chosen.models, labels=chosen.labels)) as broker:
        speeds = {
            way: service_speed(broker.bootstrap, chosen.events)
            if way == "driftd"
            else baseline_speed(way, broker.bootstrap, min(chosen.baseline_events, chosen.events))
            for way in chosen.ways
        }
    unit, _ = speeds.get("faust") or min(speeds.values())
    rows: list[Row] = [
        {"way": way, "events_per_s": speed, "times_faust": speed / unit, "seconds_to_end": seconds}
        for way, (speed, seconds) in speeds.items()
    ]
    settings = {key: value for key, value in vars(chosen).items() if key not in ("json", "ways")}
    publish("service_speed", rows, settings, chosen.json)
    return rows


def service_speed(bootstrap: str, count: int) -> tuple[float, float]:
    """Events a second from the first commit to the last, and seconds from the process's start to the last."""
    started = perf_counter()
    with service(bootstrap):
        seen = list(commits(bootstrap, count))
        ended = perf_counter()
    first, last = seen[0], seen[-1]
    if first is last:
        raise SystemExit("all events came in one commit; give more of them with --events")
    return (last.predictions - first.predictions) / (last.at_ms - first.at_ms) * 1000, ended - started


def baseline_speed(way: str, bootstrap: str, count: int) -> tuple[float, float]:
    """Events a second from the first event to the last, and seconds from the process's start to its end."""
    started = perf_counter()
    command = [sys.executable, "-m", "benchmarks.baselines", way, bootstrap, "predictions", str(count)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "daemon")])}
    with tempfile.TemporaryDirectory() as folder:  # Faust leaves a folder of its own where it runs
        done = subprocess.run(
            command, cwd=folder, env=paths, stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False
        )
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(
            f"the baseline {way} ended with {done.returncode} and told nothing; see its messages above"
        )
    told = json.loads(lines[-1])
    return told["events"] / told["seconds"], perf_counter() - started


if __name__ == "__main__":
    main()
