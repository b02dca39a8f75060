"""A worker that trains the price model anew when driftd asks for it: `python -m examples.retraining.worker --help`.

For each request it accepts, waits until the stream has labels enough since the change, trains on them, tries the new
version against the running one on examples that it has not learned, and then deploys it, or says why not.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from driftd import subscribe
from driftd.config import Topics
from driftd.config_text import load_config
from driftd.contract.events_out import RetrainingData
from driftd.kafka_settings import KafkaSettings, kafka_settings
from driftd.subscribe import Request
from driftd.subscribe.answers import Status
from examples.retraining.model import Example, Model, best, train
from examples.retraining.registry import Registry
from examples.retraining.stream import Collected

EXAMPLES_MIN: Final = 1_000
"""Fewer since the change do not teach the model how a day goes."""
TRIAL_SHARE: Final = 0.2
"""The latest part of the examples, on which a new version has to be better than the running one."""
LAST_CALL_SHARE: Final = 0.1
"""What of the time to the deadline is kept for training: then no more examples are waited for."""
UNANSWERED: Final = ("requested", "accepted", "completed")
GROUP: Final = "retraining-worker"
POLL_MS: Final = 500


class Refused(Exception):
    """Why there is no new version, in words for who reads the request."""


def is_enough(data: RetrainingData, collected: Collected) -> bool:
    """Whether to begin with what is `collected`, or to wait for more."""
    last_call_ms = data.deadline_ms - int(LAST_CALL_SHARE * (data.deadline_ms - data.requested_at_ms))
    if collected.latest_ms >= last_call_ms:
        return True
    return collected.latest_ms >= data.not_before_ms and len(collected.examples()) >= EXAMPLES_MIN


def renewed(data: RetrainingData, examples: Sequence[Example], running: Model) -> Model:
    """A new version out of `examples`. Raises Refused."""
    if data.stage == "labels":
        raise Refused("this worker can only train: the labels have to be looked at by a person first")
    if len(examples) < EXAMPLES_MIN:
        raise Refused(f"there are {len(examples)} labels since the change; {EXAMPLES_MIN} are needed")
    cut = len(examples) - int(TRIAL_SHARE * len(examples))
    learned, trial = examples[:cut], examples[cut:]
    new, old = accuracy(train(learned), trial), accuracy(running, trial)
    if new <= old:
        raise Refused(
            f"a new version is right in {new:.1%} of the latest {len(trial)}, the running one in {old:.1%}"
        )
    return train(examples)


def accuracy(model: Model, examples: Sequence[Example]) -> float:
    """The share of `examples` that `model` answers right."""
    return sum(best(model.scores(one.features)) == one.answer for one in examples) / len(examples)


class Worker:
    """Answers the requests about one model. `is_recorded`: the stream has its own time, and replies have it too."""

    def __init__(
        self, settings: KafkaSettings, topics: Topics, registry: Registry, *, is_recorded: bool = False
    ) -> None:
        self.settings, self.topics, self.registry = settings, topics, registry
        self.is_recorded = is_recorded

    def answer(self, request: Request) -> str:
        """Do what is asked for; what came of it, in words. Raises BrokerUnavailable."""
        data = request.data
        version = data.request_id  # so that a request that is answered twice makes one version
        if data.phase not in ("requested", "accepted"):
            return f"{data.phase}: {data.summary}"
        if data.phase == "requested":
            self._reply(request, "accepted", data.requested_at_ms)
        collected = self.wait(data)
        examples, at_ms = collected.examples(), collected.latest_ms
        if not self.is_open(request):
            return "it is over: it was taken back, or came too late"
        if self.registry.deployed() != version:
            try:
                self.registry.save(version, renewed(data, examples, self.running()))
            except Refused as refused:
                self._reply(request, "rejected", at_ms, reason=str(refused))
                return f"rejected: {refused}"
            self._reply(request, "completed", at_ms, version=version)
            self.registry.deploy(version)
        when = at_ms if self.is_recorded else None
        subscribe.deployed(self.settings, request, version, at_ms=when, topics=self.topics)
        return f"deployed, trained on {len(examples)} examples"

    def running(self) -> Model:
        """The version that answers now. Raises Refused where none does."""
        version = self.registry.deployed()
        if version is None:
            raise Refused("no version is deployed that a new one could be tried against")
        return self.registry.load(version)

    def is_open(self, request: Request) -> bool:
        """Whether `request` still waits for a new version."""
        with subscribe.requests(self.settings, topics=self.topics, start="open", follow=False) as standing:
            return any(
                one.data.request_id == request.data.request_id and one.data.phase in UNANSWERED
                for one in standing
            )

    def wait(self, data: RetrainingData) -> Collected:
        """Read the range that the request names, and what has come since, until that is enough."""
        collected = Collected(data.model, data.data_range.from_at_ms)
        consumer = KafkaConsumer(
            **self.settings.client(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            self._seek(consumer, data)
            while not is_enough(data, collected):
                _poll(consumer, collected)
            ends = consumer.end_offsets(list(consumer.assignment()))
            while any(consumer.position(one) < end for one, end in ends.items()):
                _poll(consumer, collected)
        finally:
            consumer.close()
        return collected

    def _reply(self, request: Request, status: Status, at_ms: int, **more: str) -> None:
        when = at_ms if self.is_recorded else None
        subscribe.reply(self.settings, request, status, at_ms=when, topics=self.topics, **more)

    def _seek(self, consumer: Any, data: RetrainingData) -> None:
        """To the begin of the range; a partition that it does not name had nothing by then."""
        named = {(one.topic, one.partition): one.from_offset for one in data.data_range.partitions}
        partitions = [
            TopicPartition(topic, number)
            for topic in (*self.topics.predictions, *self.topics.labels)
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(partitions)
        since = consumer.offsets_for_times(dict.fromkeys(partitions, data.data_range.from_at_ms))
        ends = consumer.end_offsets(partitions)
        for one in partitions:
            first = since.get(one)
            begin = ends[one] if first is None else first.offset
            consumer.seek(one, named.get((one.topic, one.partition), begin))


def _poll(consumer: Any, collected: Collected) -> None:
    for messages in consumer.poll(timeout_ms=POLL_MS).values():
        for message in messages:
            collected.add(message.value)


def worker_for(config: Path, registry: Path, *, is_recorded: bool = False) -> Worker:
    """A worker for the brokers and topics of the file `config`. Raises ConfigError, OSError."""
    read = load_config(config.read_text(encoding="utf-8"), str(config))
    return Worker(
        kafka_settings(read.kafka, os.environ), read.topics, Registry(registry), is_recorded=is_recorded
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Answer requests until interrupted, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--config", type=Path, default=Path("config.toml"), help="driftd's, for brokers and topics"
    )
    parser.add_argument("--registry", type=Path, required=True, help="the folder of the versions")
    parser.add_argument("--recorded", action="store_true", help="the stream has its own time, not today's")
    parser.add_argument(
        "--answer", metavar="NAME", help="answer the one request in this environment variable, and end"
    )
    options = parser.parse_args(argv)
    worker = worker_for(options.config, options.registry, is_recorded=options.recorded)
    if options.answer:
        request = subscribe.decode_value(os.environ[options.answer])
        print(worker.answer(request) if isinstance(request, Request) else request)
        return
    with subscribe.requests(worker.settings, group=GROUP, topics=worker.topics) as requests:
        for request in requests:
            print(f"{request.data.request_id}: {worker.answer(request)}", flush=True)


if __name__ == "__main__":
    main()
