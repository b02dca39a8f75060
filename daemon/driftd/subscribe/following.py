"""What becomes of an event that a person sends to driftd. Rule: the daemon's own journal says that it was applied.

The journal's record, the rejection and what changed of the incidents are one transaction, so whoever sees the first
finds the others. No answer means that no daemon runs, or that it is behind: the event stays in the log until it does.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from driftd.config import Topics
from driftd.contract.events_in import Command, Deployment, RetrainingReply
from driftd.contract.record import Record
from driftd.journal import decode_runs
from driftd.kafka_records import as_record
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.answers import Place
from driftd.subscribe.events import Alert, Rejected, Request, Silence, decode
from driftd.subscribe.reading import consumer, partitions_of
from driftd.subscribe.sending import send_control

POLL_MS: Final = 100
SETTLE_MS: Final = 5_000
"""How long the rest of a transaction may take to be visible, of which a part is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event: whether a daemon applied it, and who refused it; `changed` is what is open or over now.

    `changed` maps keys of the compacted topic to events, None where it is over.
    """

    places: tuple[Place, ...]
    is_applied: bool
    rejections: tuple[Rejected, ...]
    changed: dict[str, Alert | Request | Silence | None]

    @property
    def is_followed(self) -> bool:
        """Whether a shard applied it and did not refuse it."""
        return self.is_applied and len(self.rejections) < len(self.places)


def send_and_follow(
    settings: KafkaSettings,
    topics: Topics,
    model: str,
    event: Command | Deployment | RetrainingReply,
    *,
    partitions: Sequence[int | None],
    wait_ms: int,
) -> Outcome:
    """Send `event`, once to each of `partitions` of the control topic (None: the model's), and see what becomes of it.

    Raises BrokerUnavailable, BadInput where a topic is missing.
    """
    with consumer(settings) as client:
        journal = partitions_of(client, settings, topics.journal)
        told = [
            *partitions_of(client, settings, topics.rejected),
            *partitions_of(client, settings, topics.incidents),
        ]
        client.assign([*journal, *told])
        for partition, end in client.end_offsets([*journal, *told]).items():
            client.seek(partition, end)
        places = tuple(send_control(settings, topics.control, model, event, one) for one in partitions)
        waiting = set(places)
        records: list[Record] = []

        def is_applied() -> bool:
            for record in records:
                if record.topic == topics.journal:
                    waiting.difference_update(_covered(record, waiting))
            return not waiting

        if not _poll(client, records, is_applied, wait_ms):
            return Outcome(places, False, (), {})
        with consumer(settings, isolation="read_uncommitted") as ahead:
            ends = ahead.end_offsets(told)
        _poll(client, records, lambda: all(client.position(one) >= ends[one] for one in told), SETTLE_MS)
    return Outcome(
        places, True, _rejections(records, topics.rejected, places), _changed(records, topics.incidents)
    )


def _poll(client: Any, records: list[Record], is_enough: Callable[[], bool], wait_ms: int) -> bool:
    deadline = monotonic() + wait_ms / 1000
    while not is_enough():
        if monotonic() > deadline:
            return False
        for messages in client.poll(timeout_ms=POLL_MS).values():
            records += [as_record(one) for one in messages]
    return True


def _covered(record: Record, places: Collection[Place]) -> set[Place]:
    """Those of `places` that a record of the journal speaks of. Raises JournalError."""
    last = {tuple(run.source): run.last for run in decode_runs(record.value)}
    return {one for one in places if last.get((one.topic, one.partition), -1) >= one.offset}


def _rejections(records: Sequence[Record], topic: str, places: Collection[Place]) -> tuple[Rejected, ...]:
    events = [decode(record) for record in records if record.topic == topic]
    return tuple(
        event
        for event in events
        if isinstance(event, Rejected)
        and Place(event.data.topic, event.data.partition, event.data.offset) in places
    )


def _changed(records: Sequence[Record], topic: str) -> dict[str, Alert | Request | Silence | None]:
    changed: dict[str, Alert | Request | Silence | None] = {}
    for record in records:
        if record.topic == topic and record.key is not None:
            event = None if record.value is None else decode(record)
            if event is None or isinstance(event, Alert | Request | Silence):
                changed[record.key.decode(errors="replace")] = event
    return changed
