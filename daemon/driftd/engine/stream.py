"""A stream: one sequence of a model's events with its signals. A model has two: its inputs, and its outcomes.

Rule: a stream only measures. It first counts a reference, then compares; what its detectors say leaves it as
`Evaluation`s, each at the record that decided it, the same whatever way the events are cut into batches.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from driftd.config import ModelSettings
from driftd.decode.batch import INVALID
from driftd.detectors.base import Finding
from driftd.engine.kinds import LOSS_SIGNALS
from driftd.engine.watchers import Watchers, watchers_for
from driftd.reference.build import Builder, Cut
from driftd.reference.layout import COARSE
from driftd.reference.panes import Columns, Pane, PaneCounter, Place, Places
from driftd.reference.profile import Profile

UNSEEN_NAMES_MAX = 3
"""So many names of unseen levels are kept per signal, to be told to a person."""


ELEVATED_FROM = 2.0
"""Standard errors above the reference from which a loss is not over."""


class StreamName(StrEnum):
    """The two streams of a model, in the order in which one record feeds them."""

    INPUTS = "inputs"
    OUTCOMES = "outcomes"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a stream has to say at one event.

    `index` is that event's index among those just added, `window` the complete panes that the findings rest
    on, oldest first. `pane_done`: a pane has just been completed, so that its silence counts too. `elevated`:
    error or loss is above the reference, found or not, so a loss of performance is not over. `unseen`: names of
    levels that the reference did not have, by signal.
    """

    stream: StreamName
    index: int
    place: Place
    findings: tuple[Finding, ...]
    pane_done: bool
    window: tuple[Pane, ...]
    unseen: Mapping[str, tuple[str, ...]]
    elevated: bool = False


