"""The synchronous subscriber, on kafka-python. Rule: offsets are committed for what is done, and for nothing else.

Members of one group share the partitions: of a topic with one partition (driftd's default) one member reads and the
others stand by. Whoever is at work on an event is not interrupted: the group waits for it up to `WORK_MS_MAX`, and
takes its partitions away when its heartbeats stop.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, Final, Generic, Self

from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from driftd.config import Topics
from driftd.kafka_records import as_record
from driftd.kafka_settings import KafkaSettings
from driftd.subscribe.connection import named_errors
from driftd.subscribe.progress import Progress
from driftd.subscribe.reading import open_consumer, partition_rule, partitions_of, read_to_end
from driftd.subscribe.sieve import Bounds, E, Sieve, Start, position_of

POLL_MS: Final = 200
COMMIT_INTERVAL_S: Final = 5.0
"""How often the offsets move of a subscriber that is handed nothing, because no event passes its filters."""
SESSION_MS: Final = 10_000
WORK_MS_MAX: Final = 24 * 3_600_000
"""How long a subscriber may be at work on one event: a retraining takes hours."""
TAKEN_AWAY: Final = (
    CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError,
)  # fmt: skip
log = logging.getLogger("driftd.subscribe")


class Subscription(Generic[E]):
    """Events, one after the other: iterate over it. Use it in a `with` block, or `close` it.

    `skipped` counts what could not be read, by reason.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Topics,
        topic: str,
        sieve: Sieve[E],
        *,
        group: str | None,
        start: Start,
        follow: bool,
    ) -> None:
        """Connect to `topic`. Raises BrokerUnavailable, BadInput where there is no such topic."""
        self.settings, self.topics = settings, topics
        self._topic = topic
        self._group, self._start, self._follow = group, start, follow
        self._progress = Progress(sieve)
        self._commit_due_s = monotonic()
        self._owned: set[TopicPartition] | None = None  # None: the group has not said yet
        with named_errors(settings):
            self._consumer = open_consumer(
                settings, group, session_timeout_ms=SESSION_MS, max_poll_interval_ms=WORK_MS_MAX
            )
            try:
                partitions = partitions_of(self._consumer, settings, topic)
                if group is None:
                    self._consumer.assign(partitions)
                    self._owned = set(partitions)
                else:
                    self._consumer.subscribe([topic], listener=_Rebalance(self._leave, self._own))
            except BaseException:
                self._consumer.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        """The next event; that says that the one before is done. Raises BrokerUnavailable, BadInput."""
        with named_errors(self.settings):
            self._progress.finish()
            self._try_to_commit()
            while (event := self._progress.next()) is None:
                if not self._follow and self._is_at_end():
                    self._try_to_commit()
                    break
                self._fetch()
        if event is None:
            raise StopIteration
        return event

    @property
    def skipped(self) -> dict[str, int]:
        """How many records could not be read, by reason (`SkipReason`)."""
        return dict(self._progress.sieve.skipped)

    def done(self, event: E) -> None:
        """Commit that `event` is done, now and not only when the next one is taken. Raises BrokerUnavailable."""
        if event is self._progress.handed:
            self._progress.finish()
            with named_errors(self.settings):
                self._commit()

    def close(self) -> None:
        """Leave. What was handed out and is not done is handed out again, to this group's next subscriber."""
        with named_errors(self.settings):
            try:
                self._try_to_commit()
            finally:
                self._consumer.close()

    def _is_at_end(self) -> bool:
        owned = self._owned
        if owned is None or {one.partition for one in owned} != self._progress.partitions:
            return False
        return self._progress.is_at_end({one.partition: self._consumer.position(one) or 0 for one in owned})

    def _leave(self) -> None:
        self._owned = None
        self._progress.leave()

    def _own(self, partitions: Iterable[TopicPartition]) -> None:
        self._owned = set(partitions)

    def _fetch(self) -> None:
        polled: Mapping[TopicPartition, Any] = {}
        is_deleted = False
        try:
            polled = self._consumer.poll(timeout_ms=POLL_MS)
        except NoOffsetForPartitionError:
            pass  # a new group: its partitions arrive below
        except OffsetOutOfRangeError:
            is_deleted = True  # what was to be read next: find out how much
        if is_deleted and self._owned:
            self._try_to_commit()
            self._arrive(self._owned)
        known = self._progress.partitions
        for partition, messages in polled.items():
            if partition.partition in known:
                self._progress.add(as_record(one) for one in messages)
        if arrived := {one for one in self._owned or () if one.partition not in known}:
            self._arrive(arrived)
        if monotonic() > self._commit_due_s:
            self._try_to_commit()

    def _arrive(self, partitions: Collection[TopicPartition]) -> None:
        """Find out where to begin with `partitions`, and begin there."""
        listed = sorted(partitions)
        begins, ends = self._consumer.beginning_offsets(listed), self._consumer.end_offsets(listed)
        since = (
            self._consumer.offsets_for_times(dict.fromkeys(listed, self._start))
            if _is_time(self._start)
            else {}
        )
        open_of = set()
        for one in listed:
            at = since.get(one)
            bounds = Bounds(int(begins[one]), int(ends[one]), None if at is None else int(at.offset))
            position = position_of(bounds, self._committed(one), self._start)
            if position.lost:
                log.warning(lost_words(self._topic, one.partition, position.lost))
            self._consumer.seek(one, position.read)
            self._progress.begin(one.partition, position, bounds)
            if position.is_open:
                open_of.add(one.partition)
        if open_of:
            rule = partition_rule(len(partitions_of(self._consumer, self.settings, self._topic)))
            records = read_to_end(self.settings, self.topics.incidents)
            self._progress.begin_open(
                self._progress.sieve.open_now(records, lambda model: rule(model) in open_of)
            )

    def _committed(self, partition: TopicPartition) -> int | None:
        if (known := self._progress.done.get(partition.partition)) is not None:
            return known
        committed = None if self._group is None else self._consumer.committed(partition)
        return None if committed is None else int(committed)

    def _try_to_commit(self) -> None:
        """Commit; where the brokers are away, later: until then a restart would only hand out more again."""
        try:
            self._commit()
        except KafkaError as error:
            log.warning("offsets of the group %s are not committed yet: %r", self._group, error)

    def _commit(self) -> None:
        self._commit_due_s = monotonic() + COMMIT_INTERVAL_S
        offsets = self._progress.commits()
        if self._group is None or not offsets:
            return
        wanted = {
            TopicPartition(self._topic, number): OffsetAndMetadata(offset, "", -1)
            for number, offset in offsets.items()
        }
        try:
            self._consumer.commit(wanted, timeout_ms=self.settings.request_timeout_ms)
        except TAKEN_AWAY:
            log.warning("the partitions went to another subscriber of the group %s meanwhile", self._group)
        else:
            self._progress.committed(offsets)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Tells which partitions are ours: the client names those of before while others join."""

    def __init__(self, leave: Callable[[], None], own: Callable[[Iterable[TopicPartition]], None]) -> None:
        self._leave, self._own = leave, own

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - all are; some are given back
        self._leave()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._own(assigned)


def _is_time(start: Start) -> bool:
    return isinstance(start, int)


def lost_words(topic: str, partition: int, lost: int) -> str:
    """What is said of records that retention has deleted."""
    return (
        f"{topic}, partition {partition}: {lost} records were deleted by retention before they were read; what is open "
        "now is handed out, and what is there"
    )
