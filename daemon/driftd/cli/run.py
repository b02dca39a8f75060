"""`driftd run`: the daemon, wired together."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from driftd import __version__
from driftd.alignment import source_order
from driftd.api.access import bearer_token
from driftd.api.board import Board
from driftd.cli.config_file import find_config, read_config
from driftd.cli.reference_file import read_references
from driftd.config import Config
from driftd.detectors.river_drift import load_river
from driftd.engine.engine import Engine
from driftd.engine.state import State
from driftd.errors import EXIT_OK
from driftd.kafka_settings import KafkaSettings, kafka_settings
from driftd.reference.profile import Profile
from driftd.shard_parts import Parts
from driftd.shard_view import ServiceView, ShardView
from driftd.shells.api_metrics import ApiCollector
from driftd.shells.control_writer import ControlWriter
from driftd.shells.http import http_port
from driftd.shells.http_api import Api
from driftd.shells.http_streams import Streams
from driftd.shells.inputs import Inputs
from driftd.shells.logs import set_up_logs
from driftd.shells.loop import ShardLoop
from driftd.shells.metrics import build_registry
from driftd.shells.service import serve
from driftd.shells.standing_reader import StandingReader
from driftd.shells.store import read_store
from driftd.shells.topics import Cluster, check_topics, read_layout, wanted_topics
from driftd.shells.transactions import Transactions

log = structlog.get_logger(__name__)


def run(*, config: Path | None = None) -> int:
    """Run the daemon: watch the topics of a Kafka cluster until SIGTERM or Ctrl-C.

    Parameters
    ----------
    config
        The configuration file.
    """
    settings = read_config(config)
    references = read_references(settings)
    kafka = kafka_settings(settings.kafka, os.environ)
    token = bearer_token(settings.http, os.environ)
    set_up_logs(settings.log.level, settings.log.format)
    log.info("driftd starts", version=__version__, brokers=kafka.addresses, config=str(find_config(config)))
    with Cluster(kafka) as cluster:
        cluster_id = cluster.cluster_id()
        found = cluster.find(list(wanted_topics(settings.topics)))
        check_topics(found, settings.topics)
    partitions = found[settings.topics.incidents].partitions
    load_river()  # before a shard is owned: it takes as long as a hundred thousand events
    site = Site(settings, kafka, token, partitions)
    asyncio.run(_serve(settings, kafka, cluster_id, references, site))
    return EXIT_OK


@dataclass(frozen=True, slots=True)
class Site:
    """What the HTTP port is made of. `partitions` are those of the topic of what is open."""

    config: Config
    kafka: KafkaSettings
    token: str | None
    partitions: int

    @asynccontextmanager
    async def running(self, view: ServiceView, registry: CollectorRegistry) -> AsyncIterator[None]:
        """The port while it is open, with what its pages read; nothing of it where it is switched off."""
        http, topics = self.config.http, self.config.topics
        if not http.enabled:
            yield
            return
        board = Board()
        streams = Streams(board)
        writer = ControlWriter(self.kafka, topics.control)
        registry.register(ApiCollector(board, lambda: streams.count))
        api = Api(http, self.token, view, board, writer.write, streams.page).application()
        api.on_shutdown.append(streams.close)
        reader = StandingReader(self.kafka, topics.incidents, self.partitions, board)
        try:
            async with reader.running(), http_port(http, view, registry, api):
                yield
        finally:
            await writer.close()


async def _serve(
    config: Config, kafka: KafkaSettings, cluster_id: str, references: Mapping[str, Profile], site: Site
) -> None:
    view = ServiceView(shard_count=config.topics.shard_count)
    registry, commit_seconds = build_registry(view)
    parts = shard_parts(config, kafka, cluster_id, references)

    def make_loop(shard_view: ShardView) -> ShardLoop:
        shard_view.committed = commit_seconds.observe
        return ShardLoop(shard_view, config, parts)

    async with site.running(view, registry):
        await serve(config.kafka, config.topics, kafka, view, make_loop)


def shard_parts(
    config: Config, kafka: KafkaSettings, cluster_id: str, references: Mapping[str, Profile]
) -> Parts:
    """What a shard's loop is made of, on a real cluster."""
    topics, instance = config.topics, config.kafka.instance
    return Parts(
        transactions=lambda shard: Transactions(kafka, f"{cluster_id}.{instance}.{shard}"),
        layout=lambda: asyncio.to_thread(read_layout, kafka, topics),
        store=lambda shard: read_store(kafka, topics.state, shard),
        inputs=lambda sources: Inputs(kafka, source_order(sources, topics), config.kafka.align_ms),
        engine=lambda state: make_engine(config, state, references),
    )


def make_engine(config: Config, state: State, references: Mapping[str, Profile]) -> Engine:
    """An engine that goes on from `state`."""
    return Engine(config, state, references)
