"""What the labels of one model are watched for. Rule: fed in the order of the records, looked at every LOOK_EVENTS.

An event is a prediction, a joined label or a tick; all is counted from the first label on, so that a model without
labels costs nothing. What holds at a look is an `Evaluation` at the record that completed it, the same whatever way
the records are cut into batches. Changed names of classes are looked for in first labels; annotators and conventions in
all of them, but a correction by the same hand is no second opinion about the model.

The budget: LABELS_SHARE of the model's, evenly among the four watches. They count it in labels:
`per_days` are turned into labels by their rate so far, learned after RATE_LABELS labels and again each time there are
twice as many; a label counts as one of `per_events`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeGuard, TypeVar

from driftd.config import Labels, ModelSettings
from driftd.contract.record import Record
from driftd.detectors.base import Claim, Effect, Finding
from driftd.engine.label_coming import Coming, Kept
from driftd.engine.label_stops import LabelStops
from driftd.engine.learning import Task
from driftd.engine.pairs import PairKind, Pairs
from driftd.engine.pulse import Pulse
from driftd.engine.shares import LABELS_SHARE
from driftd.engine.stream import Evaluation, StreamName
from driftd.labelling.annotators import AnnotatorWatch
from driftd.labelling.conventions import ConventionWatch
from driftd.labelling.finding import LabelFinding
from driftd.labelling.mapping import MappingWatch
from driftd.labelling.stream import Comes, LabelStreamWatch
from driftd.performance.text import TextRule
from driftd.reference.cycle import DAY_MS
from driftd.reference.panes import Place

LOOK_EVENTS: Final = 128
"""What the label watches get of the model's budget, beside what its detectors share."""
WATCHES: Final = 4
RATE_LABELS: Final = 1_024
BUDGET_LABELS_FIRST: Final = 1e7
"""The budget of one watch until the rate of labels is known."""
BUDGET_LABELS_MIN: Final = 1e4
BUDGET_LABELS_MAX: Final = 1e12
SPAN_MS_MIN: Final = 1_000
MARKS_MAX: Final = 32
"""So many records are remembered to tell where a change began; the older, the farther apart."""

Watch = TypeVar("Watch", MappingWatch, AnnotatorWatch, ConventionWatch, LabelStreamWatch)


