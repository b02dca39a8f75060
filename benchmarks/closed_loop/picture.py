"""The picture of the closed loop. Rule: the same lives draw the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.closed_loop.loop import Lived
from benchmarks.closed_loop.streams import Subject
from benchmarks.pictures import reproducible, save

SHOWN: Final = 40
"""The curves are means over a fortieth of the stream."""
POINTS: Final = 400
FONT_SIZE: Final = 8
BLUE, RED, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#8c8c8c"
NAMES: Final = {"elec2": "electricity prices, 48 predictions a day; when their concept changes is not known"}


def draw(lives: Sequence[tuple[Subject, Lived]], file: Path) -> None:
    """A panel for each life, below each other."""
    reproducible(FONT_SIZE)
    figure = Figure(figsize=(8.6, 2.7 * len(lives) + 0.3))
    panels = figure.subplots(len(lives), 1, squeeze=False)[:, 0]
    for axes, (subject, life) in zip(panels, lives, strict=True):
        _draw_life(axes, subject, life)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, loc="lower center", ncols=len(names))
    figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1))
    save(figure, file)


def _draw_life(axes: Axes, subject: Subject, life: Lived) -> None:
    window = len(life.is_right) // SHOWN
    axes.plot(
        *_curve(life.is_frozen_right, life.begin, window),
        color=RED,
        lw=1.1,
        label="version 1, never trained again",
    )
    axes.plot(*_curve(life.is_right, life.begin, window), color=BLUE, lw=1.3, label="with driftd")
    for index, change in enumerate(subject.changes):
        axes.axvline(change, color=GRAY, lw=1, ls=":", label="" if index else "the concept changes")
    bottom = axes.get_ylim()[0]
    for index, told in enumerate(life.requests):
        axes.plot(
            told.requested,
            bottom,
            "^",
            color=RED,
            ms=6,
            clip_on=False,
            zorder=3,
            label="" if index else "request",
        )
    deployed = [told.deployed for told in life.requests if told.deployed is not None]
    for index, row in enumerate(deployed):
        axes.axvline(row, color=GREEN, lw=1, label="" if index else "new version")
    for told in life.requests:
        if told.deployed is not None:
            axes.annotate(
                told.end, (told.deployed, 1), (3, -3), xycoords=axes.get_xaxis_transform(),
                textcoords="offset points", color=GREEN, va="top", fontsize=7,
            )  # fmt: skip
    axes.set_ylim(bottom=bottom)
    axes.set_ylabel("accuracy")
    axes.set_xlabel("predictions")
    axes.set_title(
        NAMES.get(subject.name, "a made stream: the concept turns three times"), fontsize=9, loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)


def _curve(right: Sequence[bool], begin: int, window: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows, and the share that was right in the `window` before each."""
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(right, np.float64))])
    ends = np.unique(np.linspace(window, len(right), POINTS).astype(np.int64))
    return begin + ends.astype(np.float64), (sums[ends] - sums[ends - window]) / window
