"""What a user would write without driftd. Rule: the plain way, as the libraries' pages show it.

`python -m benchmarks.baselines faust|aiokafka BOOTSTRAP TOPIC EVENTS` reads events from the start of the
topic, feeds each number among the features to a River ADWIN of its own, and prints how long the events
took, from the first one on.
"""

import asyncio
import json
import logging
import signal
import sys
from collections import defaultdict
from time import perf_counter
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from river.drift import ADWIN


class Watch:
    """ADWIN per feature, and a clock that starts with the first event."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen = 0
        self.begin = 0.0
        self.drifts = 0
        self.detectors: defaultdict[tuple[str, str], Any] = defaultdict(ADWIN)

    def take(self, event: dict[str, Any]) -> bool:
        """Feed one event; whether it was the last one, and then its time is printed."""
        self.begin = self.begin or perf_counter()
        for name, value in event["features"].items():
            if isinstance(value, float):
                detector = self.detectors[event["model"], name]
                detector.update(value)
                self.drifts += detector.drift_detected
        self.seen += 1
        if self.seen == self.count:
            seconds = perf_counter() - self.begin
            print(json.dumps({"events": self.seen, "seconds": seconds, "drifts": self.drifts}), flush=True)
        return self.seen >= self.count


def with_faust(bootstrap: str, topic: str, count: int) -> None:
    """A Faust agent that takes event by event."""
    app = faust.App(
        "driftd-benchmark-baseline",
        broker=f"kafka://{bootstrap}",
        value_serializer="json",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
    )
    watch = Watch(count)

    async def agent(stream: Any) -> None:
        async for event in stream:
            if watch.take(event):
                signal.raise_signal(signal.SIGTERM)
                return

    app.agent(app.topic(topic))(agent)
    faust.Worker(app, loglevel="error", redirect_stdouts=False).execute_from_commandline()


async def with_aiokafka(bootstrap: str, topic: str, count: int) -> None:
    """A consumer loop, json.loads, message by message."""
    watch = Watch(count)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async for message in consumer:
            if watch.take(json.loads(message.value)):
                return
    finally:
        await consumer.stop()


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # the group has no coordinator for a moment, and says so as an error
    way, broker, name, events = sys.argv[1:5]
    if way == "faust":
        with_faust(broker, name, int(events))
    else:
        asyncio.run(with_aiokafka(broker, name, int(events)))