class LabelWatch:
    """The four watches of one model.

    `mapping` is None for numbers, `annotators` until a label names one, `conventions` until a label is a sentence.
    """

    def __init__(self, settings: ModelSettings) -> None:
        reference = settings.labels.reference_events
        self.settings = settings
        self.events = self.labels = 0
        self.quiet_looks = settings.incidents.keep_open_panes
        self.budget_labels = BUDGET_LABELS_FIRST
        self.budget_due = RATE_LABELS
        self.marks: list[tuple[int, Place]] = []
        self.first_look: tuple[int, int] | None = None
        self.mapping: MappingWatch | None = MappingWatch(self.budget_labels, reference)
        self.stream = LabelStreamWatch(self.budget_labels, reference)
        self.stops = LabelStops()
        self.annotators: AnnotatorWatch | None = None
        self.conventions: ConventionWatch | None = None
        self._rule = text_rule(settings.labels)
        self._kept = Kept()

    def add(
        self,
        predictions: Sequence[tuple[int, int, object]],
        pairs: Pairs,
        joined_at: Sequence[int],
        records: Sequence[Record],
        task: Task | None,
    ) -> list[tuple[int, Evaluation]]:
        """Take predictions, as (position of the record, time in ms, answer), and pairs, made by those at `joined_at`.

        What is found, with the positions of the deciding records. `task` is what the model does, None if not known yet.
        """
        if not self.events and not self._kept:
            if not joined_at:
                return []
            predictions = [one for one in predictions if one[0] >= joined_at[0]]
        if not predictions and not joined_at:
            return []
        if task is Task.REGRESSION:
            self.mapping = None
        begin = self._kept.records
        self._kept.keep(predictions, pairs, joined_at, len(records))
        if self.events % LOOK_EVENTS + len(self._kept) < LOOK_EVENTS:
            return []
        return self._take(records, begin)

    def flush(self) -> None:
        """Let the watches take what is kept for the next look."""
        if self._kept:
            self._take((), 0)

    def _take(self, records: Sequence[Record], first: int) -> list[tuple[int, Evaluation]]:
        """Let the watches take what is kept, and look; `records` are those from the position `first` on."""
        coming = self._kept.take()
        told: list[tuple[int, Evaluation]] = []
        begin = 0
        while begin < len(coming.positions):
            end = min(begin + LOOK_EVENTS - self.events % LOOK_EVENTS, len(coming.positions))
            self._feed(coming, begin, end)
            self.events += end - begin
            if self.events % LOOK_EVENTS == 0:
                position = coming.positions[end - 1] - first
                record = records[position]
                place = Place(coming.at_ms[end - 1], record.topic, record.partition, record.offset)
                told += [(position, looked) for looked in self._look(place)]
            begin = end
        return told

    def tick(self, place: Place, pulse: Pulse) -> Evaluation | None:
        """Time has passed, to `place`, and `pulse` knows it; what holds then, None if nothing does."""
        self.flush()
        self.stops.tick(place.at_ms, pulse, self.labels)
        if not self.events:
            return None
        self.stream.update([Comes.TICK], [place.at_ms], [None], [False])
        findings = self._findings()
        return self._evaluation(place, findings, pane_done=False) if findings else None

    def _feed(self, coming: Coming, begin: int, end: int) -> None:
        """Let each watch take the events from `begin` to before `end`, which are all of one look."""
        self.stream.update(
            coming.comes[begin:end],
            coming.at_ms[begin:end],
            coming.predicted_at_ms[begin:end],
            coming.corrected[begin:end],
        )
        first, stop = coming.labels_before[begin], coming.labels_before[end]
        if first == stop:
            return
        pairs = coming.pairs.slice(first, stop)
        at_ms, labels = coming.labelled_at_ms[first:stop], list(pairs.labels)
        is_first = [kind is PairKind.FIRST for kind in pairs.kinds]
        if self.mapping is not None:
            answers = [
                answer if one else None for answer, one in zip(pairs.predictions, is_first, strict=True)
            ]
            self.mapping.update(answers, labels, at_ms)
        earlier = [
            label if kind is PairKind.AGREEMENT else replaced
            for label, kind, replaced in zip(labels, pairs.kinds, pairs.replaced, strict=True)
        ]
        self._feed_annotators(pairs, at_ms, earlier)
        if self.conventions is None:
            sentence = next((i for i, label in enumerate(labels) if is_sentence(label)), None)
            if sentence is not None:
                self.conventions = begun(ConventionWatch, self.budget_labels, self.labels, sentence, at_ms)
        if self.conventions is not None:
            since = max(self.conventions.labels - self.labels, 0)
            self.conventions.update(
                labels[since:],
                pairs.annotators[since:],
                at_ms[since:],
                earlier[since:],
                pairs.replaced_annotators[since:],
            )
        self.labels += len(labels)

    def _feed_annotators(self, pairs: Pairs, at_ms: list[int], earlier: list[Any]) -> None:
        if self.annotators is None:
            named = next((i for i, name in enumerate(pairs.annotators) if name is not None), None)
            if named is None:
                return
            self.annotators = begun(AnnotatorWatch, self.budget_labels, self.labels, named, at_ms)
        since = max(self.annotators.labels - self.labels, 0)
        answers, others = list(pairs.predictions), list(earlier)
        for i, kind in enumerate(pairs.kinds):
            if kind is PairKind.CORRECTION and pairs.annotators[i] == pairs.replaced_annotators[i]:
                answers[i] = others[i] = None
        # how a text is written is no disagreement about what was said
        self.annotators.update(
            pairs.annotators[since:],
            [self._said(answer) for answer in answers[since:]],
            [self._said(label) for label in pairs.labels[since:]],
            at_ms[since:],
            pairs.replaced_annotators[since:],
            [self._said(label) for label in others[since:]],
        )

    def _said(self, value: object) -> object:
        """The words of a sentence that count; anything else as it is."""
        return " ".join(self._rule.words(value)) if is_sentence(value) else value

    def _look(self, place: Place) -> list[Evaluation]:
        """End a look at the record `place`; its evaluation, if anybody can want it."""
        if self.first_look is None:
            self.first_look = (self.labels, self.stream.now_ms)
        self.marks.append((self.labels, place))
        if len(self.marks) > MARKS_MAX:
            # the latest half stays as it is, every other one of the older half goes
            half = MARKS_MAX // 2
            self.marks = self.marks[:half:2] + self.marks[half:]
        if self.labels >= self.budget_due:
            self._renew_budget()
            self.budget_due *= 2
        findings = self._findings()
        self.quiet_looks = 0 if findings else self.quiet_looks + 1
        if self.quiet_looks > self.settings.incidents.keep_open_panes:
            self.quiet_looks = self.settings.incidents.keep_open_panes
            return []
        return [self._evaluation(place, findings, pane_done=True)]

    def _renew_budget(self) -> None:
        """Count the budget in labels by their rate since the first look."""
        budget = self.settings.budget
        span = float(budget.per_events or 0)
        if budget.per_events is None:
            labels, since_ms = self.first_look or (0, 0)
            elapsed_ms = max(self.stream.now_ms - since_ms, SPAN_MS_MIN)
            span = (self.labels - labels) / elapsed_ms * budget.per_days * DAY_MS
        per_alarm = span / (budget.false_alarms * LABELS_SHARE / WATCHES)
        self.budget_labels = min(max(per_alarm, BUDGET_LABELS_MIN), BUDGET_LABELS_MAX)
        if self.mapping is not None:
            self.mapping = rebudgeted(self.mapping, self.budget_labels)
        if self.annotators is not None:
            self.annotators = rebudgeted(self.annotators, self.budget_labels)
        if self.conventions is not None:
            self.conventions = rebudgeted(self.conventions, self.budget_labels)
        self.stream = rebudgeted(self.stream, self.budget_labels)

    def _findings(self) -> list[Finding]:
        """What holds now, of all watches."""
        watches = {
            "label_mapping": self.mapping,
            "label_annotators": self.annotators,
            "label_conventions": self.conventions,
        }
        found = {name: watch.findings for name, watch in watches.items() if watch is not None}
        found["label_stream"] = self.stops.to_tell(self.stream.findings, self.labels)
        return [self._finding(name, finding) for name, findings in found.items() for finding in findings]

    def _finding(self, watch: str, finding: LabelFinding) -> Finding:
        claim = Claim(finding.sentence, finding.parties, finding.before, finding.after, finding.labels)
        return Finding(
            f"labels.{finding.what.value}", Effect.LABELS, watch, max(finding.strength, 1.0), 1.0,
            self._place(finding), weighed=True, claim=claim,
        )  # fmt: skip

    def _place(self, finding: LabelFinding) -> Place:
        """The latest record remembered before the label that the finding began with, with that label's time."""
        before = [place for labels, place in self.marks if labels <= finding.onset_number]
        place = before[-1] if before else self.marks[0][1]
        return replace(place, at_ms=finding.onset_at_ms)

    @staticmethod
    def _evaluation(place: Place, findings: Sequence[Finding], *, pane_done: bool) -> Evaluation:
        return Evaluation(StreamName.LABELS, 0, place, tuple(findings), pane_done, (), {})


def begun(kind: type[Watch], budget_labels: float, labels: int, index: int, at_ms: Sequence[int]) -> Watch:
    """A watch that begins with the label `index` of those at `at_ms`, of which the first is the number `labels`."""
    number = labels + index
    fresh = kind(budget_labels).to_json()
    return kind.from_json(fresh | {"labels": number, "pane_first": [number, at_ms[index]]})


def rebudgeted(watch: Watch, budget_labels: float) -> Watch:
    """`watch` as it is, with another budget."""
    return type(watch).from_json(watch.to_json() | {"budget_labels": budget_labels})


def text_rule(settings: Labels) -> TextRule:
    """What makes two texts the same, as configured."""
    return TextRule(settings.text_case, settings.text_punctuation, fillers=settings.text_fillers)


def is_sentence(value: object) -> TypeGuard[str]:
    """Whether it is a text of several words: a class is one word, mostly."""
    return isinstance(value, str) and " " in value
