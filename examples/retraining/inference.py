"""Answers with the version that is deployed, and plays elec2: `python -m examples.retraining.inference --help`.

It trains version 1 on the first 125 days where the registry is empty, then plays the rest, with labels, into Kafka.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from driftd.config_text import load_config
from driftd.contract.record import Record
from driftd.kafka_settings import kafka_settings
from examples.elec2.make_recording import TRAIN_ROWS
from examples.retraining.model import train
from examples.retraining.registry import Registry
from examples.retraining.stream import PREDICTIONS, Stream, elec2

CHUNK_ROWS: Final = 48


class Inference:
    """Answers rows of a stream, each with the version that is deployed at that time."""

    def __init__(self, stream: Stream, registry: Registry, training_rows: int) -> None:
        """Where no version is deployed, the first `training_rows` make version 1."""
        self.stream, self.registry, self.training_rows = stream, registry, training_rows
        if registry.deployed() is None:
            registry.save("1", train(stream.examples[:training_rows]))
            registry.deploy("1")

    def answer(self, begin: int, end: int) -> list[Record]:
        """Predictions for the rows from `begin` to before `end`, and the labels that have come by then."""
        version = self.registry.deployed() or "1"
        model, records = self.registry.load(version), []
        for row in range(begin, end):
            if row > self.training_rows:
                records.append(self.stream.label(row - 1))
            records.append(
                self.stream.prediction(row, version, model.scores(self.stream.examples[row].features))
            )
        return records


def main(argv: Sequence[str] | None = None) -> None:
    """Play the stream."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument(
        "--config", type=Path, default=Path("config.toml"), help="driftd's, for brokers and topics"
    )
    parser.add_argument("--registry", type=Path, required=True, help="the folder of the versions")
    parser.add_argument(
        "--rows-per-second", type=float, default=100.0, help="half-hours that pass in a second"
    )
    parser.add_argument("--rows", type=int, help="how many half-hours to play; all that there are by default")
    options = parser.parse_args(argv)
    config = load_config(options.config.read_text(encoding="utf-8"), str(options.config))
    topics, stream = config.topics, elec2()
    inference = Inference(stream, Registry(options.registry), TRAIN_ROWS)
    producer = KafkaProducer(**kafka_settings(config.kafka, os.environ).client(), acks="all")
    end = min(TRAIN_ROWS + (options.rows or len(stream.examples)), len(stream.examples))
    for begin in range(TRAIN_ROWS, end, CHUNK_ROWS):
        for record in inference.answer(begin, min(begin + CHUNK_ROWS, end)):
            names = topics.predictions if record.topic == PREDICTIONS else topics.labels
            producer.send(names[0], record.value, record.key, timestamp_ms=record.timestamp_ms)
        producer.flush()
        time.sleep(CHUNK_ROWS / options.rows_per_second)
    producer.close()


if __name__ == "__main__":
    main()