class Stream:
    """Counts the reference of one version, then watches. `profile` is None while the reference is incomplete."""

    def __init__(
        self, name: StreamName, model: str, version: str | None, settings: ModelSettings, levels_max: int
    ) -> None:
        self.name = name
        self.model = model
        self.version = version
        self.settings = settings
        self.levels_max = levels_max
        self.reference_events = (
            settings.reference.reference_events
            if name is StreamName.INPUTS
            else settings.labels.reference_events
        )
        self.builder: Builder | None = None
        self.profile: Profile | None = None
        self.counter: PaneCounter | None = None
        self.watchers: Watchers | None = None
        self.window: deque[Pane] = deque(maxlen=settings.panes.window_panes)
        self.unseen: Mapping[str, tuple[str, ...]] = {}

    def start(self, cut: Cut) -> None:
        """Begin to count the reference with the bins of `cut`."""
        self.builder = Builder(cut, self.levels_max, self.settings.panes.events)

    def watch(self, profile: Profile) -> None:
        """Compare with `profile` from the next event on."""
        self.builder, self.profile = None, profile
        self.counter = PaneCounter(len(profile.schema.signals), COARSE.width, self.settings.panes.events)
        self.watchers = watchers_for(profile, self.settings)

    def add(self, columns: Columns, places: Places) -> list[Evaluation]:
        """Take n events; what the detectors say of them, in order of the events."""
        if self.builder is None:
            return self._compare(columns, places, 0)
        room = self.reference_events - self.builder.events
        self.builder.add(columns.slice(0, room), places.slice(0, room))
        if self.builder.events < self.reference_events:
            return []
        self.watch(self.builder.build(self.model, self.version))
        if len(places) <= room:
            return []
        return self._compare(columns.slice(room, len(places)), places.slice(room, len(places)), room)

    def _compare(self, columns: Columns, places: Places, shift: int) -> list[Evaluation]:
        if self.profile is None or self.counter is None or self.watchers is None:
            raise RuntimeError("a stream is fed before it has a reference or a builder: a bug of driftd")
        bins = np.empty((len(self.profile.schema.signals), len(places)), np.uint8)
        whole = np.zeros(bins.shape, np.int64)
        rows = self.profile.number_rows
        bins[rows] = self.profile.bin_numbers(columns.numbers)
        whole[rows] = self.profile.quanta(columns.numbers)
        news: list[tuple[int, str, str]] = []
        for row, s in enumerate(self.profile.category_rows):
            bins[s] = self._category_bins(s, columns.categories[row], news)
        panes = self.counter.add(bins, whole, places)
        detections = self.watchers.values(columns.numbers)
        return self._in_order(panes, detections, sorted(news), places, shift)

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
        unfinished = (len(places) - 1 + self.settings.panes.events - self.counter.events, None)
        for end, pane in [*panes, unfinished]:
            while waiting and waiting[0][0] <= end:
                index, finding, length = waiting.popleft()
                self._hear(unheard, index)
                first = (pane.first if pane is not None else self.counter.first) or places[index]
                onset = self._onset(length, self.settings.panes.events - (end - index), first)
                if self._is_trouble(finding, onset):
                    found = [replace(finding, onset=onset)]
                    evaluations.append(self._evaluation(shift + index, places[index], found))
            self._hear(unheard, end)
            if pane is not None:
                self.window.append(pane)
                evaluations.append(self._pane_evaluation(shift + end, pane))
        return evaluations

    def _evaluation(self, index: int, place: Place, findings: Sequence[Finding]) -> Evaluation:
        return Evaluation(self.name, index, place, tuple(findings), False, tuple(self.window), self.unseen)

    def _pane_evaluation(self, index: int, pane: Pane) -> Evaluation:
        above = self._losses_above(self.window)
        findings = [
            finding
            for finding in (self.watchers.panes(tuple(self.window)) if self.watchers else ())
            # a smaller loss is a change, but no trouble
            if finding.signal not in LOSS_SIGNALS or above.get(finding.signal, 0.0) > 0
        ]
        elevated = any(deviations > ELEVATED_FROM for deviations in above.values())
        return replace(self._evaluation(index, pane.last, findings), pane_done=True, elevated=elevated)

    def _hear(self, unheard: deque[tuple[int, str, str]], until: int) -> None:
        """Note the names of unseen levels that came up to the event `until`."""
        while unheard and unheard[0][0] <= until:
            _, signal, name = unheard.popleft()
            names = self.unseen.get(signal, ())
            if name not in names and len(names) < UNSEEN_NAMES_MAX:
                self.unseen = {**self.unseen, signal: (*names, name)}

    def _losses_above(self, window: Collection[Pane]) -> dict[str, float]:
        """By how many standard errors the mean of error and loss in the window lies above the reference's."""
        profile = self.profile
        above: dict[str, float] = {}
        if profile is None or self.name is not StreamName.OUTCOMES:
            return above
        for s, signal in enumerate(profile.schema.signals):
            if signal.name in LOSS_SIGNALS:
                scale = profile.scale(s)
                events, mean = _events_and_mean(profile, s, window)
                if events:
                    noise = profile.inflation[s] * (1 / events + 1 / profile.events)
                    above[signal.name] = (mean - scale.mean) / (scale.deviation * float(noise) ** 0.5)
        return above

    def _is_trouble(self, finding: Finding, onset: Place) -> bool:
        """Whether a value detector's finding is one: a loss that is smaller than the reference's since then is none."""
        if self.profile is None or finding.signal not in LOSS_SIGNALS:
            return True
        names = [signal.name for signal in self.profile.schema.signals]
        s = names.index(finding.signal)
        since = [pane for pane in self.window if pane.first.at_ms >= onset.at_ms]
        events, mean = _events_and_mean(self.profile, s, since)
        now = mean if events else finding.recent_mean
        return now is not None and now > self.profile.scale(s).mean

    def _onset(self, length: int, in_pane: int, first: Place) -> Place:
        """Where the pane begins in which the last `length` events began, as far as the window reaches back.

        `in_pane` of them are in the pane at hand, which began at `first`. To the pane and not to the event:
        where panes begin is known whatever way the events came.
        """
        before = length - in_pane
        for pane in reversed(self.window):
            if before <= 0:
                break
            first, before = pane.first, before - pane.events
        return first

    def _category_bins(
        self, signal: int, values: Sequence[object], news: list[tuple[int, str, str]]
    ) -> list[int]:
        """The bins of one category signal; names of levels that are new are added to `news` with their index."""
        if self.profile is None:
            raise RuntimeError("a stream without a profile has no categories: a bug of driftd")
        codes, levels = self.profile.coarse_code_of_level[signal], self.profile.levels[signal]
        if codes is None or levels is None:
            raise RuntimeError("a number signal has no levels: a bug of driftd")
        known: dict[object, int] = {None: COARSE.missing, INVALID: COARSE.invalid}
        known.update(codes)
        unknown = COARSE.values - 1 if levels.unbounded else COARSE.below
        bins = [known.get(value, unknown) for value in values]
        name = self.profile.schema.signals[signal].name
        if not levels.unbounded and unknown in bins and len(self.unseen.get(name, ())) < UNSEEN_NAMES_MAX:
            new = dict.fromkeys(str(value)[:100] for value in values if value not in known)
            first = [str(value)[:100] for value in values]
            news += [(first.index(level), name, level) for level in list(new)[:UNSEEN_NAMES_MAX]]
        return bins


def _events_and_mean(profile: Profile, signal: int, panes: Iterable[Pane]) -> tuple[int, float]:
    """How many values of `signal` the `panes` hold, and their mean; 0 of none."""
    events = total = 0
    for pane in panes:
        counts = pane.counts[signal]
        events += int(counts[: COARSE.above + 1].sum() - counts[COARSE.missing])
        total += int(pane.sums[signal])
    if not events:
        return 0, 0.0
    return events, float(profile.center[signal] + profile.quantum[signal] * (total / events))
