"""How a command is given and what is said of it. Rule: a person is told what became of it, not that it was sent.

Exit codes: 0 it was followed; 1 it was refused; 69 no daemon answered in time: it stays in the log, and is followed
when one runs.
"""

import getpass
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter
from pydantic import BaseModel, ValidationError

from driftd.cli.kafka_topics import cluster, duration_ms
from driftd.cli.output import Format, note, say, say_json
from driftd.config import Topics
from driftd.contract.events_in import Command, RetrainingReply
from driftd.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNAVAILABLE, BadInput
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.following import Outcome, send_and_follow

PATTERN = frozenset("*?[")
M = TypeVar("M", bound=BaseModel)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Answering:
    """The options of all that a person says."""

    why: str | None = None
    """Why, in words."""
    wait: str = "15s"
    """How long to wait for the daemon's answer."""
    config: Path | None = None
    """The configuration file: it names the brokers and the topics."""
    format: Format = "text"
    """text for a person, json for a program."""
    at_ms: Annotated[int, Parameter(parse=False)] = field(default_factory=lambda: time.time_ns() // 1_000_000)
    """When it is given."""

    def cluster(self) -> tuple[KafkaSettings, Topics]:
        """How to reach the cluster, and its topics. Raises ConfigError."""
        return cluster(self.config)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Giving(Answering):
    """The options of all commands."""

    who: str | None = None
    """Who commands; default: user@host."""

    def command_fields(self) -> dict[str, Any]:
        """The fields that all commands have. Raises BadInput where nobody can tell who commands."""
        return {"type": "command", "who": self.who or _user(), "at_ms": self.at_ms, "why": self.why}


def checked(make: Callable[..., M], **fields: Any) -> M:
    """The event of `fields`. Raises BadInput where one is out of its bounds."""
    try:
        return make(**fields)
    except ValidationError as error:
        told = error.errors(include_url=False)
        raise BadInput("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in told)) from None


def give(
    giving: Answering, model: str, event: Command | RetrainingReply, done: Callable[[Outcome], str]
) -> int:
    """Send `event` to the shard of `model`, to all where that is a pattern, and tell what became of it.

    `done` words it where it was followed. Returns the exit code. Raises BrokerUnavailable, BadInput, ConfigError.
    """
    kafka, topics = giving.cluster()
    wait_ms = duration_ms("--wait", giving.wait)
    every = topics.shard_count > 1 and not PATTERN.isdisjoint(model)
    partitions = tuple(range(topics.shard_count)) if every else (None,)
    outcome = send_and_follow(kafka, topics, model, event, partitions=partitions, wait_ms=wait_ms)
    if giving.format == "json":
        say_json(_document(outcome))
    elif outcome.is_followed:
        say(done(outcome))
    elif outcome.rejections:
        refused = outcome.rejections[0].data
        note(f"driftd: refused ({refused.reason}): {refused.detail}")
    else:
        places = ", ".join(f"{one.topic}:{one.partition}:{one.offset}" for one in outcome.places)
        note(f"driftd: no daemon answered within {giving.wait}. What you said stands in {places}")
        note("and is followed when one runs.")
    if outcome.is_followed:
        return EXIT_OK
    return EXIT_FINDINGS if outcome.is_applied else EXIT_UNAVAILABLE


def _user() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # nobody in the password file, as in some containers
        raise BadInput("the name of the user cannot be told. Write --who NAME.") from None


def _document(outcome: Outcome) -> dict[str, Any]:
    """The outcome for a program."""
    state = "refused" if outcome.is_applied else "unanswered"
    return {
        "outcome": "followed" if outcome.is_followed else state,
        "places": [one._asdict() for one in outcome.places],
        "refused": [one.data.model_dump(mode="json") for one in outcome.rejections],
        "changed": {
            key: None if event is None else event.model_dump(mode="json")
            for key, event in outcome.changed.items()
        },
    }
