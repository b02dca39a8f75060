"""`driftd top`: what is open and how models are, as it changes. Rule: what was seen last stays, and is called old."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from driftd.cli.output import Format, say_json
from driftd.cli.running import (
    INCIDENT_HEADERS,
    MODEL_HEADERS,
    REQUEST_HEADERS,
    SHARD_HEADERS,
    Rows,
    Seen,
    connect,
    counted_states,
    incident_rows,
    look,
    model_rows,
    plain,
    request_rows,
    shard_rows,
)
from driftd.cli.status import head
from driftd.errors import EXIT_OK, DriftdError
from driftd.shells.api_client import ApiClient

STYLES: Final = {
    "critical": "bold red",
    "warning": "yellow",
    "incident": "bold red",
    "cannot judge": "bold magenta",
    "partly judged": "cyan",
    "quiet": "green",
}
"""By the text of the cell. What cannot be judged is never green."""


def top(
    *,
    config: Path | None = None,
    url: str | None = None,
    interval_seconds: Annotated[float, Parameter(validator=Number(gte=0.1, lte=3600))] = 2.0,
    once: bool = False,
    format: Format = "text",
) -> int:
    """Show what is open and how models are, as it changes; q or Ctrl-C ends it.

    Parameters
    ----------
    config
        The configuration file: it says where the daemon listens, and which variable holds its token.
    url
        Another address, like http://127.0.0.1:9464.
    interval_seconds
        How often to look (seconds, 0.1 to 3600).
    once
        Look once, print it, and end.
    format
        text for a person, json for a program: one document per look.
    """
    client = connect(config, url)
    seen = look(client)
    if format == "json":
        say_json(seen.document())
        while not once:
            time.sleep(interval_seconds)
            say_json(look(client).document())
    elif once:
        Console().print(frame(seen))
    else:
        _live(client, seen, interval_seconds)
    return EXIT_OK


def frame(seen: Seen, trouble: str | None = None) -> RenderableType:
    """One picture. `trouble` is why it could not be looked again."""
    worker = seen.worker
    title = Text(head(seen), style="bold" if worker["ready"] else "bold red")
    parts: list[RenderableType] = [
        title,
        *(Text(f"  {plain(one)}", style="red") for one in worker["reasons"]),
    ]
    if trouble is not None:
        parts.append(Text(f"this is old: {plain(trouble)}", style="bold red"))
    if seen.stale is not None:
        parts.append(Text(f"what is open is old: {seen.stale}", style="bold red"))
    if seen.incidents is None or seen.requests is None:
        parts.append(Text(f"what is open is not known yet: {seen.why_not}", style="bold magenta"))
    else:
        incidents = [
            row[:-1] for row in incident_rows(seen.incidents)
        ]  # ids are long; `driftd status` has them
        parts.append(_table("incidents", INCIDENT_HEADERS[:-1], incidents, "none is open"))
    parts.append(_table("models", MODEL_HEADERS, model_rows(seen.models), counted_states(seen.models)))
    if seen.requests is not None and seen.requests["requests"]:
        parts.append(_table("retraining", REQUEST_HEADERS, request_rows(seen.requests), ""))
    parts.append(_table("shards", SHARD_HEADERS, shard_rows(worker), "none: another worker owns them"))
    return Group(*parts)


def _table(title: str, headers: Sequence[str], rows: Rows, empty: str) -> RenderableType:
    if not rows:
        return Text.assemble("\n", (title, "bold"), f"  {empty}")
    made = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for header in headers:
        last = header == headers[-1]
        made.add_column(header, header_style="dim", overflow="fold" if last else "ellipsis", no_wrap=not last)
    for row in rows:
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return Group("", made)


def _live(client: ApiClient, seen: Seen, interval_seconds: float) -> None:
    with _keys() as is_end, Live(frame(seen), screen=True, auto_refresh=False) as live:
        while not is_end(interval_seconds):
            trouble = None
            try:
                seen = look(client)
            except DriftdError as error:
                trouble = str(error)
            live.update(frame(seen, trouble), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Waits so many seconds, or until a key is pressed; whether that was q. Without a terminal it only waits."""
    if not sys.stdin.isatty():

        def wait(seconds: float) -> bool:
            time.sleep(seconds)
            return False

        yield wait
        return
    import termios  # noqa: PLC0415 - only where there is a terminal
    import tty  # noqa: PLC0415

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed(seconds: float) -> bool:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return bool(ready) and os.read(descriptor, 1) in (b"q", b"Q", b"\x04", b"")

    tty.setcbreak(descriptor)
    try:
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
