"""Fifty features that hang together shift at once: how many incidents that makes, and whether the right ones lead.

All shift by `shift` standard deviations, three of them by twice as much. A story is right if those three lead its last
alert, and nobody else leads its first one. `python -m benchmarks.storm --seeds 100` prints the table.
"""

import json
from dataclasses import dataclass

import numpy as np

from benchmarks.report import arguments, publish
from driftd.config import Config
from driftd.contract.record import Record
from driftd.engine.engine import Engine

QUIET, AFTER = 7_000, 1_500
FEATURES, LEADERS = 50, 3
FIRST_MS, STEP_MS = 1_700_000_000_000, 1_000
COMMON = 0.6
"""What part of each feature is common to all of them: any two correlate by its square."""
SHIFTS = (0.5, 1.0)


@dataclass(frozen=True)
class Storm:
    """What came of one storm."""

    incidents: int
    pages: int
    again: int
    first_right: bool
    last_right: bool
    delay_events: int


def records_of(seed: int, shift: float) -> tuple[set[str], list[Record]]:
    """The features that shift most, and the stream."""
    rng = np.random.default_rng(seed)
    leaders = rng.choice(FEATURES, LEADERS, replace=False)
    common = COMMON * rng.standard_normal((QUIET + AFTER, 1))
    values = common + (1 - COMMON**2) ** 0.5 * rng.standard_normal((QUIET + AFTER, FEATURES))
    shifts = np.full(FEATURES, shift)
    shifts[leaders] *= 2
    values[QUIET:] += shifts
    records = []
    for i, row in enumerate(np.round(values, 3).tolist()):
        at_ms = FIRST_MS + i * STEP_MS
        features = {f"f{k}": value for k, value in enumerate(row)}
        event = {
            "prediction_id": f"p{i}",
            "model": "m",
            "at_ms": at_ms,
            "features": features,
            "prediction": "yes",
        }
        records.append(Record("predictions", 0, i, at_ms, None, json.dumps(event).encode()))
    return {f"features.f{k}" for k in leaders.tolist()}, records


def storm(seed: int, shift: float) -> Storm:
    """Let a model with the default configuration meet it, and then the same records again."""
    leaders, records = records_of(seed, shift)
    engine = Engine(Config())
    alerts = [json.loads(event.value)["data"] for event in engine.apply(records).events]
    leading = [[one["signal"] for one in alert["contributors"][:LEADERS]] for alert in alerts]
    return Storm(
        len({alert["incident_id"] for alert in alerts}),
        sum(alert["page"] for alert in alerts),
        len(engine.apply(records).events),
        bool(leading) and set(leading[0]) <= leaders,
        bool(leading) and set(leading[-1]) == leaders,
        alerts[0]["decided"]["offset"] - QUIET if alerts else AFTER,
    )


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    wanted = parser.parse_args()
    rows = []
    for shift in SHIFTS:
        storms = [storm(seed, shift) for seed in range(wanted.seeds)]
        rows.append(
            {
                "shifts": f"{shift:g} and {2 * shift:g}",
                "one incident": sum(one.incidents == 1 for one in storms),
                "pages": sum(one.pages for one in storms) / wanted.seeds,
                "told again": sum(one.again for one in storms),
                "first right": sum(one.first_right for one in storms),
                "last right": sum(one.last_right for one in storms),
                "delay in events": int(np.median([one.delay_events for one in storms])),
            }
        )
    publish("storm", rows, {"seeds": wanted.seeds, "features": FEATURES}, wanted.json)


if __name__ == "__main__":
    main()
