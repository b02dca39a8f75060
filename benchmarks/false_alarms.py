"""False alarms and delay of detectors, through the whole engine, on streams whose truth is known.

`python -m benchmarks.false_alarms` feeds JSON events of 20 features: independent, or autocorrelated
(AR(1), 0.5 and 0.9). An alarm is an alert that opens an incident. Counted are alarms in a stationary
stream after the reference, and, in `--trials` further streams each, how long after a shift of one feature
the first alarm comes. An alarm before the shift makes a trial count as `early`, none within `--wait`
events as missed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row, arguments, publish
from benchmarks.stream import START_MS, numeric_event
from driftd.config import Config
from driftd.config_models import ModelSettings
from driftd.contract.record import Record
from driftd.engine.engine import Engine

SIGNALS = 20
SHIFTED = 7
PROCESSES = {"independent": 0.0, "AR(0.5)": 0.5, "AR(0.9)": 0.9}
SHIFTS = (0.5, 1.0, 3.0)
DETECTORS = ("distance", "adwin")
BURN_IN = 200
EVENT_INTERVAL_MS = 1000
CHUNK_RECORDS = 2000
OPENED = "dev.driftd.alert.opened.v1"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured, in events, and in trials for each size of shift."""

    reference: int
    stationary: int
    settle: int
    wait: int
    trials: int
    seed: int


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; the rows that were printed."""
    parser = arguments(__doc__)
    parser.add_argument("--reference", type=int, default=5000, help="events of the reference")
    parser.add_argument("--stationary", type=int, default=200_000, help="stationary events after it")
    parser.add_argument("--settle", type=int, default=2000, help="stationary events before a shift")
    parser.add_argument(
        "--wait", type=int, default=20_000, help="events after a shift before it counts as missed"
    )
    parser.add_argument("--trials", type=int, default=10, help="streams for each size of shift")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--detectors", nargs="+", default=list(DETECTORS))
    chosen = vars(parser.parse_args(argv))
    file, detectors = chosen.pop("json"), chosen.pop("detectors")
    plan = Plan(**chosen)
    rows = [measured(name, process, plan) for process in PROCESSES for name in detectors]
    publish("false_alarms", rows, chosen, file)
    return rows


def measured(detector: str, process: str, plan: Plan) -> Row:
    """One line: `detector` on streams of `process`."""
    config = config_for(detector, plan.reference)
    values = stream(PROCESSES[process], plan.reference + plan.stationary, plan.seed)
    alarms = alarm_offsets(Engine(config), values, 0)
    row: dict[str, str | int | float | None] = {
        "stream": process,
        "detector": detector,
        "false_alarms": len(alarms),
        "per_million_events": len(alarms) / plan.stationary * 1e6,
    }
    trials = [trial(config, PROCESSES[process], plan, plan.seed + 1 + i) for i in range(plan.trials)]
    for i, shift in enumerate(SHIFTS):
        outcomes = [outcome[i] for outcome in trials if outcome is not None]
        found = [delay for delay in outcomes if delay is not None]
        row[f"found_{shift:g}s"] = f"{len(found)}/{len(outcomes)}"
        row[f"delay_{shift:g}s"] = float(median(found)) if found else None
    row["early"] = sum(outcome is None for outcome in trials)
    return row


def trial(config: Config, memory: float, plan: Plan, seed: int) -> list[int | None] | None:
    """Events from each shift to its alarm (None: missed); None where an alarm came before any shift."""
    change = plan.reference + plan.settle
    values = stream(memory, change + plan.wait, seed)
    engine = Engine(config)
    if alarm_offsets(engine, values[:change], 0):
        return None
    before = engine.snapshot()
    delays: list[int | None] = []
    for shift in SHIFTS:
        tail = values[change:].copy()
        tail[:, SHIFTED] += shift
        alarms = alarm_offsets(Engine(config, before), tail, change, first_only=True)
        delays.append(alarms[0] - change + 1 if alarms else None)
    return delays


def config_for(detector: str, reference: int) -> Config:
    """The defaults with one detector, on all features."""
    settings: dict[str, Any] = {
        "detectors": [{"name": detector, "signals": ["features.*"]}],
        "reference": {"reference_events": reference},
    }
    return Config(defaults=ModelSettings.model_validate(settings))


def stream(memory: float, events: int, seed: int) -> NDArray[np.float64]:
    """`events` x SIGNALS standard normal values; each depends on the one before it by `memory`."""
    noise = np.random.default_rng(seed).standard_normal((events + BURN_IN, SIGNALS))
    if memory == 0.0:
        return noise[BURN_IN:]
    noise[1:] *= np.sqrt(1.0 - memory**2)
    for i in range(1, len(noise)):
        noise[i] += memory * noise[i - 1]
    return noise[BURN_IN:]


def alarm_offsets(
    engine: Engine, values: NDArray[np.float64], first: int, *, first_only: bool = False
) -> list[int]:
    """The offsets of the records that opened an incident; `values` are the events from offset `first`."""
    alarms: list[int] = []
    for records in chunks(values, first):
        for event in engine.apply(records).events:
            if event.event_type == OPENED:
                detected = msgspec.json.decode(event.value)["data"]["detected"]
                alarms.append(int(detected["offset"]))
        if alarms and first_only:
            break
    return alarms


def chunks(values: NDArray[np.float64], first: int) -> Iterator[list[Record]]:
    """The records of `values`, one event a second."""
    for start in range(0, len(values), CHUNK_RECORDS):
        yield [
            Record("predictions", 0, number, at_ms, None, numeric_event(number, "measured", at_ms, row))
            for number, row in enumerate(values[start : start + CHUNK_RECORDS].tolist(), first + start)
            for at_ms in (START_MS + number * EVENT_INTERVAL_MS,)
        ]


if __name__ == "__main__":
    main()
