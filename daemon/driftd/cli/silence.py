"""`driftd silence` and `driftd maintenance`: who is not to be woken by what, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from driftd.cli.commanding import Giving, checked, give
from driftd.cli.kafka_topics import cluster, duration_ms, open_events, the_one, time_ms
from driftd.cli.output import Format, say, say_json, table
from driftd.cli.story import minute
from driftd.contract.events_in import Command
from driftd.contract.events_out import SilenceData
from driftd.errors import EXIT_OK, BadInput
from driftd.subscribe.events import Silence
from driftd.subscribe.following import Outcome


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Window:
    """For which models, and from when until when."""

    model: str
    """The model, or a pattern with * and ? (in quotes, or the shell takes it for files)."""
    for_: Annotated[str | None, Parameter(name="--for")] = None
    """How long it holds, such as 2h."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """From when on it holds, such as 2026-03-01T06:00:00Z; default: at once."""
    until: str | None = None
    """Until when it holds, instead of --for."""


def add(
    *,
    window: Window,
    kind: str | None = None,
    signal: Annotated[Sequence[str], Parameter(negative=())] = (),
    incident: str | None = None,
    giving: Giving | None = None,
) -> int:
    """Let incidents that match wake nobody for a time; they are told all the same, marked as silenced.

    Parameters
    ----------
    kind
        The kind of incident; default: all.
    signal
        A pattern of signals, such as "features.amount*"; may be given several times. An incident all of whose signals
        match is silenced.
    incident
        The one incident that is meant.
    """
    more = {"kind": kind, "signals": list(signal) or None, "incident_id": incident}
    return _add("silence", window, giving or Giving(), **more)


def add_maintenance(*, window: Window, giving: Giving | None = None) -> int:
    """Let models that match wake nobody for a time, nor ask for retraining, whatever happens."""
    return _add("maintenance", window, giving or Giving())


def _add(action: str, window: Window, giving: Giving, **more: object) -> int:
    from_ms = None if window.from_ is None else time_ms("--from", window.from_)
    until_ms = _until(giving.at_ms if from_ms is None else from_ms, window, giving.at_ms)
    fields = {"action": action, "model": window.model, "from_ms": from_ms, "until_ms": until_ms, **more}
    command = checked(Command, **giving.command_fields(), **fields)

    def done(outcome: Outcome) -> str:
        begun = [
            e.data for e in outcome.changed.values() if isinstance(e, Silence) and _is_of(e.data, command)
        ]
        names = ", ".join(data.silence_id for data in begun) or action
        return f"{names}: {window.model} wakes nobody until {minute(until_ms)} UTC."

    return give(giving, window.model, command, done)


def _until(from_ms: int, window: Window, at_ms: int) -> int:
    """Until when it holds. Raises BadInput where that is not said once, or is over already."""
    if window.until is not None and window.for_ is None:
        until_ms = time_ms("--until", window.until)
    elif window.for_ is not None and window.until is None:
        until_ms = from_ms + duration_ms("--for", window.for_)
    else:
        raise BadInput("say until when it holds, once: --for 2h, or --until 2026-03-01T06:00:00Z.")
    if until_ms <= max(from_ms, at_ms):
        raise BadInput(
            f"{minute(until_ms)} UTC is over by then. Take a later time for --until, or a longer --for."
        )
    return until_ms


def _is_of(data: SilenceData, command: Command) -> bool:
    return (data.model, data.who, data.until_ms) == (command.model, command.who, command.until_ms)


def list_silences(*, config: Path | None = None, format: Format = "text") -> int:
    """Show the silences that hold, or will.

    Parameters
    ----------
    config
        The configuration file: it names the brokers and the topics.
    format
        text for a person, json for a program: one per line.
    """
    return _list(maintenance=False, config=config, format_=format)


def list_maintenance(*, config: Path | None = None, format: Format = "text") -> int:
    """Show the maintenance windows that hold, or will.

    Parameters
    ----------
    config
        The configuration file: it names the brokers and the topics.
    format
        text for a person, json for a program: one per line.
    """
    return _list(maintenance=True, config=config, format_=format)


def _list(*, maintenance: bool, config: Path | None, format_: Format) -> int:
    silences = [event.data for event in open_events(*cluster(config)) if isinstance(event, Silence)]
    chosen = [data for data in silences if data.maintenance is maintenance]
    if format_ == "json":
        for data in chosen:
            say_json(data.model_dump(mode="json"))
        return EXIT_OK
    rows = [
        (
            one.silence_id,
            one.model,
            _what(one),
            minute(one.from_ms),
            minute(one.until_ms),
            one.who,
            one.why or "",
        )
        for one in sorted(chosen, key=lambda data: data.until_ms)
    ]
    headers = ("id", "model", "what", "from (UTC)", "until (UTC)", "who", "why")
    nothing = f"There is no {'maintenance window' if maintenance else 'silence'}."
    say(table(headers, rows) if rows else nothing)
    return EXIT_OK


def _what(data: SilenceData) -> str:
    parts = [data.kind or "", data.incident_id or "", " ".join(data.signals)]
    return ", ".join(filter(None, parts)) or "everything"


def expire(id: str, /, *, giving: Giving | None = None) -> int:
    """End a silence or a maintenance window now.

    Parameters
    ----------
    id
        The silence; as much of its id as is unique is enough.
    """
    given = giving or Giving()
    silences = [event for event in open_events(*given.cluster()) if isinstance(event, Silence)]
    data = the_one(silences, id, lambda silence: silence.data.silence_id, "silence").data
    command = checked(
        Command, **given.command_fields(), action="expire", model=data.model, silence_id=data.silence_id
    )
    return give(given, data.model, command, lambda _: f"{data.silence_id} of {data.model} is over.")
