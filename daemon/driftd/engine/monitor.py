"""The monitor of one model. Rule: models never look at each other, so each takes its whole share of a batch at once.

In order: predictions and labels are joined, kept predictions feed the inputs, joined pairs feed the outcomes; then
what both streams have to say is put in the order of the records that decided it, and incidents live by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from driftd.config import Limits, ModelSettings
from driftd.contract.record import Record, Source
from driftd.decode.batch import LabelColumns, ModelTable, PredictionColumns, PredictionRow, columns_from_rows
from driftd.decode.schema import Schema
from driftd.engine.incident import Incident
from driftd.engine.join import Join
from driftd.engine.kinds import Kind
from driftd.engine.label_watch import LabelWatch
from driftd.engine.learner import Learner
from driftd.engine.learning import Task, learn_task, score_classes, score_rows, task_of
from driftd.engine.life import Life
from driftd.engine.marks import Mark
from driftd.engine.newcomers import Newcomers
from driftd.engine.outcomes import SCHEMAS, columns_of
from driftd.engine.outputs import OutputEvent
from driftd.engine.pairs import joined_pairs, no_pairs
from driftd.engine.performance_watch import PerformanceWatch, learned_of
from driftd.engine.period_counting import Came, made_of
from driftd.engine.pulse import Pulse
from driftd.engine.pulse_words import LABELS
from driftd.engine.silences import Silences
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.engine.taking import NOTHING, Arrivals, Taken, arrivals_of_columns, arrivals_of_rows, take
from driftd.engine.telling import Teller
from driftd.engine.text_rules import text_rule
from driftd.engine.versions import replace_version
from driftd.reference.cut import start
from driftd.reference.panes import Columns, Place, PlaceList, Places, RecordPlaces
from driftd.reference.profile import Profile

STREAM_ORDER = {name: place for place, name in enumerate(StreamName)}

Positioned: TypeAlias = tuple[int, OutputEvent]
"""An output and the index, in the batch, of the record that decided it."""


class Monitor:
    """One model's life as driftd sees it."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        limits: Limits,
        profile: Profile | None = None,
        silences: Silences | None = None,
    ) -> None:
        """Begin to watch model `name`; a `profile` from a file takes the place of learning.

        `silences` are those of all models.
        """
        self.name = name
        self.settings = settings
        self.limits = limits
        self.file_profile = profile
        self.version: str | None = None
        self.past_versions: dict[str, None] = {}
        self.deployed_at_ms = 0
        self.counters: dict[str, int] = {}
        self.text_rule = text_rule(settings.labels)
        self.life = Life(name, settings, Silences() if silences is None else silences, self.count)
        self.incidents, self.retraining = self.life.incidents, self.life.retraining
        self.join = Join(settings.labels)
        self.pulse = Pulse(settings)
        self.repeated: list[int] = []
        self.looked: list[tuple[int, Evaluation]] = []
        self.begin()

    def begin(self) -> None:
        """Start to learn what is normal: for a new model, a new version, or after a reset."""
        self.learner = Learner(self.settings.features, self.limits)
        self.newcomers = Newcomers(self.settings.features)
        self.schema: Schema | None = None
        self.task: Task | None = None
        self.pairs = no_pairs()
        self.inputs = self._stream(StreamName.INPUTS)
        self.outcomes = self._stream(StreamName.OUTCOMES)
        self.join.restart()
        self.label_watch = LabelWatch(self.settings)
        self.performance = PerformanceWatch(self.settings)
        streams = (self.inputs, self.outcomes)
        self.teller = Teller(self.name, self.version, self.limits.contributors_max, streams)
        self.life.begin(self.teller, streams)
        profile = self.file_profile
        if profile is not None and profile.version in (None, self.version):
            self.schema = profile.schema
            self.task = task_of(profile.schema, self.settings.labels.task)
            self.join.waiting.score(score_classes(self.schema))
            self.inputs.watch(profile)

    def _stream(self, name: StreamName) -> Stream:
        return Stream(name, self.name, self.version, self.settings, self.limits.categories_max)

    def is_new_version(self, version: str | None) -> bool:
        """Whether an event of `version` means that a version unknown so far is at work."""
        return version is not None and version != self.version and version not in self.past_versions

    def deploy(self, version: str, place: Place) -> list[OutputEvent]:
        """Version `version` is out: what was open is closed, and what is normal is learned anew."""
        is_past = version in self.past_versions
        replace_version(self.past_versions, self.version, version)
        self.count("deployments", 1)
        self.deployed_at_ms = place.at_ms
        told = self.life.deploy(version, place, is_past=is_past)
        self.version = version
        self.begin()
        return told

    def reset(self, place: Place) -> list[OutputEvent]:
        """A person wants the same version to be learned anew."""
        self.count("resets", 1)
        self.pulse = Pulse(self.settings)
        told = self.life.reset(place)
        self.begin()
        return told

    def name_version(self, version: str) -> None:
        """The version that was running unnamed now names itself."""
        self.version = self.teller.version = self.inputs.version = self.outcomes.version = version

    def resolve(self, incidents: Sequence[Incident], place: Place) -> list[OutputEvent]:
        """A person resolves open `incidents`."""
        if any(Kind.SILENCE in incident.kinds for incident in incidents):
            self.pulse.forget()
        return self.life.resolve(incidents, place)

    def tick(self, place: Place) -> list[OutputEvent]:
        """Time has passed."""
        told = self.life.hush(place)
        ticked, looked = self.pulse.tick(place, self.counters), self.label_watch.tick(place, self.pulse)
        evaluations = (self.label_watch.stops.but_told(ticked), looked)
        told += [event for one in evaluations if one is not None for event in self.life.live(one)]
        return told + self.life.request(place)

    def mark(self, offsets: Mapping[Source, int], at_ms: int) -> bool:
        """Remember how many events of the model had come at `offsets`; False if none had since the last time."""
        predictions, labelled = (self.counters.get(name, 0) for name in ("predictions", "labels_joined"))
        return self.life.marks.add(Mark(offsets, at_ms, predictions, labelled))

    def apply(self, table: ModelTable, records: Sequence[Record]) -> list[Positioned]:
        """Take the model's share of a batch, all of it of known versions; what is to be told, in order."""
        self.repeated, self.looked = [], []
        if table.labels is not None:
            self.pulse.see_partitions(LABELS, (records[i] for i in table.labels.positions.tolist()))
        evaluations = self._take(table, records) + self.looked
        evaluations.sort(key=lambda item: (item[0], STREAM_ORDER[item[1].stream]))
        return [(position, event) for position, one in evaluations for event in self.life.live(one)]

    def count(self, name: str, number: int) -> None:
        """Add to one of the model's counters."""
        if number:
            self.counters[name] = self.counters.get(name, 0) + number

    def _take(self, table: ModelTable, records: Sequence[Record]) -> list[tuple[int, Evaluation]]:
        """Feed what the join keeps to both streams; evaluations with the positions of the deciding records."""
        predictions, labels = table.predictions, table.labels
        if isinstance(predictions, PredictionColumns):
            return self._feed(
                arrivals_of_columns(predictions, score_rows(self.schema)), predictions, labels, records
            )
        if predictions is None or self.schema is not None:
            columns = None
            if predictions is not None and self.schema is not None:
                columns = columns_from_rows(predictions, self.schema)
            arrivals = NOTHING if columns is None else arrivals_of_columns(columns, score_rows(self.schema))
            return self._feed(arrivals, columns, labels, records)
        # still learning: up to the event that completes it, and then the rest as columns
        arrivals = arrivals_of_rows(predictions)
        room = self.settings.reference.learn_events - len(self.learner)
        taken = self._joined(arrivals, labels, records, room)
        kept = [predictions.rows[i] for i in taken.kept]
        positions = [arrivals.positions[i] for i in taken.kept]
        self._learn(kept, RecordPlaces(np.array([row.at_ms for row in kept], np.int64), positions, records))
        evaluations = self._outcomes(taken, records)
        if self.schema is None:
            return evaluations
        rest = predictions.slice(taken.next_prediction, len(predictions.rows))
        rest_labels = None if labels is None else labels.slice(taken.next_label, len(labels.prediction_ids))
        return evaluations + self._take(ModelTable(rest, rest_labels), records)

    def _feed(
        self,
        arrivals: Arrivals,
        columns: PredictionColumns | None,
        labels: LabelColumns | None,
        records: Sequence[Record],
    ) -> list[tuple[int, Evaluation]]:
        learn_events = self.settings.reference.learn_events - len(self.learner)
        learning = None if self.task is not None else learn_events
        taken = self._joined(arrivals, labels, records, learning)
        told = self._outcomes(taken, records)
        if columns is None or not taken.kept:
            return told
        if columns.unknown and self.schema is not None:
            self.schema = self.newcomers.met(self.schema, columns.unknown)
        values = Columns(columns.numbers, columns.categories)
        at_ms, positions = columns.at_ms, arrivals.positions
        if len(taken.kept) < len(positions):
            values, at_ms = values.take(taken.kept), at_ms[taken.kept]
            positions = [positions[i] for i in taken.kept]
        if self.schema is not None:
            self.pulse.see(self.schema, values, at_ms, [records[position] for position in positions])
        evaluations = self.inputs.add(values, RecordPlaces(at_ms, positions, records))
        return told + [(positions[evaluation.index], evaluation) for evaluation in evaluations]

    def _joined(
        self, arrivals: Arrivals, labels: LabelColumns | None, records: Sequence[Record], stop: int | None
    ) -> Taken:
        taken = take(self.join, arrivals, labels, records, self.past_versions.__contains__, stop)
        self.repeated += taken.repeated
        kept = [(arrivals.positions[i], arrivals.at_ms[i], arrivals.predictions[i]) for i in taken.kept]
        self.looked += self.label_watch.add(kept, taken.joined, taken.joined_at, records, self.task)
        made, came = made_of(arrivals, taken.kept), Came(taken.joined, taken.joined_at)
        learned, next_number = learned_of(self.task, self.inputs), self.join.waiting.next_number
        self.looked += self.performance.add(made, next_number, came, records, learned)
        counts = self.join.take_counts()
        for name, number in counts.some():
            self.count(name, number)
        self.count("predictions", len(taken.kept))
        self.count("labels", taken.next_label)
        self.count("predictions_of_past_versions", taken.past)
        return taken

    def _learn(self, rows: Sequence[PredictionRow], places: Places) -> None:
        """Keep the first rows; when they are enough, learn the signals from them and begin the reference."""
        learner = self.learner
        learner.add(rows, places)
        if len(learner) < self.settings.reference.learn_events:
            return
        self.schema, columns, learned = learner.learn()
        self.count("features_ignored", learner.ignored)
        self.task = learn_task(learned, self.settings.labels.task)
        self.join.waiting.score(score_classes(self.schema))
        watched = Columns(columns.numbers, columns.categories)
        learned_from = PlaceList(learner.places)
        self.inputs.start(start(self.schema, watched), learned_from)
        self.inputs.add(watched, learned_from)
        self.learner = Learner(self.settings.features, self.limits)

    def _outcomes(self, taken: Taken, records: Sequence[Record]) -> list[tuple[int, Evaluation]]:
        """Feed the joined pairs to the outcomes; the place of an evaluation is that of the deciding record."""
        if self.task is None or not len(taken.pairs):
            return []
        earlier = len(self.pairs)
        pairs, self.pairs = joined_pairs([self.pairs, taken.pairs]), no_pairs()
        if self.outcomes.profile is None and self.outcomes.builder is None:
            if len(pairs) < self.outcome_learn_events:
                self.pairs = pairs
                return []
            begin = pairs.slice(0, self.outcome_learn_events)
            cut = start(SCHEMAS[self.task], columns_of(begin, self.task, self.text_rule))
            self.outcomes.start(cut, begin.places)
        told: list[tuple[int, Evaluation]] = []
        for evaluation in self.outcomes.add(columns_of(pairs, self.task, self.text_rule), pairs.places):
            # pairs that waited for the first bins to be fixed are part of the reference, so they decide nothing
            decider = evaluation.index - earlier
            record = records[taken.deciders[decider]]
            place = Place(taken.decided_at_ms[decider], record.topic, record.partition, record.offset)
            told.append((taken.deciders[decider], replace(evaluation, place=place)))
        return told

    @property
    def outcome_learn_events(self) -> int:
        """How many joined pairs fix the bins of error and loss: a quarter of their reference."""
        return max(self.settings.labels.reference_events // 4, 1)
