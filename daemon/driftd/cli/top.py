"""`driftd top`: what is open and how models are, as it changes. Rule: what was seen last stays, and is called old."""

import os
import select
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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
NARROW: Final = 120
"""Columns of a terminal below which LESS is left out."""
LESS: Final = frozenset(
    {"id", "incident", "version", "predictions", "performance", "attempt", "commits", "restarts"}
)
LONG: Final = frozenset({"what changed", "cannot judge"})
LONG_WIDTH_MIN: Final = 18


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
        Console().print(Frame(seen))
    else:
        _live(client, seen, interval_seconds)
    return EXIT_OK


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, as wide as it may be. `trouble` is why it could not be looked again."""

    seen: Seen
    trouble: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        seen, worker = self.seen, self.seen.worker
        yield Text(head(seen), style="bold" if worker["ready"] else "bold red")
        yield from (Text(f"  {plain(one)}", style="red") for one in worker["reasons"])
        if self.trouble is not None:
            yield Text(f"this is old: {plain(self.trouble)}", style="bold red")
        if seen.stale is not None:
            yield Text(f"what is open is old: {seen.stale}", style="bold red")
        without = LESS if options.max_width < NARROW else frozenset({"incident"})
        if seen.incidents is None or seen.requests is None:
            yield Text(f"what is open is not known yet: {seen.why_not}", style="bold magenta")
        else:
            incidents = incident_rows(seen.incidents)
            yield from _table("incidents", INCIDENT_HEADERS, incidents, "none is open", without)
        yield from _table(
            "models", MODEL_HEADERS, model_rows(seen.models), counted_states(seen.models), without
        )
        if seen.requests is not None and seen.requests["requests"]:
            yield from _table("retraining", REQUEST_HEADERS, request_rows(seen.requests), "", without)
        owned = "none: another worker owns them"
        yield from _table("shards", SHARD_HEADERS, shard_rows(worker), owned, without)


def _table(
    title: str, headers: Sequence[str], rows: Rows, empty: str, without: Collection[str]
) -> Iterator[RenderableType]:
    if not rows:
        yield Text.assemble("\n", (title, "bold"), f"  {empty}")
        return
    made = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    shown = [header not in without for header in headers]
    for header in (header for header in headers if header not in without):
        if header in LONG:
            made.add_column(header, header_style="dim", overflow="fold", min_width=LONG_WIDTH_MIN)
        else:
            least = max(map(len, STYLES)) if header == "state" else None
            made.add_column(header, header_style="dim", overflow="ellipsis", no_wrap=True, min_width=least)
    for row in rows:
        cells = [cell for cell, is_shown in zip(row, shown, strict=True) if is_shown]
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    yield ""
    yield made


def _live(client: ApiClient, seen: Seen, interval_seconds: float) -> None:
    with _keys() as is_end, Live(Frame(seen), screen=True, auto_refresh=False) as live:
        while not is_end(interval_seconds):
            trouble = None
            try:
                seen = look(client)
            except DriftdError as error:
                trouble = str(error)
            live.update(Frame(seen, trouble), refresh=True)


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
