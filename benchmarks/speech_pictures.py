"""The pictures of docs/speech.md, out of the demo's recording. Rule: the same recording draws the same bytes.

`python -m benchmarks.speech_pictures` runs it through an engine, and draws what happened, what was said of it and when.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.pictures import folder_of, reproducible, save_all
from driftd.cli.demo_speech import CONFIG_TEXT
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputTopic
from driftd.shells.recording import RecordingReader

ROOT = Path(__file__).parents[1]
FONT_SIZE = 8
SHIPPED = ROOT / "daemon" / "driftd" / "demo"
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
BEGAN_MS = 1_780_272_000_000
"""Monday, 2026-06-01, 00:00 UTC."""
DAYS_SHOWN = 80
TICK_DAYS = 14
MONTHS = {6: "June", 7: "July", 8: "August"}
DIGITS = "voice-digits"
BY_WEEK = CONFIG_TEXT.replace("[[models]]", f"[defaults.labels]\nperiod_ms = {WEEK_MS}\n\n[[models]]", 1)
COLORS = {"data": "#d55e00", "labels": "#cc79a7", "modeling": "#009e73", "deployment": "#0072b2"}
BLUE, GRAY = "#0072b2", "#8c8c8c"


@dataclass(slots=True)
class Lived:
    """What an engine knew and said, word error by when its week began.

    `alerts` are those that opened a story, and those that named another stage for it, in order of time. `estimated` is
    what was known when the week ended, mostly before its labels, with its interval; `realised` what all of its labels
    say.
    """

    estimated: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    realised: dict[int, float] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> list[Path]:
    """Draw as `argv` says; the files that were written."""
    folder = folder_of(argv, __doc__)
    reproducible(FONT_SIZE)
    happenings = json.loads((SHIPPED / "speech.json").read_text(encoding="utf-8"))["happenings"]
    records = [record for chunk in RecordingReader(SHIPPED / "speech.jsonl.zst") for record in chunk]
    lives = lived(records)
    drawn = {
        "speech-weeks.svg": draw_weeks(lives, happenings),
        "speech-said.svg": draw_said(lives, happenings),
    }
    return save_all(folder, drawn)


def lived(records: Sequence[Record]) -> Lived:
    """Let an engine live through `records`, and ask it at the end of each week."""
    engine, lives = Engine(load_config(BY_WEEK, "speech.toml")), Lived()
    stages: dict[str, str] = {}
    begin = 0
    while begin < len(records):
        end_ms = (records[begin].timestamp_ms // WEEK_MS + 1) * WEEK_MS
        end = begin
        while end < len(records) and records[end].timestamp_ms < end_ms:
            end += 1
        for event in engine.apply(records[begin:end]).events:
            if event.topic is OutputTopic.ALERTS:
                alert = json.loads(event.value)["data"]
                if stages.get(alert["incident_id"]) != alert["stage"]:
                    lives.alerts.append(alert)
                stages[alert["incident_id"]] = alert["stage"]
        for one in engine.monitors[DIGITS].performance.full_report(end_ms):
            accuracy, low, high = one.estimated.get("estimated_accuracy", (None, None, None))
            if (
                one.start_ms + WEEK_MS == end_ms
                and accuracy is not None
                and low is not None
                and high is not None
            ):
                lives.estimated[one.start_ms] = 1 - accuracy, 1 - high, 1 - low
        begin = end
    lives.realised = realised_of(records)
    return lives


def realised_of(records: Sequence[Record]) -> dict[int, float]:
    """By when a week began, the share of its labelled predictions whose label is another word."""
    made: dict[str, tuple[int, str]] = {}
    wrong: dict[int, list[bool]] = {}
    for record in records:
        event = json.loads(record.value or b"{}")
        if event.get("model") != DIGITS:
            continue
        if record.topic == "predictions":
            made[event["prediction_id"]] = event["at_ms"] // WEEK_MS * WEEK_MS, event["prediction"]
        elif record.topic == "labels":
            week, answer = made[event["prediction_id"]]
            wrong.setdefault(week, []).append(answer != event["label"])
    return {week: sum(those) / len(those) for week, those in sorted(wrong.items())}


def day_of(at_ms: float) -> float:
    """A time in milliseconds as days since the stream began."""
    return (at_ms - BEGAN_MS) / DAY_MS


def draw_weeks(lives: Lived, happenings: Sequence[Mapping[str, Any]]) -> Figure:
    """Word error of each week, estimated and realised; accidents are shaded, alerts are lines."""
    figure = Figure(figsize=(8.6, 3.6))
    axes = figure.add_subplot()
    for one in happenings:
        if one["model"] == DIGITS and one["stage"] is not None:
            axes.axvspan(*_span(one), color=COLORS[one["stage"]], alpha=0.15, lw=0)
    middle = [day_of(start_ms + WEEK_MS / 2) for start_ms in lives.realised]
    axes.plot(
        middle,
        list(lives.realised.values()),
        "o-",
        color="black",
        ms=4,
        lw=1,
        label="realised: all transcripts",
    )
    told = list(lives.estimated.values())
    axes.errorbar(
        [day_of(start_ms + WEEK_MS / 2) for start_ms in lives.estimated],
        [value for value, _, _ in told],
        [[value - low for value, low, _ in told], [high - value for value, _, high in told]],
        fmt="s:",
        color=BLUE,
        mfc="white",
        ms=4,
        lw=1,
        label="estimated when the week ended",
    )
    for alert in lives.alerts:
        if alert["model"] == DIGITS:
            axes.axvline(day_of(alert["decided"]["at_ms"]), ymin=0.94, color=COLORS[alert["stage"]], lw=1.4)
    for stage, color in COLORS.items():
        axes.plot([], [], "|", color=color, ms=9, mew=1.6, label=f"alert: go back to {stage}")
    axes.set_ylabel("word error of a week")
    axes.set_ylim(0, None)
    _dates(axes)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    return figure


def draw_said(lives: Lived, happenings: Sequence[Mapping[str, Any]]) -> Figure:
    """What happened, a line each, and the alerts of its model in that time."""
    figure = Figure(figsize=(8.6, 3.4))
    axes = figure.add_subplot()
    for row, one in enumerate(reversed(happenings)):
        begin, end = _span(one)
        color = GRAY if one["stage"] is None else COLORS[one["stage"]]
        axes.barh(row, end - begin, left=begin, height=0.6, color=color, alpha=0.35)
        for alert in lives.alerts:
            at = day_of(alert["decided"]["at_ms"])
            if alert["model"] == one["model"] and begin <= at <= end:
                axes.plot([at], [row], "o", color=COLORS[alert["stage"]], ms=5)
    axes.set_yticks(range(len(happenings)), [one["fact"].partition(":")[0] for one in reversed(happenings)])
    for stage, color in COLORS.items():
        axes.plot([], [], "o", color=color, ms=5, label=f"go back to {stage}")
    axes.barh(-9, 0, color=GRAY, alpha=0.35, label="harmless")
    axes.set_ylim(-0.6, len(happenings) - 0.4)
    _dates(axes)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    return figure


def _span(happening: Mapping[str, Any]) -> tuple[float, float]:
    return day_of(happening["from_ms"]), day_of(happening["until_ms"])


def _dates(axes: Axes) -> None:
    days = range(0, DAYS_SHOWN, TICK_DAYS)
    names = [datetime.fromtimestamp(BEGAN_MS / 1_000 + day * 86_400, UTC) for day in days]
    axes.set_xticks(list(days), [f"{name.day} {MONTHS[name.month]}" for name in names])
    axes.set_xlim(0, DAYS_SHOWN)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
