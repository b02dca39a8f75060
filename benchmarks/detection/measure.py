"""Detectors side by side: false alarms on stationary streams, delay of changes, concept drift in published streams.

`python -m benchmarks.detection --data ../shared/data --write docs` measures all of it in a quarter of an hour on two
cores and writes docs/detection-benchmark.md and .svg. `--thorough` gives slow detectors as much as the others, which
takes twice as long; `--short` is a form of some seconds.
"""

import json
import multiprocessing
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.detection.changes import PLAN
from benchmarks.detection.concepts import (
    ErrorStream,
    concept_row,
    detectors,
    elec2_row,
    error_stream,
    files_of,
)
from benchmarks.detection.kswin import quick_kswin
from benchmarks.detection.peers import rivers, windowed
from benchmarks.detection.references import plans, reference_row
from benchmarks.detection.streams import DAY_EVENTS, KINDS
from benchmarks.detection.subjects import Driftd, Dummy, Subject
from benchmarks.detection.trials import Plan, Quiet, delays, quiet, quiet_rows
from benchmarks.report import Row, arguments, table

BUDGET_EVENTS: Final = 1_000_000
FULL: Final = Plan(1_000_000, 20, 50_000, BUDGET_EVENTS, 11)
SHORT: Final = Plan(20_000, 2, 4_000, BUDGET_EVENTS, 11)
EVIDENCE: Final = "driftd evidence"
SLOW: Final[Mapping[str, tuple[int, int, int]]] = {
    "driftd distance": (200_000, 5, 50_000),
    "driftd distance, calibrated": (200_000, 5, 50_000),
    "half of the features, KS": (1_000_000, 5, 50_000),
    "KSWIN": (5_000, 2, 4_000),
    "KSWIN, calibrated": (5_000, 2, 4_000),
}
"""Slow detectors: the stationary events, the trials and the wait that they are given, if not asked to be thorough."""
SHORT_SUBJECTS: Final = [EVIDENCE, "KS, Bonferroni, 1,000", "dummy, every 1,000", "dummy, never"]
SHORT_LIVES: Final[Sequence[Mapping[str, Any]]] = [
    {
        "kind": "daily",
        "reference_events": 1_000,
        "grow_days": 15.0,
        "quiet_events": 20_000,
        "budget_events": BUDGET_EVENTS,
        "seeds": [11],
    }
]
SHORT_CHANGES: Final[Mapping[str, tuple[str, ...]]] = {"independent": ("1 sigma", "3 sigma")}


