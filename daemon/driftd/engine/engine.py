"""The engine: records in applied order go in, facts come out. Rule: nothing else decides anything.

`apply` keeps the seven promises: no clock or randomness, redelivered records are skipped, batches and restarts
are invisible, identities are derived, bad data is an output, everything is bounded. An exception is our own bug.
"""

from collections.abc import Iterable, Mapping, Sequence

from driftd.config import Config
from driftd.contract.events_in import Command, Deployment, RetrainingReply, Tick
from driftd.contract.record import Record, Source
from driftd.contract.rejection import RejectionReason
from driftd.decode.batch import Batch, ModelTable, decode, decode_control
from driftd.decode.rejections import Rejection
from driftd.decode.schema import Schema
from driftd.engine.commands import deploy, obey, take_reply
from driftd.engine.engine_state import EngineMemory, engine_entries, restore_engine
from driftd.engine.fresh import take_fresh
from driftd.engine.monitor import Monitor, Positioned
from driftd.engine.numbering import take_numbers
from driftd.engine.outputs import OutputEvent, Outputs
from driftd.engine.silence_telling import silence_ended
from driftd.engine.silences import Silences
from driftd.engine.state import State
from driftd.engine.status import EngineStatus, model_status
from driftd.engine.telling import rejected_event
from driftd.reference.panes import Place
from driftd.reference.profile import Profile

PIECE_RECORDS_MIN = 1000
PIECE_RECORDS_PER_MODEL = 500
"""Large batches are worked off in pieces that stay in the processor's cache: ten times larger ones take half again as
long. With many models a piece holds more, because each model's share has a cost of its own."""

RECORDS_AFTER_A_SPLIT = 64
"""A new version cuts the batch; what follows is decoded in growing pieces, so that many versions stay cheap."""


