"""Sends the recording that ships with driftd, as a model's client would. Rule: the order is kept.

A record's key is its model, so all of a model's predictions are in one partition, and its labels in one. Records get
the present time (their own is of 1996, which retention would drop); the events keep theirs.

    python docker/produce_demo.py --brokers 127.0.0.1:9092 --per-second 1000
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from importlib.resources import as_file, files

from kafka import KafkaProducer

from driftd.shells.recording import RecordingReader

# One batch of a partition is on its way at a time: in small ones the short labels would overtake the long predictions.
BATCH_BYTES = 1024 * 1024


def produce(brokers: Sequence[str], per_second: float, records_max: int | None = None) -> dict[str, int]:
    """Send up to `records_max` records, no more than `per_second` (0: as fast as it goes); how many to each topic."""
    sent: Counter[str] = Counter()
    unconfirmed = []
    producer = KafkaProducer(
        bootstrap_servers=list(brokers),
        acks="all",
        linger_ms=5,
        batch_size=BATCH_BYTES,
        bootstrap_timeout_ms=10_000,
    )
    try:
        with as_file(files("driftd") / "demo" / "elec2.jsonl.gz") as path:
            start = time.monotonic()
            for number, record in enumerate(record for chunk in RecordingReader(path) for record in chunk):
                if number == records_max:
                    break
                if per_second:
                    time.sleep(max(start + number / per_second - time.monotonic(), 0.0))
                unconfirmed.append(producer.send(record.topic, record.value, record.key))
                sent[record.topic] += 1
        producer.flush()
        for one in unconfirmed:
            one.get(timeout=60)  # raises where the broker did not take it
    finally:
        producer.close()
    return sent


def main() -> None:
    """Read the command line and send."""
    arguments = argparse.ArgumentParser(description="Sends driftd's demo recording to a broker.")
    arguments.add_argument("--brokers", default="127.0.0.1:9092", help="host:port,... (default: %(default)s)")
    arguments.add_argument("--per-second", type=float, default=1000.0, help="records; 0: all at once")
    arguments.add_argument("--records-max", type=int, help="stop after so many (default: all)")
    given = arguments.parse_args()
    for topic, count in produce(given.brokers.split(","), given.per_second, given.records_max).items():
        print(f"{topic}: {count:,} records sent")


if __name__ == "__main__":
    main()
