"""`driftd replay`: recordings through the same engine that the daemon runs, without a broker."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from cyclopts import Parameter

from driftd.cli.config_file import read_config
from driftd.cli.output import Format, note, say, say_json
from driftd.cli.periods import performance_document, period_lines
from driftd.cli.reference_file import read_references
from driftd.cli.story import doubts, lines_of, summary
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.status import model_performance
from driftd.errors import EXIT_FINDINGS, EXIT_OK
from driftd.shells.recording import RecordingReader
from driftd.shells.replay import replay as run_replay

OUT_FILES: Mapping[OutputTopic, str] = {
    OutputTopic.ALERTS: "alerts.jsonl",
    OutputTopic.RETRAINING: "retraining.jsonl",
    OutputTopic.REJECTED: "rejected.jsonl",
}


class Listener:
    """Takes each event that comes out: prints it, writes it to its file, counts it."""

    def __init__(self, format_: Format, files: Mapping[OutputTopic, BinaryIO]) -> None:
        self.format = format_
        self.files = files
        self.told: dict[OutputTopic, int] = dict.fromkeys(OutputTopic, 0)

    def __call__(self, event: OutputEvent) -> None:
        """Take `event`."""
        self.told[event.topic] += 1
        if event.topic is OutputTopic.INCIDENTS:
            return  # what was commanded, only remembered for those that come later
        if event.topic in self.files:
            self.files[event.topic].write(event.value + b"\n")
        if self.format == "json":
            say(event.value.decode())
        elif event.topic is not OutputTopic.REJECTED:
            self.show(event)

    def show(self, event: OutputEvent) -> None:
        """Print `event` for a person."""
        say(lines_of(event))


def replay(
    files: Annotated[Sequence[Path], Parameter(negative=())],
    /,
    *,
    config: Path | None = None,
    format: Format = "text",
    out: Path | None = None,
    fail_on: Literal["alert"] | None = None,
) -> int:
    """Run recordings through the same engine, without a broker.

    Parameters
    ----------
    files
        Recordings, replayed one after the other: JSON lines as `kcat -J` writes them, also .gz or .zst.
    config
        The configuration file.
    format
        text tells a person what happened; json prints every event that comes out as one CloudEvent per line, and after
        those a line of type periods for each model that has labels: how it does, by the time of predictions.
    out
        A directory to write alerts.jsonl, retraining.jsonl and rejected.jsonl to.
    fail_on
        alert: exit with 1 if an alert was opened.
    """
    settings = read_config(config)
    engine = Engine(settings, references=read_references(settings))
    with ExitStack() as stack:
        listener = Listener(format, open_outputs(out, stack))
        opened = replay_files(engine, files, listener)
    return EXIT_FINDINGS if fail_on == "alert" and opened else EXIT_OK


def open_outputs(out: Path | None, stack: ExitStack) -> dict[OutputTopic, BinaryIO]:
    """The files to write events to, by topic; closed with `stack`."""
    if out is None:
        return {}
    out.mkdir(parents=True, exist_ok=True)
    return {topic: stack.enter_context((out / name).open("wb")) for topic, name in OUT_FILES.items()}


def replay_files(engine: Engine, files: Sequence[Path], listener: Listener) -> int:
    """Replay `files` one after the other and tell how it went; how many alerts were opened."""
    records, seconds = 0, 0.0
    for path in files:
        reader = RecordingReader(path)
        ran = run_replay(engine, reader, listener)
        records, seconds = records + ran.records, seconds + ran.seconds
        if reader.cut_line is not None:
            note(
                f"{path}:{reader.cut_line}: the recording is cut off in this line; all lines before it were replayed."
            )
    totals: dict[str, int] = {}
    for monitor in engine.status().models:
        for name, count in monitor.counters.items():
            totals[name] = totals.get(name, 0) + count
    note(summary(engine.counters, totals, records, seconds))
    for model in engine.status().models:
        for line in doubts(model):
            note(line)
    for name in sorted(engine.monitors):
        performance = model_performance(engine.monitors[name])
        for line in period_lines(performance):
            note(line)
        if listener.format == "json" and performance.periods:
            say_json(performance_document(performance))
    return totals.get("alerts_opened", 0)
