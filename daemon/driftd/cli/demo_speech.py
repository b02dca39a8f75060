"""`driftd demo speech`: eleven weeks of a speech recogniser, what happened in them, and what driftd said of each."""

import json
import textwrap
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from driftd.cli.demo_listener import Remembering
from driftd.cli.output import Format, note, say
from driftd.cli.replay import open_outputs, replay_files
from driftd.cli.story import INDENT, WIDTH, minute
from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.detectors.base import Effect
from driftd.engine.engine import Engine
from driftd.shells.recording import RecordingReader

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
SETTLING_MS: Final = DAY_MS
"""Labels come hours late, so what is said within a day after an accident may still be about it."""

CONFIG_TEXT: Final = """
# At 260 predictions a day an incident of the inputs is over after a quiet day, not four.
[defaults.incidents]
keep_open_panes = 16

# At 60 a day it would take three months to see 5,000.
[[models]]
name = "voice-codes"
[models.reference]
reference_events = 1100
[models.labels]
reference_events = 800
"""
"""The defaults, but for what these say."""

INTRODUCTION = """
A warehouse, from June 2026 on: pickers say check digits into headsets, the office dictates codes. A speech recogniser
answers; people write down what was said, hours later. The speech is real, the recogniser too (PocketSphinx); what
happens to both was put in by a table.
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An alert about a happening, and how many predictions and hours after its beginning it was opened."""

    alert: Mapping[str, Any]
    events: int
    hours: float

    @property
    def change(self) -> str:
        """What changed most, in words."""
        first = self.alert["contributors"][0]
        claim = first["claim"] is not None or first["effect"] == Effect.SILENCE
        return str(
            first["change"] if claim else f"{first['signal'].removeprefix('features.')} {first['change']}"
        )


def demo_speech(out: Path, format_: Format) -> None:
    """Replay the recording; print what happened beside what driftd said, or the events that came out."""
    shipped = files("driftd") / "demo"
    facts = json.loads((shipped / "speech.json").read_text(encoding="utf-8"))
    if format_ == "text":
        say(INTRODUCTION)
    with ExitStack() as stack:
        recording = stack.enter_context(as_file(shipped / "speech.jsonl.zst"))
        listener = Remembering(format_, open_outputs(out, stack))
        replay_files(Engine(load_config(CONFIG_TEXT, "speech.toml")), [recording], listener)
        times = prediction_times(RecordingReader(recording))
    if format_ == "text":
        say(f"({listener.left_out} updates of these, and requests that are over, are left out here)")
        say("\nWhat happened, and what driftd said of it:\n")
        say("\n".join(table_lines(facts["happenings"], listener.alerts, times)))
        say(version_lines(facts["version_2"], listener.requests))
        say(f"\nfalse pages: {len(false_pages(facts['happenings'], listener.alerts))}")
    note(f"\nall that came out, as events: {out / 'alerts.jsonl'}, {out / 'retraining.jsonl'}")


def prediction_times(recording: Iterable[Sequence[Record]]) -> Mapping[str, Sequence[int]]:
    """The times of the predictions in a recording, in milliseconds, by model."""
    times: dict[str, list[int]] = {}
    for chunk in recording:
        for record in chunk:
            if record.topic == "predictions":
                times.setdefault((record.key or b"").decode(), []).append(record.timestamp_ms)
    return times


def is_about(alert: Mapping[str, Any], happening: Mapping[str, Any]) -> bool:
    """Whether `alert` was decided while `happening` went on, or soon after, and of the same model."""
    at_ms = alert["decided"]["at_ms"]
    told: bool = happening["from_ms"] <= at_ms < happening["until_ms"] + SETTLING_MS
    return told and alert["model"] == happening["model"]


def said_of(
    happening: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]], times: Mapping[str, Sequence[int]]
) -> list[Said]:
    """What driftd said of `happening`: of each stage the first alert, opened since then or a page."""
    by_stage: dict[str, Said] = {}
    for alert in alerts:
        is_new = alert["page"] or alert["opened_at_ms"] >= happening["from_ms"]
        if alert["phase"] == "open" and is_new and is_about(alert, happening):
            at_ms, begin = alert["decided"]["at_ms"], happening["from_ms"]
            model_times = times[happening["model"]]
            events = bisect_right(model_times, at_ms) - bisect_left(model_times, begin)
            by_stage.setdefault(alert["stage"], Said(alert, events, (at_ms - begin) / HOUR_MS))
    return list(by_stage.values())


def false_pages(
    happenings: Sequence[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The pages that are about no accident."""
    accidents = [one for one in happenings if one["stage"] is not None]
    return [one for one in alerts if one["page"] and not any(is_about(one, what) for what in accidents)]


def table_lines(
    happenings: Sequence[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
    times: Mapping[str, Sequence[int]],
) -> Iterator[str]:
    """Each happening, and below it what was said of it, the stage that is right first."""
    for one in happenings:
        kind = "harmless" if one["stage"] is None else "accident"
        yield f"{minute(one['from_ms'])}  {kind}  {one['model']}: {one['fact']}"
        told = said_of(one, alerts, times)
        for said in told:
            after = f"{said.events:,} predictions, {said.hours:,.0f} h later"
            yield textwrap.fill(
                f"{after:>35}: {said.alert['kind']}, go back to {said.alert['stage']}: {said.change}",
                WIDTH,
                subsequent_indent=INDENT,
            )
        if not told:
            yield f"{INDENT}nothing was said"


def version_lines(version: Mapping[str, Any], requests: Sequence[Mapping[str, Any]]) -> str:
    """When the new version went out, who had asked for it, and what became of the word error."""
    when, model = version["deployed_ms"], version["model"]
    errors = f"word error {version['word_error_before']:.1%} -> {version['word_error_after']:.1%}"
    asked = [one for one in requests if one["model"] == model and one["requested_at_ms"] < when]
    told = "nobody asked for it"
    if asked:
        hours = (when - asked[-1]["requested_at_ms"]) / HOUR_MS
        told = f"asked for {hours:,.0f} h before: {asked[-1]['cause']}, go back to {asked[-1]['stage']}"
    return f"{minute(when)}  deployed  {model}: version 2 takes steady noise away; {errors}\n{INDENT}{told}"
