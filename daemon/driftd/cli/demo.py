"""`driftd demo`: a real stream that ships with the package, and what driftd finds in it beside what is known."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

from driftd.cli.demo_listener import Remembering
from driftd.cli.demo_speech import demo_speech
from driftd.cli.output import Format, note, say, table
from driftd.cli.replay import open_outputs, replay_files
from driftd.cli.story import minute
from driftd.config import Config
from driftd.engine.engine import Engine

HOUR_MS = 3_600_000
LOSSES = ("concept_drift", "performance")

CONFIG = Config.model_validate({"defaults": {"labels": {"period_ms": 7 * 24 * HOUR_MS}}})
"""The defaults, but for the periods: 48 labels a day are too few to tell a day by."""

INTRODUCTION = """
The electricity market of New South Wales, 1996 to 1998: a model says each half hour whether the price will be up. It
was trained on the first 125 days and then frozen; the truth comes half an hour later. driftd sees what it would see as
a daemon: predictions and labels, one after the other.
"""


def demo(
    stream: Literal["elec2", "speech"] = "elec2",
    /,
    *,
    out: Path = Path("driftd-demo"),
    format: Format = "text",
) -> None:
    """Replay a real stream that ships with driftd, and show what is found in it.

    Parameters
    ----------
    stream
        elec2 is an electricity market with a frozen model; speech a speech recogniser, to which eleven things happen.
    out
        The directory that alerts.jsonl and retraining.jsonl are written to.
    format
        text tells a person what happened; json prints every event as one CloudEvent per line.
    """
    if stream == "speech":
        demo_speech(out, format)
        return
    shipped = files("driftd") / "demo"
    facts = json.loads((shipped / "elec2.json").read_text(encoding="utf-8"))
    if format == "text":
        say(INTRODUCTION)
    with ExitStack() as stack:
        recording = stack.enter_context(as_file(shipped / "elec2.jsonl.gz"))
        listener = Remembering(format, open_outputs(out, stack))
        replay_files(Engine(CONFIG), [recording], listener)
    if format == "text":
        say(
            f"({listener.left_out} updates of these, and requests that expired unanswered, are left out here)"
        )
        say("\nWhat is known of this stream, and what driftd said of it:\n")
        say(known_and_said(facts["facts"], listener.alerts))
        say(
            "\nHow often the model was right, by quarter, and whether driftd said that it was getting worse:\n"
        )
        say(accuracy_and_said(facts["accuracy_by_quarter"], listener.alerts))
    note(f"\nall that came out, as events: {out / 'alerts.jsonl'}, {out / 'retraining.jsonl'}")


def known_and_said(facts: Sequence[dict[str, Any]], alerts: Sequence[dict[str, Any]]) -> str:
    """Each fact beside the first alert that names its signal from then on."""
    rows = []
    for fact in facts:
        alert, contributor = first_alert(fact, alerts)
        said, delay = "nothing", ""
        if alert is not None and contributor is not None:
            said = f"{alert['kind']}: {fact['signal'].removeprefix('features.')} {contributor['change']}"
            delay = f"{(alert['decided']['at_ms'] - fact['at_ms']) / HOUR_MS:.0f} h later"
        rows.append((minute(fact["at_ms"]), fact["fact"], delay, said))
    return "\n".join(f"{when}  known  {fact}\n{delay:>16}  said   {said}" for when, fact, delay, said in rows)


def first_alert(
    fact: dict[str, Any], alerts: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The first alert since the fact that names its signal, and how it names it."""
    for alert in alerts:
        told_at_ms = alert["decided"]["at_ms"]
        if told_at_ms < fact["at_ms"] or alert["phase"] != "open":
            continue
        for contributor in alert["contributors"]:
            if contributor["signal"] == fact["signal"]:
                return alert, contributor
    return None, None


def accuracy_and_said(quarters: Sequence[dict[str, Any]], alerts: Sequence[dict[str, Any]]) -> str:
    """Each quarter's accuracy beside the losses that were open in it."""
    spans: dict[str, tuple[int, int]] = {}
    for alert in alerts:
        if alert["kind"] in LOSSES:
            end = alert["decided"]["at_ms"] if alert["phase"] == "resolved" else 2**62
            spans[alert["incident_id"]] = (alert["opened_at_ms"], end)
    rows = []
    for quarter, following in zip(quarters, [*quarters[1:], {"from_ms": 2**62}], strict=True):
        opened = sum(1 for begin, _ in spans.values() if quarter["from_ms"] <= begin < following["from_ms"])
        going = sum(
            1 for begin, end in spans.values() if begin < following["from_ms"] and end > quarter["from_ms"]
        )
        said = f"opened {opened}" if opened else ("still open" if going else "")
        bar = "#" * round(quarter["accuracy"] * 40)
        rows.append((minute(quarter["from_ms"])[:10], f"{quarter['accuracy']:.1%}", bar, said))
    return table(("from", "right", "", "loss of performance"), rows)