def subjects() -> dict[str, Subject]:
    """All detectors under test, by name."""
    every: list[Subject] = [
        Driftd({"name": "evidence"}, EVIDENCE, BUDGET_EVENTS),
        Driftd({"name": "evidence"}, "driftd evidence, 1 per 100k", BUDGET_EVENTS // 10),
        Driftd({"name": "distance"}, "driftd distance", BUDGET_EVENTS),
        calibrated("distance", "driftd distance, calibrated", 10**9),
        calibrated("adwin", "ADWIN, calibrated", 10 * DAY_EVENTS),
        calibrated("page_hinkley", "PageHinkley, calibrated", 10 * DAY_EVENTS),
        calibrated("kswin", "KSWIN, calibrated", 10 * DAY_EVENTS),
        *windowed(),
        *rivers(),
        Dummy(1_000),
        Dummy(BUDGET_EVENTS),
        Dummy(None),
    ]
    return {subject.name: subject for subject in every}


def calibrated(detector: str, name: str, events_max: int) -> Driftd:
    """`detector` as driftd calibrates it on the reference."""
    return Driftd({"name": detector, "calibrate": True}, name, BUDGET_EVENTS, events_max)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says; all rows that were printed."""
    options = _options(argv)
    tables = _measure(options, SHORT if options.short else FULL)
    for name, rows in tables.items():
        print(f"\n{name}\n{table(rows)}")
    if options.json is not None:
        options.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    if options.write is not None:
        from benchmarks.detection.document import write  # noqa: PLC0415  it draws, and who does not needs no matplotlib

        write(tables, BUDGET_EVENTS, options.write)
    return [row for rows in tables.values() for row in rows]


def _options(argv: Sequence[str] | None) -> Namespace:
    parser = arguments(__doc__)
    add = parser.add_argument
    add("--thorough", action="store_true", help="give slow detectors as many events and trials as the others")
    add("--short", action="store_true", help="a form of some seconds, for the tests")
    add("--data", type=Path, help="the folder with the published streams; none: they are left out")
    add("--write", type=Path, metavar="FOLDER", help="write detection-benchmark.md and .svg there")
    add("--workers", type=int, default=multiprocessing.cpu_count(), help="processes")
    add("--subjects", nargs="+", help="only these")
    add("--kinds", nargs="+", help="only these kinds of stream")
    add("--seeds", type=int, default=1, help="stationary streams of each kind")
    return parser.parse_args(argv)


def _measure(options: Namespace, plan: Plan) -> dict[str, list[Row]]:
    """All tables, by name."""
    run = partial(_run, options.workers)
    names = options.subjects or (SHORT_SUBJECTS if options.short else list(subjects()))
    kinds = options.kinds or (list(SHORT_CHANGES) if options.short else list(KINDS))
    changes = SHORT_CHANGES if options.short else PLAN
    seeds = [plan.seed + 1_000 * n for n in range(options.seeds)]
    plans_of = {name: plan if options.thorough or options.short else _less(plan, name) for name in names}
    measured: list[tuple[list[Quiet], list[Row]]] = run(
        [
            partial(_of_kind, name, kind, changes.get(kind, ()), plans_of[name], seeds)
            for name in names
            for kind in kinds
        ]
    )
    tables = {
        "stationary": quiet_rows([result for calm, _ in measured for result in calm]),
        "changes": [row for _, rows in measured for row in rows],
    }
    if not options.subjects:
        lives = SHORT_LIVES if options.short else plans(plan.budget_events, plan.seed)
        tables["references"] = run([partial(reference_row, **arguments_) for arguments_ in lives])
    if options.data is not None:
        tables |= _published(run, options.data)
    return tables


def _published(run: Callable[[Sequence[Callable[[], Any]]], list[Any]], folder: Path) -> dict[str, list[Row]]:
    """The tables of published streams."""
    streams: list[ErrorStream] = run(
        [partial(error_stream, file, frozen) for frozen in (True, False) for file in files_of(folder)]
    )
    known = [[one for one in streams if one.begins and one.frozen is frozen] for frozen in (True, False)]
    market = [one for one in streams if not one.begins]
    return {
        "concepts": run([partial(concept_row, name, some) for some in known for name in detectors()]),
        "elec2": run([partial(elec2_row, name, one) for one in market for name in detectors()]),
    }


def _less(plan: Plan, name: str) -> Plan:
    """`plan`, or less of it for a slow detector."""
    if name not in SLOW:
        return plan
    events, trials, wait_events = SLOW[name]
    return replace(
        plan,
        stationary_events=min(plan.stationary_events, events),
        trials=min(plan.trials, trials),
        wait_events=min(plan.wait_events, wait_events),
    )


def _run(workers: int, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of `tasks`, in order."""
    if workers <= 1:
        return [task() for task in tasks]
    with multiprocessing.get_context("spawn").Pool(workers, quick_kswin) as pool:
        return [result.get() for result in [pool.apply_async(task) for task in tasks]]


def _of_kind(
    name: str, kind: str, changes: Sequence[str], plan: Plan, seeds: Sequence[int]
) -> tuple[list[Quiet], list[Row]]:
    """One detector on one kind of stream: where nothing changes, and then its delays, beside what it raised there."""
    subject = subjects()[name]
    calm = [result for seed in seeds if (result := quiet(subject, kind, plan, seed)) is not None]
    if not calm or not changes:
        return calm, []
    return calm, delays(subject, kind, changes, plan, calm[-1].events / max(calm[-1].alarms, 1))
