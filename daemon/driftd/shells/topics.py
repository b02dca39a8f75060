"""The topics in the cluster: what there is, what is wanted, making what is missing. Rule: what exists stays as it is.

What differs is told, and left to the person: to change a topic's partitions or retention can lose records.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from driftd.config import Topics
from driftd.errors import BadInput, BrokerUnavailable
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.shard import Layout, ShardError, StartOver, TopicLayout

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a topic should be. `exact`: more partitions than these are wrong as well."""

    partitions: int
    exact: bool
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """How a topic is; `settings` holds those that differ from the broker's defaults."""

    topic_id: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `create` would make, and what is not as wanted, a sentence each."""

    missing: tuple[str, ...]
    differing: tuple[str, ...]


def wanted_topics(topics: Topics) -> dict[str, Wanted]:
    """Every topic of the configuration by name, as it should be."""
    kept = {"cleanup.policy": "delete", "retention.ms": str(topics.retention_ms)}
    large = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    compacted = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": str(DAY_MS),
    }
    outputs = (topics.alerts, topics.retraining, topics.rejected)
    wanted = {name: Wanted(topics.input_partitions, False, kept) for name in topics.inputs}
    wanted |= {name: Wanted(1, False, kept) for name in outputs}
    wanted[topics.incidents] = Wanted(1, False, compacted)
    wanted[topics.state] = Wanted(topics.shard_count, True, {**compacted, **large})
    wanted[topics.journal] = Wanted(topics.shard_count, True, {**kept, **large})
    wanted[topics.shards] = Wanted(topics.shard_count, True, {"cleanup.policy": "delete"})
    return wanted


class Cluster:
    """Administration of one cluster, over one connection."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect. Raises BrokerUnavailable where nobody answers, or nobody lets us in."""
        timeout_ms = settings.connect_timeout_ms
        self._addresses = settings.addresses
        with self._named():
            self._admin: Any = KafkaAdminClient(
                **{**settings.client(), "request_timeout_ms": timeout_ms},
                bootstrap_timeout_ms=timeout_ms,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def cluster_id(self) -> str:
        """The id that the cluster was formatted with."""
        with self._named():
            return str(self._admin.describe_cluster()["cluster_id"])

    def find(self, names: list[str], *, settings: bool = False) -> dict[str, Found]:
        """Those of `names` that exist. Raises BrokerUnavailable, BadInput where we may not look."""
        with self._named():
            described = self._admin.describe_topics(names)
            found = {}
            for topic in described:
                error = for_code(topic["error_code"])
                if error.__name__ in ("UnknownTopicOrPartitionError", "NoError"):
                    if topic["partitions"]:
                        found[topic["name"]] = Found(str(topic["topic_id"]), len(topic["partitions"]))
                    continue
                raise BadInput(f"topic {topic['name']}: the brokers do not tell of it: {error.__name__}")
            return self._with_settings(found) if settings and found else found

    def create(self, topics: Topics) -> list[str]:
        """Make the topics that are missing; their names. Existing ones stay as they are."""
        wanted = wanted_topics(topics)
        missing = [name for name in wanted if name not in self.find(list(wanted))]
        made = []
        for name in missing:
            want = wanted[name]
            new = {
                "num_partitions": want.partitions,
                "replication_factor": topics.replication_factor,
                "configs": dict(want.settings),
            }
            with self._named():
                try:
                    self._admin.create_topics({name: new}, wait_for_metadata=True)
                except TopicAlreadyExistsError:
                    continue  # somebody else was faster
                made.append(name)
        return made

    def plan(self, topics: Topics) -> Plan:
        """What `create` would make, and what differs from what it would make."""
        wanted = wanted_topics(topics)
        found = self.find(list(wanted), settings=True)
        differing = [line for name in found for line in _differences(name, found[name], wanted[name])]
        inputs = {found[name].partitions for name in topics.inputs if name in found}
        if topics.shard_count > 1 and len(inputs) > 1:
            differing.append(
                "input topics have different numbers of partitions: with several shards, records of one key would "
                "belong to different shards"
            )
        if inputs and min(inputs) < topics.shard_count:
            differing.append(
                f"topics.shard_count is {topics.shard_count}, more than an input topic has partitions"
            )
        return Plan(tuple(name for name in wanted if name not in found), tuple(differing))

    def _with_settings(self, found: dict[str, Found]) -> dict[str, Found]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        described = self._admin.describe_configs(resources)["topic"]
        return {
            name: Found(
                one.topic_id, one.partitions, {key: v["value"] for key, v in described.get(name, {}).items()}
            )
            for name, one in found.items()
        }

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"no answer from the brokers at {self._addresses}: {error!r}") from error


def read_layout(settings: KafkaSettings, topics: Topics) -> Layout:
    """The layout of the input topics now.

    Raises ShardError where a topic is missing or does not fit, StartOver where no broker answers.
    """
    try:
        with Cluster(settings) as cluster:
            found = cluster.find(list(wanted_topics(topics)))
    except BrokerUnavailable as error:
        raise StartOver(str(error)) from error
    except BadInput as error:
        raise ShardError(str(error)) from error
    check_topics(found, topics)
    inputs = {name: TopicLayout(found[name].topic_id, found[name].partitions) for name in topics.inputs}
    return Layout(inputs, topics.shard_count)


def check_topics(found: Mapping[str, Found], topics: Topics) -> None:
    """Whether all topics are there, with the partitions that shards need. Raises ShardError."""
    wanted = wanted_topics(topics)
    if missing := [name for name in wanted if name not in found]:
        raise ShardError(f"missing topics: {', '.join(missing)}; make them with `driftd topics create`")
    for name, want in wanted.items():
        if want.exact and found[name].partitions != want.partitions:
            raise ShardError(
                f"topic {name} has {found[name].partitions} partitions and needs {want.partitions}, one per shard "
                "(topics.shard_count)"
            )


def _differences(name: str, found: Found, wanted: Wanted) -> Iterator[str]:
    if found.partitions != wanted.partitions and (wanted.exact or found.partitions < wanted.partitions):
        yield f"{name}: has {found.partitions} partitions, wanted {wanted.partitions}"
    for key, value in wanted.settings.items():
        if found.settings.get(key, BROKER_DEFAULTS.get(key)) != value:
            yield f"{name}: {key} is {found.settings.get(key, 'the default')}, wanted {value}"


BROKER_DEFAULTS: Mapping[str, str] = {"cleanup.policy": "delete", "retention.ms": "604800000"}
"""Kafka's own defaults: settings that equal them are not among those that the brokers tell."""
