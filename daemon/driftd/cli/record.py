"""`driftd record`: from topics to a recording."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from driftd.alignment import source_order
from driftd.cli.config_file import read_config
from driftd.cli.output import note, refuse_to_overwrite
from driftd.config import Config
from driftd.contract.record import Record, Source
from driftd.errors import EXIT_OK, BadInput
from driftd.kafka_settings import KafkaSettings, kafka_settings
from driftd.shells.recorder import (
    Gaps,
    TopicReader,
    counts_by_topic,
    in_journal_order,
    in_time_order,
    journal_runs,
    until,
)
from driftd.shells.recording import RecordingWriter

WRITE_RECORDS = 1_000


def record(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    config: Path | None = None,
    order: Literal["journal", "time"] | None = None,
    until: str | None = None,
    shard: int | None = None,
    force: bool = False,
) -> int:
    """Write what is in the input topics now to a recording that `driftd replay` takes.

    Parameters
    ----------
    out
        The file to write: .jsonl, .jsonl.gz or .jsonl.zst.
    config
        The configuration file: it names the brokers and the topics.
    order
        journal: as the daemon applied the records, so that replay says what the daemon said. time: by their
        timestamps, also what no daemon has read. Default: journal where there is one.
    until
        Stop after this record, TOPIC:PARTITION:OFFSET.
    shard
        Which shard's journal, where there are several.
    force
        Overwrite the file where it exists.
    """
    settings = read_config(config)
    last = parse_place(until) if until is not None else None
    refuse_to_overwrite(out, force=force)
    chosen = the_shard(settings, shard)
    recorder = Recorder(settings, kafka_settings(settings.kafka, os.environ), chosen, order, last)
    with RecordingWriter(out) as writer:
        for chunk in chunks(recorder.records()):
            writer.write(chunk)
    recorder.tell(out)
    return EXIT_OK


class Recorder:
    """Reads the topics, and knows afterwards what is to be told of it."""

    def __init__(
        self,
        config: Config,
        kafka: KafkaSettings,
        shard: int,
        order: Literal["journal", "time"] | None,
        last: tuple[str, int, int] | None,
    ) -> None:
        self._config = config
        self._kafka = kafka
        self._journal = Source(config.topics.journal, shard)
        self._order = order
        self._last = last
        self._gaps = Gaps()
        self._counts: Counter[str] = Counter()

    def records(self) -> Iterator[Record]:
        """The records in their order. Raises BrokerUnavailable, RecordingError, BadInput."""
        topics = self._config.topics
        with TopicReader(self._kafka, topics.inputs) as inputs:
            if self._order != "time" and (journal := self._open_journal()) is not None:
                with journal:
                    self._order = "journal"
                    runs = journal_runs(journal, self._journal)
                    yield from self._counted(in_journal_order(inputs, self._journal, runs, self._gaps))
                return
            self._order = "time"
            mine = [s for s in inputs.waiting if s.partition % topics.shard_count == self._journal.partition]
            sources = source_order(mine, topics)
            yield from self._counted(in_time_order(inputs, sources, self._config.kafka.align_ms))

    def tell(self, out: Path) -> None:
        """Say what was written, and what is missing in it."""
        gaps = self._gaps
        if gaps.journal_begin_gone:
            note(
                "The journal's begin is gone (retention): replay starts anew where it begins, the daemon did not."
            )
        for source, count in gaps.by_source.items():
            note(f"{count:,} records of {source.topic}, partition {source.partition} are gone (retention).")
        if self._last is not None:
            note(
                f"The record {':'.join(map(str, self._last))} is not among them: all that is there was written."
            )
        note(
            f"{out}: {self._counts.total():,} records in {self._order} order ({counts_by_topic(self._counts)})."
        )
        note(f"Replay them: driftd replay {out}")

    def _open_journal(self) -> TopicReader | None:
        journal = TopicReader(self._kafka, [self._journal.topic])
        if journal.begins.get(self._journal, 0) < journal.ends.get(self._journal, 0):
            return journal
        journal.__exit__()
        if self._order == "journal":
            raise BadInput(f"{self._journal.topic} is empty: no daemon has run. Take --order time.")
        return None

    def _counted(self, records: Iterator[Record]) -> Iterator[Record]:
        for one in until(records, self._last, self._reached):
            self._counts[one.topic] += 1
            yield one

    def _reached(self) -> None:
        self._last = None


def the_shard(config: Config, shard: int | None) -> int:
    """The shard to record. Raises BadInput where it is none, or must be named."""
    count = config.topics.shard_count
    if shard is None and count > 1:
        raise BadInput(
            f"there are {count} shards, each with its own order: take one with --shard 0 to {count - 1}."
        )
    if not 0 <= (shard or 0) < count:
        raise BadInput(f"--shard {shard}: there is none; topics.shard_count is {count}.")
    return shard or 0


def parse_place(text: str) -> tuple[str, int, int]:
    """TOPIC:PARTITION:OFFSET. Raises BadInput."""
    topic, *numbers = text.rsplit(":", 2)
    if len(numbers) != 2 or not topic or not all(number.isdecimal() for number in numbers):
        raise BadInput(
            f'--until "{text}" is no record. Write TOPIC:PARTITION:OFFSET, like predictions:0:1234.'
        )
    return topic, int(numbers[0]), int(numbers[1])


def chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """`records`, some at a time."""
    while chunk := list(islice(records, WRITE_RECORDS)):
        yield chunk
