"""The result as one picture: false alarms against delay. Rule: the same rows draw the same bytes."""

from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from benchmarks.pictures import reproducible, save
from benchmarks.report import Row

STREAMS: Final = {"independent": "full", "AR(0.9)": "none"}
CHANGE: Final = "1 sigma"
COLORS: Final = {"driftd": "#0072b2", "dummy": "#8c8c8c"}
OTHER: Final = "#d55e00"
LABELS_AT: Final = {
    "driftd evidence, 1 per 100k": (8, -12),
    "driftd distance": (8, -12),
    "ADWIN": (-42, -4),
    "PageHinkley": (-64, -12),
    "PageHinkley, calibrated": (8, 4),
    "KS, Bonferroni, 1,000": (4, -14),
    "dummy, every 1,000": (8, -12),
}
"""Where a subject's name stands beside its point, in points, where it would lie on another's."""
FONT_SIZE = 10


def draw(quiet: Sequence[Row], delays: Sequence[Row], budget_events: int, file: Path) -> None:
    """Write the picture of one signal in 20 that shifts by one deviation to `file`, an SVG."""
    reproducible(FONT_SIZE)
    figure = Figure(figsize=(8.6, 5.2))
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log")
    for subject in dict.fromkeys(str(row["subject"]) for row in delays):
        points = [point for stream in STREAMS if (point := _point(subject, stream, quiet, delays))]
        color = COLORS.get(subject.split()[0].rstrip(","), OTHER)
        if len(points) > 1:
            axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color=color, lw=0.8, alpha=0.5)
        for x, y, fill in points:
            axes.plot(x, y, "o", color=color, fillstyle=fill, ms=7)
        if points:
            x, y, _ = points[0]
            axes.annotate(
                subject,
                (x, y),
                LABELS_AT.get(subject, (8, 5)),
                textcoords="offset points",
                fontsize=8,
                color=color,
            )
    axes.axvline(1e6 / budget_events, color="#009e73", lw=1)
    axes.text(
        1e6 / budget_events,
        0.98,
        " the budget",
        color="#009e73",
        fontsize=8,
        va="top",
        transform=axes.get_xaxis_transform(),
    )
    limit = log(budget_events) / 0.5
    axes.axhline(limit, color="#555555", lw=0.8, ls=":")
    axes.text(
        0.06,
        limit,
        "the limit, independent: log N / KL",
        fontsize=8,
        ha="left",
        va="top",
        color="#555555",
        transform=axes.get_yaxis_transform(),
    )
    axes.set_xlabel("false alarms per million events of 20 signals (none seen: the upper 95 % bound)")
    axes.set_ylabel("events until one signal's shift of 1 sigma is found, median")
    axes.set_title("full: independent events; hollow: AR(0.9). Lower left is better", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save(figure, file)


def _point(
    subject: str, stream: str, quiet: Sequence[Row], delays: Sequence[Row]
) -> tuple[float, float, str] | None:
    """False alarms per million, delay, and how the point is filled; None where it never finds the change."""
    calm = [row for row in quiet if (row["subject"], row["stream"]) == (subject, stream)]
    found = [
        row
        for row in delays
        if (row["subject"], row["stream"], row["change"], row["signals"]) == (subject, stream, CHANGE, 1)
    ]
    if not calm or not found or found[0]["delay_median"] is None:
        return None
    rate = calm[0]["per_1M"] or calm[0]["high_95"]
    return float(rate or 0), float(found[0]["delay_median"]), STREAMS[stream]
