"""The tables that stand once in config.toml: [kafka], [topics], [http], [log], [limits].

Rule: nothing per model here.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, TypeAlias

from pydantic import StringConstraints, model_validator

from driftd.config_fields import Problem, Table, option, refuse, several, whole

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPAN_MAX_MS = 10**12  # about 31 years

BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")

TopicName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
InstanceName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
SecurityProtocol: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Kafka(Table):
    """Where the brokers are, who we are to them, and how large and how frequent commits are."""

    brokers: tuple[str, ...] = several(
        ("127.0.0.1:9092",), 'Brokers to ask first, each "host:port".', at_least=1
    )
    instance: InstanceName = option(
        "driftd", "Instance group: workers with the same name share the shards and fence each other."
    )
    security_protocol: SecurityProtocol = option("PLAINTEXT", "How brokers are spoken to.")
    sasl_mechanism: SaslMechanism | None = option(None, "How to log in, with SASL_PLAINTEXT and SASL_SSL.")
    sasl_username: Name | None = option(None, "Who logs in, with SASL_PLAINTEXT and SASL_SSL.")
    sasl_password_env: Name | None = option(
        None,
        "Name of the environment variable that holds the password, with SASL_PLAINTEXT and SASL_SSL.",
    )
    ssl_ca_file: Name | None = option(
        None, "PEM file of the authorities trusted with SSL; none: the system's."
    )
    batch_records_max: int = whole(10_000, 1, 1_000_000, "records", "The most records applied in one go.")
    commit_interval_ms: int = whole(
        1_000,
        10,
        HOUR_MS,
        "milliseconds",
        "How long changes may wait for a commit when there is nothing to tell.",
    )
    request_timeout_ms: int = whole(
        10_000,
        100,
        10 * 60_000,
        "milliseconds",
        "How long a broker may take to answer before it counts as gone.",
    )
    session_timeout_ms: int = whole(
        6_000,
        500,
        HOUR_MS,
        "milliseconds",
        "How long a worker may be silent before its shards go to another.",
    )
    align_ms: int = whole(
        1_000,
        0,
        HOUR_MS,
        "milliseconds",
        "How long records of one partition wait for older ones of another, to be in order of time.",
    )
    tick_interval_ms: int = whole(
        30_000,
        0,
        HOUR_MS,
        "milliseconds",
        "How often the journal says that time has passed, by which silence is judged; 0: never, nor is silence.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Kafka":
        problems = [
            Problem(
                ("brokers", index), f'"{broker}" is no address. Write "host:port", like "127.0.0.1:9092".'
            )
            for index, broker in enumerate(self.brokers)
            if not is_address(broker)
        ]
        if self.security_protocol.startswith("SASL_"):
            problems += [
                Problem(("security_protocol",), f'"{self.security_protocol}" needs {key} as well.')
                for key in ("sasl_mechanism", "sasl_username", "sasl_password_env")
                if getattr(self, key) is None
            ]
        if problems:
            refuse(problems)
        return self


def is_address(broker: str) -> bool:
    """Whether `broker` reads host:port (IPv6 in brackets) with a port from 1 to 65535."""
    match = BROKER.fullmatch(broker)
    return match is not None and 1 <= int(match[2]) <= 65_535


class Topics(Table):
    """What the topics are called, and what `driftd topics create` makes them like."""

    predictions: tuple[TopicName, ...] = several(("predictions",), "In: topics with predictions.", at_least=1)
    labels: tuple[TopicName, ...] = several(("labels",), "In: topics with labels; may be none.")
    control: TopicName = option(
        "driftd.control", "In: deployments, replies to retraining requests, commands."
    )
    alerts: TopicName = option("driftd.alerts", "Out: alerts opened, updated, resolved.")
    retraining: TopicName = option("driftd.retraining", "Out: retraining requests.")
    incidents: TopicName = option(
        "driftd.incidents", "Out, compacted: incidents, requests and silences that are open now."
    )
    rejected: TopicName = option(
        "driftd.rejected", "Out: events that could not be used, each with its reason."
    )
    state: TopicName = option("driftd.state", "Our memory, compacted; one partition per shard.")
    journal: TopicName = option(
        "driftd.journal", "In which order records were applied; one partition per shard."
    )
    shards: TopicName = option("driftd.shards", "Empty; owning its partition is owning the shard.")
    shard_count: int = whole(
        1, 1, 1_000, "shards", "Into how many parts the input is split, each with one owner."
    )
    replication_factor: int = whole(
        1, 1, 100, "replicas", "Copies of each topic that `driftd topics create` makes."
    )
    input_partitions: int = whole(
        4, 1, 10_000, "partitions", "Partitions of each input topic that `driftd topics create` makes."
    )
    retention_ms: int = whole(
        7 * DAY_MS,
        60_000,
        SPAN_MAX_MS,
        "milliseconds",
        "How long topics made by `driftd topics create` keep their records, driftd.state excepted.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Topics":
        problems = []
        seen: dict[str, str] = {}
        for location, name in self.named():
            where = ".".join(str(part) for part in location)
            if name in (".", ".."):
                problems.append(Problem(location, f'"{name}" is no name that Kafka takes.'))
            elif name in seen:
                problems.append(
                    Problem(location, f'"{name}" is the name of topics.{seen[name]} already. Name each once.')
                )
            seen.setdefault(name, where)
        if problems:
            refuse(problems)
        return self

    def named(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every topic's name and the key that names it, inputs first."""
        lists = [
            ((key, i), name) for key in ("predictions", "labels") for i, name in enumerate(getattr(self, key))
        ]
        single = (
            "control", "alerts", "retraining", "incidents", "rejected", "state", "journal", "shards",
        )  # fmt: skip
        return [*lists, *(((key,), getattr(self, key)) for key in single)]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that are read: predictions, labels, control."""
        return (*self.predictions, *self.labels, self.control)


class Http(Table):
    """The port for /livez, /readyz and /metrics, and for the API, which has a token where others can reach it."""

    enabled: bool = option(True, "Whether to listen at all.")
    host: Name = option("127.0.0.1", "Address to listen on.")
    port: int = whole(9_464, 0, 65_535, "", "Port to listen on; 0 takes a free one and logs it.")
    token_env: Name | None = option(
        None,
        "Name of the environment variable that holds the bearer token of /api; needed where host is not loopback.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Http":
        if self.enabled and self.token_env is None and not is_loopback(self.host):
            message = (
                f"{self.host} can be reached from outside, and the API takes commands. Name the environment variable "
                'that holds its bearer token, as in token_env = "DRIFTD_TOKEN", or use 127.0.0.1.'
            )
            refuse([Problem(("host",), message)])
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`: localhost, or an address of loopback.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "[::1]", "0.0.0.0", "db.example.org")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Log(Table):
    """What the log on stderr is like."""

    level: Literal["debug", "info", "warning", "error"] = option(
        "info", "The least important lines to be written."
    )
    format: Literal["json", "text"] = option(
        "json", "json for machines, one object per line; text for people."
    )


class Limits(Table):
    """The bounds of memory. What goes beyond is rejected or counted, never kept."""

    models_max: int = whole(
        1_000, 1, 100_000, "models", "Models monitored; events of further models are rejected."
    )
    features_max: int = whole(
        200, 1, 10_000, "features", "Features monitored per model, in order of appearance."
    )
    event_features_max: int = whole(
        5_000, 1, 100_000, "features", "Features in one event; with more it is rejected."
    )
    categories_max: int = whole(
        200, 2, 10_000, "categories", "Levels learned per signal; further ones count as other."
    )
    score_classes_max: int = whole(20, 0, 1_000, "classes", "Classes whose scores are monitored per model.")
    contributors_max: int = whole(10, 1, 1_000, "signals", "Signals named in one alert, strongest first.")
    event_bytes_max: int = whole(
        1_048_576, 100, 100_000_000, "bytes", "Size of one event; larger ones are rejected."
    )
    clock_skew_max_ms: int = whole(
        DAY_MS,
        0,
        SPAN_MAX_MS,
        "milliseconds",
        "How far an event's time may be ahead of its record's timestamp; further ahead it is rejected.",
    )