class Engine:
    """All models of one shard. Owns its state; `snapshot` gives it out, the constructor takes it back."""

    def __init__(
        self, config: Config, state: State | None = None, references: Mapping[str, Profile] | None = None
    ) -> None:
        """Begin anew, or go on from `state`; `references` are profiles from files, by model.

        Raises StateError where `state` cannot be gone on from.
        """
        self.config = config
        self.references = references or {}
        self.offsets: dict[Source, int] = {}
        self.counters: dict[str, int] = {}
        self.clock_ms = 0
        self.monitors: dict[str, Monitor] = {}
        self.schemas: dict[str, Schema] = {}
        self.dirty: set[str] = set()
        self.silences = Silences()
        self.memory = EngineMemory()
        self._piece_records = PIECE_RECORDS_MIN
        self._inputs = frozenset((*config.topics.predictions, *config.topics.labels))
        if state is not None and state.entries:
            restore_engine(self, state)

    def apply(self, records: Sequence[Record]) -> Outputs:
        """Take `records`, of any input topics, in applied order; all that is to be told of them.

        Records that were applied before are skipped.
        """
        told: list[OutputEvent] = []
        fresh, marks = take_fresh(records, self.offsets, self.counters, self._inputs)
        begin = 0
        for cut in marks:
            told += self._apply_between_marks(fresh[begin : cut.end])
            self.dirty |= {
                name for name, monitor in self.monitors.items() if monitor.mark(cut.offsets, cut.at_ms)
            }
            begin = cut.end
        return Outputs((*told, *self._apply_between_marks(fresh[begin:])))

    def _apply_between_marks(self, records: Sequence[Record]) -> list[OutputEvent]:
        told: list[OutputEvent] = []
        run: list[Record] = []
        for record in records:
            if record.topic in self._inputs:
                run.append(record)
                continue
            told += self._apply_run(run)
            run = []
            told += self._apply_control(record)
        return told + self._apply_run(run)

    def snapshot(self) -> State:
        """The whole state."""
        return State(engine_entries(self, EngineMemory(), whole=True, models=self.monitors))

    def changes(self) -> dict[str, bytes | None]:
        """The state's entries that have changed since this was last asked, None for one to delete."""
        entries = engine_entries(self, self.memory, whole=False, models=sorted(self.dirty))
        self.dirty.clear()
        self.memory.ticked.clear()
        return entries

    def status(self) -> EngineStatus:
        """What a person or a metric wants to know of the engine at present."""
        return EngineStatus(
            self.clock_ms, tuple(model_status(self.monitors[name]) for name in sorted(self.monitors))
        )

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of the engine's counters."""
        self.counters[name] = self.counters.get(name, 0) + number

    def monitor(self, model: str) -> Monitor | None:
        """The monitor of `model`, a new one where there is none; None where there are too many models."""
        monitor = self.monitors.get(model)
        if monitor is None and len(self.monitors) < self.config.limits.models_max:
            settings = self.config.for_model(model)
            reference = self.references.get(model)
            monitor = Monitor(model, settings, self.config.limits, reference, self.silences)
            self.monitors[model] = monitor
        if monitor is not None:
            self.dirty.add(model)
        return monitor

    def _apply_run(self, records: Sequence[Record]) -> list[OutputEvent]:
        """Apply records of predictions and labels. A new version cuts the run: what follows is learned anew."""
        told: list[OutputEvent] = []
        size, begin = self._piece_records, 0
        while begin < len(records):
            piece = records[begin : begin + size]
            batch = self._decode(piece)
            turn = self._turn(batch)
            if turn is None:
                told += self._apply_batch(batch, piece)
                self._piece_records = max(PIECE_RECORDS_MIN, PIECE_RECORDS_PER_MODEL * len(batch.models))
                begin, size = begin + len(piece), min(size * 2, self._piece_records)
                continue
            position, model, version, at_ms = turn
            if position > 0:
                told += self._apply_batch(self._decode(piece[:position]), piece[:position])
            told += self._begin_version(model, version, at_ms, piece[position])
            begin, size = begin + position, RECORDS_AFTER_A_SPLIT
        return told

    def _decode(self, records: Sequence[Record]) -> Batch:
        return decode(records, self.config.topics, self.config.limits, self.schemas)

    def _turn(self, batch: Batch) -> tuple[int, str, str, int] | None:
        """The first prediction of a version that its model was not of: (position, model, version, at_ms)."""
        turns: list[tuple[int, str, str, int]] = []
        for model, table in batch.models.items():
            monitor = self.monitors.get(model)
            if monitor is None and len(self.monitors) >= self.config.limits.models_max:
                continue
            predictions = table.predictions
            if predictions is None or all(
                version is None or (monitor is not None and not monitor.is_new_version(version))
                for version in set(predictions.versions)
            ):
                continue
            for index, version in enumerate(predictions.versions):
                if version is not None and (monitor is None or monitor.is_new_version(version)):
                    position = int(predictions.positions[index])
                    turns.append((position, model, version, int(predictions.at_ms[index])))
                    break
        return min(turns, default=None)

    def _begin_version(self, model: str, version: str, at_ms: int, record: Record) -> list[OutputEvent]:
        monitor = self.monitor(model)
        if monitor is None:
            return []
        if monitor.version is None:
            monitor.name_version(version)
            return []
        told = monitor.deploy(version, Place(at_ms, record.topic, record.partition, record.offset))
        self._forget_schemas()
        return told

    def _apply_batch(self, batch: Batch, records: Sequence[Record]) -> list[OutputEvent]:
        told: list[Positioned] = []
        rejections = list(batch.rejected)
        for model, table in batch.models.items():
            monitor = self.monitor(model)
            if monitor is None:
                rejections += self._too_many_models(model, table)
                continue
            told += monitor.apply(table, records)
            rejections += [
                Rejection(
                    position,
                    RejectionReason.DUPLICATE_PREDICTION_ID,
                    "a prediction with this prediction_id came before; ids must be unique",
                    model,
                )
                for position in monitor.repeated
            ]
            if monitor.schema is not None:
                self.schemas[model] = monitor.schema
            self.clock_ms = max(self.clock_ms, monitor.join.clock_ms)
        self.memory.ticked |= take_numbers(batch.numbered, self.monitors)
        told += [
            (rejection.position, self._reject(rejection, records[rejection.position]))
            for rejection in rejections
        ]
        told.sort(key=lambda item: item[0])
        return [event for _, event in told]

    def _too_many_models(self, model: str, table: ModelTable) -> list[Rejection]:
        positions: list[int] = []
        for columns in (table.predictions, table.labels):
            if columns is not None:
                positions += columns.positions.tolist()
        detail = f"driftd watches limits.models_max = {self.config.limits.models_max} models already"
        return [
            Rejection(position, RejectionReason.MODELS_MAX_REACHED, detail, model) for position in positions
        ]

    def _reject(self, rejection: Rejection, record: Record) -> OutputEvent:
        self.count(f"rejected.{rejection.reason.value}")
        return rejected_event(rejection, record)

    def _apply_control(self, record: Record) -> list[OutputEvent]:
        if record.topic not in (self.config.topics.control, self.config.topics.journal):
            known = ", ".join((*sorted(self._inputs), self.config.topics.control))
            detail = f"topic {record.topic!r} is none of driftd's inputs; they are {known}"
            return [self._reject(Rejection(0, RejectionReason.UNKNOWN_TOPIC, detail, None), record)]
        event = decode_control(record, self.config.limits)
        told: list[OutputEvent] = []
        refused: Rejection | None = None
        if isinstance(event, Rejection):
            refused = event
        else:
            place = Place(event.at_ms, record.topic, record.partition, record.offset)
            self.clock_ms = max(self.clock_ms, event.at_ms)
            self.count("control_events")
            if isinstance(event, Deployment):
                told, refused = self._deploy(event, place)
            elif isinstance(event, Tick):
                told = self._tick(place)
            elif isinstance(event, RetrainingReply):
                told, refused = take_reply(event, place, self._all_dirty())
            elif isinstance(event, Command):
                self._all_dirty()
                told, refused = obey(event, place, self.monitors, self.silences, self.clock_ms)
        self._forget_schemas()
        if refused is not None:
            told = [*told, self._reject(refused, record)]
        return told

    def _all_dirty(self) -> Iterable[Monitor]:
        """All models, any of which may change now."""
        self.dirty |= self.monitors.keys()
        return self.monitors.values()

    def _deploy(self, event: Deployment, place: Place) -> tuple[list[OutputEvent], Rejection | None]:
        monitor = self.monitor(event.model)
        if monitor is None:
            return [], Rejection(0, RejectionReason.MODELS_MAX_REACHED, "too many models", event.model)
        return deploy(event, place, monitor)

    def _tick(self, place: Place) -> list[OutputEvent]:
        told = [silence_ended(one, place) for one in self.silences.over(place.at_ms)]
        for name in sorted(self.monitors):
            monitor = self.monitors[name]
            # a thousand models are ticked at once: all of one is written only where a tick can change it
            alive = bool(monitor.incidents.current) or monitor.retraining.current is not None
            window_ms = monitor.label_watch.stream.window_began_ms
            events = monitor.tick(place)
            told += events
            alive = alive or window_ms != monitor.label_watch.stream.window_began_ms
            (self.dirty if alive or events or monitor.incidents.current else self.memory.ticked).add(name)
        return told

    def _forget_schemas(self) -> None:
        """A model that begins anew is decoded as an unknown one until it has been learned."""
        for name, monitor in self.monitors.items():
            if monitor.schema is None:
                self.schemas.pop(name, None)
            else:
                self.schemas[name] = monitor.schema
