"""A stream: one sequence of a model's events with its signals. A model has two: its inputs, and its outcomes.

Rule: a stream only measures. It first counts a reference, then compares; what its detectors say leaves it as
`Evaluation`s, each at the record that decided it, the same whatever way the events are cut into batches.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from driftd.config import ModelSettings
from driftd.detectors.base import Finding
from driftd.detectors.calibration import CALIBRATE
from driftd.engine.binning import UNSEEN_NAMES_MAX, binned
from driftd.engine.growth import counting_like, later
from driftd.engine.harm import Risk, reference_risk
from driftd.engine.losses import ELEVATED_FROM, has_improved, is_moving, is_trouble, losses_above, troubles_of
from driftd.engine.shares import INPUTS_SHARE, outcomes_share
from driftd.engine.watchers import Watchers, watchers_for
from driftd.engine.window import Window, onset_before, pane_events_for
from driftd.reference.build import Builder
from driftd.reference.cut import Cut, cut_of
from driftd.reference.cycle import DAY_MS, Cycle
from driftd.reference.layout import COARSE
from driftd.reference.null import judged_signals
from driftd.reference.panes import Columns, Pane, PaneCounter, Place, Places
from driftd.reference.profile import Profile

GROWN_MAX = 4
"""A reference of rare events grows to so many times its first length, however many days that takes."""
GROWTH = 2
"""A reference that grows is looked at each time that it is so many times as long."""

ENDLESS = 2**62


class StreamName(StrEnum):
    """What there is to say something of a model, in the order in which one record feeds it."""

    INPUTS = "inputs"
    OUTCOMES = "outcomes"
    LABELS = "labels"
    """No stream of panes: the watches of `label_watch`."""
    TICKS = "ticks"
    """No stream of panes either: what is told by `pulse`."""
    PERIODS = "periods"
    """Nor this: what `performance_watch` compares where a period begins."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a stream has to say at one event.

    `index` is that event's index among those just added, `window` the latest complete panes, merged to a few, oldest
    first. `pane_done`: a pane has just been completed, so that its silence counts too. `elevated`:
    error or loss is above the reference, found or not, so a loss of performance is not over. `improved`: they have
    been found to be smaller, and what is normal is counted anew from here on. `unseen`: names of levels that the
    reference did not have, by signal.
    """

    stream: StreamName
    index: int
    place: Place
    findings: tuple[Finding, ...]
    pane_done: bool
    window: tuple[Pane, ...]
    unseen: Mapping[str, tuple[str, ...]]
    elevated: bool = False
    improved: bool = False


class Stream:
    """Counts the reference of one version, then watches.

    `profile` is None while the reference is incomplete, `builder` while nothing is being counted; a stream that has
    both is watched while its reference grows, or, where it is `renewing`, until another one is there to take its
    place; `quiet_panes` is for how long nothing was found, `well_at` when a loss was last no larger than in the
    reference, `first_risk` what the version erred by in its first one.
    """

    def __init__(
        self, name: StreamName, model: str, version: str | None, settings: ModelSettings, levels_max: int
    ) -> None:
        self.name = name
        self.model = model
        self.version = version
        self.settings = settings
        self.levels_max = levels_max
        self.first_events = self.reference_events = (
            settings.reference.reference_events
            if name is StreamName.INPUTS
            else settings.labels.reference_events
        )
        self.builder: Builder | None = None
        self.renewing = False
        self.profile: Profile | None = None
        self.first_risk: Risk | None = None
        self.is_elevated = False
        self.counter: PaneCounter | None = None
        self.watchers: Watchers | None = None
        self.window = Window(settings.panes.window_events)
        self.unseen: Mapping[str, tuple[str, ...]] = {}
        self.quiet_panes = settings.incidents.keep_open_panes
        self.well_at: dict[str, Place] = {}

    def start(self, cut: Cut, learned: Places) -> None:
        """Begin to count the reference with the bins of `cut`, which were learned from events at `learned`."""
        self.builder = self.builder_for(cut, self.settings.panes.events or pane_events_for(learned.at_ms))

    def builder_for(self, cut: Cut, pane_events: int) -> Builder:
        """A builder of this stream's reference, which has counted nothing yet."""
        return Builder(cut, self.levels_max, pane_events, Cycle(self.settings.reference.cycle))

    def builder_like(self, profile: Profile, pane_events: int) -> Builder:
        """The same for events that are to be counted as those of `profile` were."""
        return counting_like(self.builder_for(cut_of(profile), pane_events), profile)

    def watch(self, profile: Profile, states: Mapping[str, Any] | None = None) -> None:
        """Compare with `profile` from the next event on, with detectors that go on from `states` where given."""
        if self.profile is None or self.counter is None:
            pane_events = self.settings.panes.events or profile.pane_events
            self.counter = PaneCounter(len(profile.schema.signals), COARSE.width, pane_events)
        elif self.watchers is not None and not self.renewing:
            states = self.watchers.state()
        # only to calibrate takes a history again: after a change of options
        calibrates = any(wanted.options.get(CALIBRATE) for wanted in self.settings.detectors)
        self.renewing = False
        self.profile = profile if calibrates else profile.without_history()
        share = INPUTS_SHARE if self.name is StreamName.INPUTS else outcomes_share(self.settings)
        self.watchers = watchers_for(self.profile, self.settings, self.counter.pane_events, share, states)

    def add(self, columns: Columns, places: Places) -> list[Evaluation]:
        """Take n events; what the detectors say of them, in order of the events."""
        told: list[Evaluation] = []
        taken = 0
        while taken < len(places):
            stop = min(taken + self._room(), len(places))
            part, where = columns.slice(taken, stop), places.slice(taken, stop)
            if self.profile is not None:
                told += self._renewed(self._compare(part, where, taken), part, where, taken)
            elif self.builder is not None:
                self.builder.add(part, where)
            if self.builder is not None and self._is_complete(self.builder):
                self._renew(self.builder)
            taken = stop
        return told

    def _room(self) -> int:
        """How many events may come until the reference has to be renewed: while it is watched it grows by panes."""
        # what turns out to have improved is counted from there on, and that is not to be complete before it is begun
        room = self.first_events if self.name is StreamName.OUTCOMES else ENDLESS
        if self.builder is None:
            return room
        wanted = self.reference_events - self.builder.events
        if self.counter is None:
            return wanted
        if self.renewing:
            wanted += self.counter.events
        whole = -(-wanted // self.counter.pane_events) * self.counter.pane_events
        return min(room, whole - self.counter.events)

    def _is_complete(self, builder: Builder) -> bool:
        """Whether `builder` has counted what was wanted; one that takes another's place does so between panes."""
        between = not self.renewing or self.counter is None or self.counter.events == 0
        return between and builder.events >= self.reference_events

    def _renew(self, builder: Builder) -> None:
        """Watch by what `builder` has counted, if that tells anything; and end its growth, if that tells all."""
        if self.is_elevated and self.profile is not None and not self.renewing:
            self.reference_events = later(builder, self.settings.incidents.keep_open_panes)
            return
        profile, wanted = builder.build(self.model, self.version), self.settings.reference
        if self.renewing and self.profile is not None and is_moving(profile, self.profile):
            self.builder = self.builder_like(self.profile, builder.counter.pane_events)
            self.reference_events = self.first_events
            return
        judged = judged_signals(profile, wanted.independent_events_min)
        over = profile.last_ms - profile.first_ms >= wanted.grow_days * DAY_MS and (
            builder.events >= GROWN_MAX * self.first_events or not wanted.grow_days
        )
        if over or judged.any():
            self.first_risk = self.first_risk or reference_risk(profile)
            self.watch(profile)
        if over or (judged.all() and profile.null is not None and profile.null.seen.all()):
            self.builder = None
        else:
            self.reference_events = builder.events * GROWTH

    def _renewed(
        self, told: list[Evaluation], columns: Columns, places: Places, shift: int
    ) -> list[Evaluation]:
        """Count the events since losses became smaller as the next reference, until there is trouble again.

        Otherwise a loss that comes back to what it was would be none. Of `told`, only what begins that is `improved`.
        """
        begin = 0 if self.renewing else None
        for number, evaluation in enumerate(told):
            if evaluation.improved and begin is not None:
                told[number] = replace(evaluation, improved=False)
            elif evaluation.improved:
                begin = evaluation.index - shift + 1
            elif evaluation.findings:
                begin = None
        if begin is None:
            if self.renewing:
                self.builder, self.renewing = None, False
            return told
        if begin > 0 and self.profile is not None and self.counter is not None:
            self.builder, self.renewing = self.builder_like(self.profile, self.counter.pane_events), True
            self.reference_events = self.first_events
        if self.builder is not None:
            self.builder.add(columns.slice(begin, len(places)), places.slice(begin, len(places)))
        return told

    def _compare(self, columns: Columns, places: Places, shift: int) -> list[Evaluation]:
        if self.profile is None or self.counter is None or self.watchers is None:
            raise RuntimeError("a stream is fed before it has a reference or a builder: a bug of driftd")
        bins, whole, news = binned(self.profile, columns, len(places), self.unseen)
        panes = self.counter.add(bins, whole, places)
        detections = self.watchers.values(columns.numbers)
        told = self._in_order(panes, detections, news, places, shift)
        self._grow(panes, {evaluation.index - shift for evaluation in told if evaluation.findings})
        return told

    def _grow(self, panes: Sequence[tuple[int, Pane]], found_at: AbstractSet[int]) -> None:
        """Let a reference that grows take `panes`, but for those around what was found at the events `found_at`."""
        begin = 0
        for end, pane in panes:
            self.quiet_panes = 0 if any(begin <= index <= end for index in found_at) else self.quiet_panes + 1
            begin = end + 1
            quiet = self.quiet_panes > self.settings.incidents.keep_open_panes
            if self.builder is not None and not self.renewing and quiet:
                self.builder.grow([pane])
        if any(index >= begin for index in found_at):
            self.quiet_panes = -1  # the pane that is not complete yet is to make it 0

    def _in_order(
        self,
        panes: Sequence[tuple[int, Pane]],
        detections: Sequence[tuple[int, Finding, int]],
        news: Sequence[tuple[int, str, str]],
        places: Places,
        shift: int,
    ) -> list[Evaluation]:
        """Evaluations by event; at one event a value detector speaks before the pane that it completes."""
        evaluations: list[Evaluation] = []
        if self.watchers is None or self.counter is None:
            return evaluations
        waiting, unheard = deque(detections), deque(news)
        unfinished = (len(places) - 1 + self.counter.pane_events - self.counter.events, None)
        window = self.window.taken()
        windows = [self.window.add(pane) for _, pane in panes]
        found = self.watchers.panes([pane for _, pane in panes], windows)
        for number, (end, pane) in enumerate([*panes, unfinished]):
            while waiting and waiting[0][0] <= end:
                index, finding, length = waiting.popleft()
                self._hear(unheard, index)
                first = (pane.first if pane is not None else self.counter.first) or places[index]
                onset = onset_before(window, length, self.counter.pane_events - (end - index), first)
                if self.profile is not None and is_trouble(self.profile, finding, onset, window):
                    trouble = [replace(finding, onset=onset)]
                    evaluations.append(self._evaluation(shift + index, places[index], trouble, window))
            self._hear(unheard, end)
            if pane is not None:
                window = windows[number]
                evaluations.append(self._pane_evaluation(shift + end, pane, found[number], window))
        return evaluations

    def _evaluation(
        self, index: int, place: Place, findings: Sequence[Finding], window: tuple[Pane, ...]
    ) -> Evaluation:
        return Evaluation(self.name, index, place, tuple(findings), False, window, self.unseen)

    def _pane_evaluation(
        self, index: int, pane: Pane, found: Sequence[Finding], window: tuple[Pane, ...]
    ) -> Evaluation:
        above: dict[str, float] = {}
        if self.profile is not None and self.name is StreamName.OUTCOMES:
            above = losses_above(self.profile, window)
            self.well_at |= {name: pane.last for name, errors in above.items() if errors <= 0}
        troubles = troubles_of(found, above, self.well_at)
        self.is_elevated = any(errors > ELEVATED_FROM for errors in above.values())
        return replace(
            self._evaluation(index, pane.last, troubles, window),
            pane_done=True,
            elevated=self.is_elevated,
            improved=not troubles and has_improved(found, above),
        )

    def _hear(self, unheard: deque[tuple[int, str, str]], until: int) -> None:
        """Note the names of unseen levels that came up to the event `until`."""
        while unheard and unheard[0][0] <= until:
            _, signal, name = unheard.popleft()
            names = self.unseen.get(signal, ())
            if name not in names and len(names) < UNSEEN_NAMES_MAX:
                self.unseen = {**self.unseen, signal: (*names, name)}
