"""One loop in one process: a model, the engine that watches it, the worker's training. Rule: the stream is the clock.

The engine is the daemon's; what is trained, on what, and when, is decided by the functions of
examples/retraining/worker.py.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.closed_loop.streams import Subject
from driftd.contract.cloudevents import EventType
from driftd.contract.events_out import AlertData, RetrainingData
from driftd.contract.record import Record
from driftd.engine.engine import Engine
from driftd.engine.outputs import OutputEvent
from examples.retraining.model import Model, best, train
from examples.retraining.stream import Collected
from examples.retraining.worker import Refused, is_enough, renewed

CHUNK_ROWS: Final = 48
"""How often the worker looks: once a day of elec2."""
CONTROL: Final = "driftd.control"


@dataclass(slots=True)
class Told:
    """A request and what became of it; rows of the stream. `detected` is when its incident was told."""

    data: RetrainingData
    detected: int
    requested: int
    deployed: int | None = None
    ended: int | None = None
    end: str = "in flight"
    reason: str | None = None


@dataclass(slots=True)
class Lived:
    """How the loop went: for each row after the training whether version 1, and the version that ran, was right.

    `replaced` says the same of the version that a request in flight was about, which no longer runs.
    """

    begin: int
    is_right: list[bool] = field(default_factory=list)
    is_frozen_right: list[bool] = field(default_factory=list)
    is_replaced_right: list[bool] = field(default_factory=list)
    requests: list[Told] = field(default_factory=list)
    opened: list[tuple[int, AlertData]] = field(default_factory=list)


class Loop:
    """Lets a model answer a stream, and be trained anew when the engine asks for it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.engine = Engine(subject.config)
        self.first: Model = train(subject.stream.examples[: subject.training_rows])
        self.model: Model = self.first
        self.replaced: Model = self.first
        self.version = "1"
        self.records: list[Record] = []
        self.controls = 0
        self.waiting: Told | None = None
        self.lived = Lived(subject.training_rows)

    def live(self) -> Lived:
        """All of the stream."""
        begin, end = self.subject.training_rows, len(self.subject.stream.examples)
        for row in range(begin, end, CHUNK_ROWS):
            records = self._answered(row, min(row + CHUNK_ROWS, end))
            self.records += records
            self._hear(self.engine.apply(records).events)
            if self.waiting is not None:
                self._work(self.waiting)
        return self.lived

    def _answered(self, begin: int, end: int) -> list[Record]:
        """The model answers rows; the label of each comes a step later."""
        stream, lived = self.subject.stream, self.lived
        records = []
        for row in range(begin, end):
            if row > self.subject.training_rows:
                records.append(stream.label(row - 1))
            features, truth = stream.examples[row]
            scores = self.model.scores(features)
            records.append(stream.prediction(row, self.version, scores))
            lived.is_right.append(best(scores) == truth)
            lived.is_frozen_right.append(best(self.first.scores(features)) == truth)
            lived.is_replaced_right.append(best(self.replaced.scores(features)) == truth)
        return records

    def _hear(self, events: Sequence[OutputEvent]) -> None:
        stream, lived = self.subject.stream, self.lived
        for event in events:
            document: dict[str, Any] = json.loads(event.value)["data"]
            if event.event_type == EventType.ALERT_OPENED:
                alert = AlertData.model_validate(document)
                lived.opened.append((stream.row_at(alert.decided.at_ms), alert))
            elif event.event_type.startswith("dev.driftd.retraining."):
                self._follow(RetrainingData.model_validate(document))

    def _follow(self, data: RetrainingData) -> None:
        stream, lived = self.subject.stream, self.lived
        if data.phase == "requested":
            requested = stream.row_at(data.requested_at_ms)
            detected = [row for row, alert in lived.opened if alert.incident_id in data.incident_ids]
            self.waiting = Told(data, min(detected, default=requested), requested)
            lived.requests.append(self.waiting)
            self._say(type="retraining_reply", status="accepted", request_id=data.request_id)
            return
        for told in lived.requests:
            if told.data.request_id == data.request_id and data.phase not in (
                "accepted",
                "completed",
                "watched",
            ):
                told.end, told.reason = data.phase, data.reason
                told.ended = lived.begin + len(lived.is_right)
                told.data = data
                self.waiting = None if self.waiting is told else self.waiting

    def _work(self, told: Told) -> None:
        """What the worker does about a request: examples/retraining/worker.py, Worker.answer."""
        data, stream = told.data, self.subject.stream
        collected = Collected(data.model, data.data_range.from_at_ms)
        first_row = max(stream.row_at(data.data_range.from_at_ms), self.lived.begin)
        for record in self.records[2 * (first_row - self.lived.begin) :]:
            collected.add(record.value)
        if not is_enough(data, collected):
            return
        self.waiting = None
        try:
            model = renewed(data, collected.examples(), self.model)
        except Refused as refused:
            self._say(
                type="retraining_reply", status="rejected", request_id=data.request_id, reason=str(refused)
            )
            return
        self.replaced, self.model, self.version = self.model, model, data.request_id
        told.deployed = self.lived.begin + len(self.lived.is_right)
        self._say(type="deployment", model=data.model, model_version=self.version, request_id=data.request_id)

    def _say(self, **event: Any) -> None:
        at_ms = self.records[-1].timestamp_ms
        value = json.dumps({**event, "at_ms": at_ms}).encode()
        record = Record(CONTROL, 0, self.controls, at_ms, self.subject.stream.model.encode(), value)
        self.controls += 1
        self._hear(self.engine.apply([record]).events)
