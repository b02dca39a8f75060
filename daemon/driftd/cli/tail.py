"""`driftd tail`: what is in the topics that driftd writes, as lines for a person or JSON for a program."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from driftd.cli.event_lines import event_lines
from driftd.cli.kafka_topics import cluster, time_or_ago_ms
from driftd.cli.output import Format, note, say, say_json
from driftd.errors import EXIT_OK, BadInput
from driftd.subscribe import Alert, Rejected, Request, Selection, Skipped, Start, Subscription
from driftd.subscribe.sieve import Sieve

Topic = Literal["alerts", "retraining", "rejected"]

Told = Alert | Request | Rejected
WANTED: Mapping[str, type[Told]] = {"alerts": Alert, "retraining": Request, "rejected": Rejected}


def tail(
    topic: Topic,
    /,
    *,
    since: str | None = None,
    from_beginning: bool = False,
    open: bool = False,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    model: Annotated[Sequence[str], Parameter(negative=())] = (),
    config: Path | None = None,
    format: Format = "text",
) -> int:
    """Show alerts, retraining requests or rejected events: what is open now, or since when you say.

    Parameters
    ----------
    topic
        alerts, retraining or rejected.
    since
        Show what was published since this time, 2026-03-01T06:00:00Z, or so long ago, 2h.
    from_beginning
        Show all that the topic holds: the default of rejected.
    open
        Show what is open now: the default of alerts and retraining.
    follow
        Then wait for more, until Ctrl-C.
    model
        Show only models that match one of these patterns, with * and ?.
    config
        The configuration file: it names the brokers and the topics.
    format
        text for a person, json for a program: one event per line.
    """
    kafka, topics = cluster(config)
    start = _start(topic, since, from_beginning=from_beginning, is_open=open)
    selection = Selection(models=tuple(model) or None)
    name = {"alerts": topics.alerts, "retraining": topics.retraining, "rejected": topics.rejected}[topic]
    sieve = Sieve[Told](WANTED[topic], selection, _tell_skipped)
    subscription = Subscription(kafka, topics, name, sieve, group=None, start=start, follow=follow)
    told = 0
    with subscription as events:
        for event in events:
            told += 1
            if format == "json":
                say_json(event.model_dump(mode="json"))
            else:
                say(event_lines(event))
            sys.stdout.flush()  # who reads a pipe reads each event when it comes
    if not told and format == "text":
        note({"open": f"Nothing is open in {name}."}.get(str(start), f"Nothing like that is in {name}."))
    return EXIT_OK


def _start(topic: Topic, since: str | None, *, from_beginning: bool, is_open: bool) -> Start:
    """Where to begin. Raises BadInput where options contradict each other."""
    if (since is not None) + from_beginning + is_open > 1:
        raise BadInput("--since, --from-beginning and --open are three ways to begin. Take one.")
    if since is not None:
        return time_or_ago_ms("--since", since, time.time_ns() // 1_000_000)
    if topic == "rejected":
        if is_open:
            raise BadInput("a rejected event is not open. Take --since, or --from-beginning.")
        return "beginning"
    return "beginning" if from_beginning else "open"


def _tell_skipped(skipped: Skipped) -> None:
    note(f"skipped: {skipped}")
