"""The pictures of docs/labels.md, out of tests/recordings. Rule: the same recordings draw the same bytes.

`python -m benchmarks.label_pictures` runs them through an engine, and draws what it said and when.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.pictures import folder_of, reproducible, save_all
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.period_status import PeriodStatus
from driftd.shells.recording import RecordingReader

ROOT = Path(__file__).parents[1]
FONT_SIZE = 8
RECORDINGS = ROOT / "tests" / "recordings"
CONFIG = load_config((RECORDINGS / "config.toml").read_text(encoding="utf-8"), "config.toml")
EARLY = {
    "early_labels": "nothing changes",
    "early_labels_and_a_drop": "from 13:00 on five in a hundred more are wrong",
}
TRUTH_SHARE = 0.95
"""Of a period with so many of its labels it is known in the end how often it was right."""
SWAP_BIN_S = 120
DAY_S = 86_400
BLUE, RED, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#8c8c8c"


@dataclass(frozen=True, slots=True)
class Period:
    """The accuracy of a period: what was known of it in the moment when it ended, and what is true, None if unknown."""

    hour: float
    as_labelled: float | None
    corrected: tuple[float, float, float] | None
    estimated: float | None
    truth: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """An alert that was opened."""

    hour: float
    kind: str


def main(argv: Sequence[str] | None = None) -> list[Path]:
    """Draw as `argv` says; the files that were written."""
    folder = folder_of(argv, __doc__)
    reproducible(FONT_SIZE)
    drawn = {"labels-early.svg": draw_early(), "labels-swapped.svg": draw_swapped("classes_swapped")}
    return save_all(folder, drawn)


def records_of(name: str) -> list[Record]:
    """The records of a recording."""
    return [record for chunk in RecordingReader(RECORDINGS / f"{name}.jsonl.zst") for record in chunk]


def event_of(record: Record) -> dict[str, Any]:
    """What stands in a record."""
    event: dict[str, Any] = json.loads(record.value or b"{}")
    return event


def hour_of(at_ms: int) -> float:
    """The hour of the day, in UTC."""
    return at_ms / 1_000 % DAY_S / 3_600


def lived(records: Sequence[Record], model: str) -> tuple[list[Period], list[Said]]:
    """What an engine knew of each period in the moment when it ended, and what it said."""
    engine, known, said = Engine(CONFIG), list[PeriodStatus](), list[Said]()
    period_ms = CONFIG.for_model(model).labels.period_ms
    first_ms = records[0].timestamp_ms // period_ms * period_ms
    for end_ms in range(first_ms + period_ms, records[-1].timestamp_ms + period_ms, period_ms):
        came = [record for record in records if end_ms - period_ms <= record.timestamp_ms < end_ms]
        said += opened(engine, came)
        known += engine.monitors[model].performance.full_report(end_ms)[-1:]
    truths = dict(truth_of(records, period_ms))
    return [
        Period(
            hour_of(one.start_ms + period_ms // 2),
            one.as_labelled.get("accuracy"),
            _interval(one.figures.get("accuracy")),
            one.estimated.get("estimated_accuracy", (None,))[0],
            truths.get(one.start_ms),
        )
        for one in known
    ], said


def _interval(told: tuple[float, float | None, float | None] | None) -> tuple[float, float, float] | None:
    if told is None or told[1] is None or told[2] is None:
        return None
    return told[0], told[1], told[2]


def opened(engine: Engine, records: Sequence[Record]) -> Iterator[Said]:
    """Let `engine` take `records`; the alerts that it opened."""
    for event in engine.apply(records).events:
        if event.event_type.endswith("alert.opened.v1"):
            data = json.loads(event.value)["data"]
            yield Said(hour_of(data["decided"]["at_ms"]), data["kind"])


def truth_of(records: Sequence[Record], period_ms: int) -> Iterator[tuple[int, float]]:
    """When each period began whose labels are in the recording, and the share of its predictions that were right."""
    made: dict[str, tuple[int, str]] = {}
    right: dict[int, list[bool]] = {}
    count: dict[int, int] = {}
    for event in map(event_of, records):
        if "prediction" in event:
            begin = event["at_ms"] // period_ms * period_ms
            made[event["prediction_id"]] = begin, event["prediction"]
            count[begin] = count.get(begin, 0) + 1
        else:
            begin, answer = made[event["prediction_id"]]
            right.setdefault(begin, []).append(answer == event["label"])
    for begin, labelled in right.items():
        if len(labelled) >= TRUTH_SHARE * count[begin]:
            yield begin, sum(labelled) / len(labelled)


def draw_early() -> Figure:
    """Accuracy of each period in the moment when it ends, where fraud is labelled ten times as fast as the rest."""
    figure = Figure(figsize=(8.6, 4.2))
    axes: Sequence[Axes] = figure.subplots(1, len(EARLY), sharey=True)
    for one, (name, title) in zip(axes, EARLY.items(), strict=True):
        periods, said = lived(records_of(name), "cards")
        _draw_periods(one, periods)
        for alert in said:
            _mark(one, alert.hour, "driftd: concept drift", GREEN, 0.96, -4)
        one.set_title(title, fontsize=9, loc="left")
        _hours(one, 2)
    axes[0].set_ylabel("accuracy when the period ends")
    figure.legend(
        *axes[0].get_legend_handles_labels(), frameon=False, loc="lower center", ncols=len(EARLY) * 2
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def _draw_periods(axes: Axes, periods: Sequence[Period]) -> None:
    truths = [(one.hour, one.truth) for one in periods if one.truth is not None]
    axes.plot(
        *zip(*truths, strict=True), "_", color="black", ms=9, mew=1.6, label="true: all labels, hours later"
    )
    naive = [(one.hour, one.as_labelled) for one in periods if one.as_labelled is not None]
    axes.plot(*zip(*naive, strict=True), color=RED, lw=1.2, label="the labels so far")
    estimated = [(one.hour, one.estimated) for one in periods if one.estimated is not None]
    axes.plot(*zip(*estimated, strict=True), ":", color=GRAY, lw=1.4, label="estimated without labels")
    corrected = [(one.hour, one.corrected) for one in periods if one.corrected is not None]
    axes.errorbar(
        [hour for hour, _ in corrected],
        [value for _, (value, _, _) in corrected],
        [
            [value - low for _, (value, low, _) in corrected],
            [high - value for _, (value, _, high) in corrected],
        ],
        fmt="o",
        color=BLUE,
        ms=4,
        lw=0.9,
        label="corrected, with its interval",
    )


def draw_swapped(name: str) -> Figure:
    """The share of the predictions "cat" that are labelled "dog", by when the label came."""
    records = records_of(name)
    said = list(opened(Engine(CONFIG), records))
    answers = {
        event["prediction_id"]: event["prediction"]
        for event in map(event_of, records)
        if "prediction" in event
    }
    is_dog: dict[int, list[bool]] = {}
    for event in map(event_of, records):
        if "label" in event and answers[event["prediction_id"]] == "cat":
            is_dog.setdefault(event["at_ms"] // 1_000 // SWAP_BIN_S, []).append(event["label"] == "dog")
    figure = Figure(figsize=(8.6, 2.8))
    axes = figure.add_subplot()
    hours = [hour_of((begin * SWAP_BIN_S + SWAP_BIN_S // 2) * 1_000) for begin in is_dog]
    axes.plot(
        hours, [100 * sum(part) / len(part) for part in is_dog.values()], "o-", color=BLUE, ms=3, lw=0.8
    )
    words = {"label_quality": "driftd: cat and dog are swapped", "concept_drift": "driftd: concept drift"}
    for i, alert in enumerate(said):
        _mark(axes, alert.hour, words[alert.kind], GRAY if i else GREEN, 0.45, 6 if i else -70)
    axes.set_ylabel('% of "cat" labelled "dog"')
    axes.set_ylim(-3, 103)
    _hours(axes, 0.25)
    figure.tight_layout()
    return figure


def _mark(axes: Axes, hour: float, words: str, color: str, y: float, away: float) -> None:
    """A line at `hour`, and `words` so many points `away` from it, to the left where that is below 0."""
    axes.axvline(hour, color=color, lw=1)
    axes.annotate(
        words,
        (hour, y),
        (away, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        color=color,
        va="center",
        ha="right" if away < 0 else "left",
        arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkA": 0, "shrinkB": 0},
    )


def _hours(axes: Axes, step: float) -> None:
    """Name the hours of the day below, `step` apart."""
    low, high = axes.get_xlim()
    ticks = [i * step for i in range(int(24 / step) + 1) if low <= i * step <= high]
    axes.set_xticks(ticks, [f"{int(tick):02}:{round(tick % 1 * 60):02}" for tick in ticks])
    axes.set_xlabel("UTC")
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
