"""What the commands about incidents share: the cluster, what is open now, and ids that a person may shorten."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from driftd.cli.config_file import read_config
from driftd.config import Topics
from driftd.contract.record import Record
from driftd.duration import parse_duration
from driftd.errors import BadInput
from driftd.event_time import parse_time
from driftd.kafka_settings import KafkaSettings, kafka_settings
from driftd.subscribe.events import Alert, Request, Silence, decode
from driftd.subscribe.reading import read_to_end
from driftd.subscribe.sieve import standing

SHOWN = 5
T = TypeVar("T")


def cluster(config: Path | None) -> tuple[KafkaSettings, Topics]:
    """How to reach the cluster of the configuration, and its topics. Raises ConfigError."""
    settings = read_config(config)
    return kafka_settings(settings.kafka, os.environ), settings.topics


def open_events(kafka: KafkaSettings, topics: Topics) -> list[Alert | Request | Silence]:
    """What is open now, the latest change last. Raises BrokerUnavailable, BadInput where the topic is missing."""
    return readable(standing(read_to_end(kafka, topics.incidents)).values())


def readable(records: Iterable[Record]) -> list[Alert | Request | Silence]:
    """Those of `records` that are events about incidents, requests and silences."""
    return [event for event in map(decode, records) if isinstance(event, Alert | Request | Silence)]


def the_one(found: Iterable[T], prefix: str, id_of: Callable[[T], str], what: str, more: str = "") -> T:
    """The one of `found` whose id begins with `prefix`. Raises BadInput where there is none, or more than one."""
    named = {id_of(one): one for one in found}
    if prefix in named:
        return named[prefix]
    matching = [name for name in named if name.startswith(prefix)]
    if len(matching) == 1:
        return named[matching[0]]
    if matching:
        raise BadInput(f'"{prefix}" may be {listed(matching)}. Write more of it.')
    there = f"there is {listed(sorted(named))}" if named else "there is none"
    raise BadInput(f'no {what} begins with "{prefix}"; {there}{more}.')


def listed(names: Iterable[str]) -> str:
    """`names`, a few of them and how many more."""
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return f"{', '.join(every[:SHOWN])}{more}"


def duration_ms(option: str, text: str) -> int:
    """`text` in milliseconds. Raises BadInput naming `option`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}.") from None


def time_or_ago_ms(option: str, text: str, now_ms: int) -> int:
    """A time as ISO 8601 or seconds since 1970, or how long ago. Raises BadInput naming `option`."""
    try:
        return now_ms - parse_duration(text)
    except ValueError:
        return time_ms(option, text, "2h (ago), or ")


def time_ms(option: str, text: str, also: str = "") -> int:
    """A time as ISO 8601 (UTC where it names no zone) or seconds since 1970. Raises BadInput naming `option`."""
    at_ms = parse_time(text)
    if at_ms is None:
        raise BadInput(f'{option}: "{text}" is no time. Write {also}2026-03-01T06:00:00Z.')
    return at_ms
