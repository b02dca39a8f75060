"""The tables and the picture as a document. Rule: generated whole, so nothing in it was typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.detection.picture import draw
from benchmarks.report import Cell, Row

NAME: Final = "detection-benchmark"
ABOUT: Final = {
    "stationary": (
        "False alarms",
        (
            "20 signals in which nothing changes. The interval is the exact 95 % interval of the rate (Poisson), per "
            "million events. Slow detectors are given fewer events."
        ),
    ),
    "changes": (
        "Delay",
        (
            "A change of one or three of 20 signals, which begins anywhere in a pane. Delays are events from the begin "
            "of the change to the alarm, over all trials; `early` are trials with a false alarm in the 2,000 events "
            "before the change; `limit` is log N / KL, what one would need who knows which signal changes, and how; "
            "`beats dummy`: quicker than an alarm at fixed times that raises as many false alarms. Slow detectors are "
            "given fewer trials, and KSWIN 4,000 events instead of 50,000 to find a change in."
        ),
    ),
    "references": (
        "Short references",
        (
            "20 signals that are learned from a short reference, with the defaults (hours of the week are looked "
            "for), and then go on for long without a change, while the reference grows or does not; then one signal "
            "shifts by one deviation. A day has 10,000 events. `judged`: signals, of 20, whose values the reference "
            "can judge, when it is first used, and after the quiet time; what it cannot judge is told as that. `slow "
            "walk` is an AR(1) with a correlation time of 1,000 events."
        ),
    ),
    "concepts": (
        "Concept drift",
        (
            "The 0/1 error of a Hoeffding tree on 20 published streams with 60 changes of concept; found within a "
            "tenth of the stream."
        ),
    ),
    "elec2": (
        "A real stream",
        "The error of a Hoeffding tree on the electricity market; what is true is not known.",
    ),
}


def write(tables: Mapping[str, Sequence[Row]], budget_events: int, folder: Path) -> None:
    """Write detection-benchmark.md and detection-benchmark.svg to `folder`."""
    draw(tables["stationary"], tables["changes"], budget_events, folder / f"{NAME}.svg")
    parts = [
        "# Detection: all detectors side by side",
        (
            "Made by `python -m benchmarks.detection --data DATA --write docs`; seeds are fixed, so the same program "
            "gives the same tables (with --thorough slow detectors are given as much as the others, and twice the "
            "time). "
            f"The budget is one false alarm in {budget_events:,} events, over all 20 signals, or as a name says."
        ),
        f"![False alarms against delay]({NAME}.svg)",
    ]
    for name, rows in tables.items():
        title, about = ABOUT[name]
        parts += [f"## {title}", about, _markdown(rows)]
    (folder / f"{NAME}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _markdown(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(_text(row.get(name)) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
