"""A worker that trains the price model anew when driftd asks for it: `python -m examples.retraining.worker --help`.

For each request it waits until the stream has labels enough since the change, trains on them, tries the new version
against the running one on examples that the new one has not learned, and then deploys it, or says why not.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from driftd import subscribe
from driftd.config import Topics
from driftd.contract.events_out import RetrainingData
from driftd.contract.record import Record
from driftd.subscribe import KafkaSettings, Request, Requests
from examples.retraining.model import Example, Model, best, train
from examples.retraining.registry import Registry
from examples.retraining.stream import examples_of

EXAMPLES_MIN: Final = 1_000
"""Fewer since the change do not teach the model how a day goes."""
TRIAL_SHARE: Final = 0.2
"""The latest part of the examples, on which a new version has to be better than the running one."""
LAST_CALL_SHARE: Final = 0.1
"""What of the time to the deadline is kept for training: then no more examples are waited for."""


class Refused(Exception):
    """Why there is no new version, in words for who reads the request."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What the stream offers to train on by `latest_ms`, the time of its latest event."""

    examples: Sequence[Example]
    latest_ms: int


def is_enough(data: RetrainingData, offered: Offered) -> bool:
    """Whether to begin with what is `offered`, or to wait for more."""
    last_call_ms = data.deadline_ms - int(LAST_CALL_SHARE * (data.deadline_ms - data.requested_at_ms))
    has_labels = offered.latest_ms >= data.not_before_ms and len(offered.examples) >= EXAMPLES_MIN
    return has_labels or offered.latest_ms >= last_call_ms


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

    def answer(self, requests: Requests, request: Request) -> str:
        """Do what is asked for; what came of it, in words. Raises BrokerUnavailable."""
        data, version = (
            request.data,
            request.data.request_id,
        )  # one request, one version: done twice, it is the same
        if data.phase not in ("requested", "accepted"):
            return f"{data.phase}: {data.summary}"
        offered = self.wait(data)
        at_ms = offered.latest_ms if self.is_recorded else None
        if not self.is_open(request):
            return "it was taken back meanwhile"
        requests.reply(request, "accepted", at_ms=at_ms)
        running = self.registry.deployed()
        try:
            if running is None:
                raise Refused("no version is deployed that a new one could be tried against")
            model = renewed(data, offered.examples, self.registry.load(running))
        except Refused as refused:
            requests.reply(request, "rejected", reason=str(refused), at_ms=at_ms)
            return f"rejected: {refused}"
        self.registry.save(version, model)
        requests.reply(request, "completed", version=version, at_ms=at_ms)
        self.registry.deploy(version)
        requests.deployed(request, version, at_ms=at_ms)
        return f"deployed {version}, trained on {len(offered.examples)} examples"

    def is_open(self, request: Request) -> bool:
        """Whether `request` still waits for a new version."""
        with subscribe.requests(self.settings, topics=self.topics, start="open", follow=False) as standing:
            return any(one.data.request_id == request.data.request_id for one in standing)

    def wait(self, data: RetrainingData) -> Offered:
        """What to train on: the range that the request names, and what has come since, until it is enough."""
        consumer = KafkaConsumer(
            **self.settings.client(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            self._seek(consumer, data)
            found: list[Record] = []
            while True:
                for messages in consumer.poll(timeout_ms=500).values():
                    found += [_as_record(one) for one in messages]
                offered = Offered(
                    examples_of(found, data.model, data.data_range.from_at_ms),
                    max((one.timestamp_ms for one in found), default=0),
                )
                if is_enough(data, offered) and _is_at_end(consumer):
                    return offered
        finally:
            consumer.close()

    def _seek(self, consumer: Any, data: RetrainingData) -> None:
        """To the begin of the range; partitions that it does not name had nothing then, and are read from its time on."""
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


def _is_at_end(consumer: Any) -> bool:
    """Whether all is read that there is now."""
    ends = consumer.end_offsets(list(consumer.assignment()))
    return all(consumer.position(one) >= end for one, end in ends.items())


def _as_record(message: Any) -> Record:
    return Record(
        message.topic, message.partition, message.offset, message.timestamp, message.key, message.value
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Answer requests until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--brokers", default="127.0.0.1:9092", help="host:port, several with commas")
    parser.add_argument("--registry", type=Path, required=True, help="the folder of the versions")
    parser.add_argument("--recorded", action="store_true", help="the stream has its own time, not today's")
    options = parser.parse_args(argv)
    settings, topics = subscribe.connection(options.brokers), Topics()
    worker = Worker(settings, topics, Registry(options.registry), is_recorded=options.recorded)
    with subscribe.requests(settings, group="retraining-worker", topics=topics) as requests:
        for request in requests:
            print(f"{request.data.request_id}: {worker.answer(requests, request)}", flush=True)


if __name__ == "__main__":
    main()
