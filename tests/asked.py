"""A part of elec2 that version 1 answers badly, and the request that says so, in Kafka."""

from pathlib import Path

from driftd.contract.events_out import DataRange, PartitionRange, PlaceData, RetrainingData
from driftd_process import Setup
from examples.elec2.make_recording import TRAIN_ROWS
from examples.retraining.inference import Inference
from examples.retraining.registry import Registry
from examples.retraining.stream import elec2
from told import published, request_data
from topic_io import produce

ONSET, ROWS = 25_000, 1_100
DAY_MS = 24 * 3_600_000


def asked(setup: Setup, registry: Path) -> RetrainingData:
    """A stream that version 1 answers badly since ONSET, and a request in Kafka that says so."""
    stream = elec2()
    records = Inference(stream, Registry(registry), TRAIN_ROWS).answer(ONSET, ONSET + ROWS)
    setup.driftd("topics", "create")
    setup.send(records, partitions=1)
    topics, at_ms = setup.config.topics, stream.at_ms(ONSET)
    place = PlaceData(at_ms=at_ms, topic=topics.predictions[0], partition=0, offset=0)
    named = [
        PartitionRange(topic=topic, partition=0, from_offset=0, to_offset=99)
        for topic in (topics.predictions[0], topics.labels[0])
    ]
    data = request_data(
        model=stream.model, model_version="1", cause="concept_drift", stage="modeling",
        requested_at_ms=stream.at_ms(ONSET + 100), not_before_ms=stream.at_ms(ONSET + 1_050),
        deadline_ms=stream.at_ms(ONSET + 100) + 30 * DAY_MS,
        data_range=DataRange(
            from_at_ms=at_ms, to_at_ms=stream.at_ms(ONSET + 100), onset=place, detected=place, partitions=named,
            events=100, labelled=99,
        ),
    )  # fmt: skip
    other = request_data("req-0", model=stream.model, phase="expired")
    produce(setup.bootstrap, published(topics, other, data))
    return data
