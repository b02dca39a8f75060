"""What producers say to have sent, against what came. Rule: a gap is told when it is not filled by the tick after next.

A producer that numbers its events (`source` and `sequence` of CloudEvents) shows which of them never came. Numbers may
come in any order, between partitions, so a gap has until the second tick after it was seen. Told are gaps of producers
only whose numbers are known to follow each other: times, numbers shared among models, or a sample are no sequence. What
was told holds until the events come after all, or for an hour after the last loss; meanwhile nothing is learned.

A producer that begins again far from where it was, at a small number above all, begins another run, and what comes is
of the run whose next number is nearest. A run that does not go on while another one does is over. Each run has to show
by itself that its numbers follow each other: a part of what came long ago may come again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from math import log10
from typing import Final

from driftd.detectors.base import Effect, Finding
from driftd.engine.gaps import Gaps
from driftd.engine.number_run import Run
from driftd.engine.pulse_words import missing_words, producer_name
from driftd.reference.cycle import DAY_MS, HOUR_MS
from driftd.reference.panes import Place

PRODUCERS_MAX: Final = 64
"""So many sources are watched per model, the first ones seen; events of others are counted."""
IDLE_MS_MAX: Final = DAY_MS
"""A source of which nothing came for so long makes room for another one: pods have a new name each time."""
GAPS_MAX: Final = 4_096
"""So many gaps of one model may be open between ticks, 32 kB of state. With more, the lowest ones are not judged."""
RUNS_MAX: Final = 4
TOLD_GAPS_MAX: Final = 16
"""So many gaps of a source, the highest ones, may still be filled after they were told."""
AHEAD_MAX: Final = 10_000_000
"""What is farther ahead is another run: no producer sends so many events between two ticks."""
HELD_MS: Final = HOUR_MS


class What(StrEnum):
    """What is counted of a producer, in events."""

    MISSING = "missing"
    """Never came, as far as is known."""
    LATE = "late"
    """Came after a higher number."""
    REPEATED = "repeated"
    """Came again."""
    RESTARTS = "restarts"
    """How often it began again (no events)."""
    UNJUDGED = "unjudged"
    """Did not come, of a source whose numbers do not follow each other, or too many gaps at once."""


@dataclass(slots=True)
class Producer:
    """One source of one model.

    `told` are those of the `missing` numbers, `lowest` to `highest`, that may still be filled, lost `since`, the last
    ones found at `found_ms`.
    """

    runs: list[Run]
    counts: dict[str, int] = field(default_factory=dict)
    seen_ms: int | None = None
    told: Gaps = field(default_factory=Gaps)
    missing: int = 0
    lowest: int = 0
    highest: int = 0
    since: Place | None = None
    found_ms: int = 0

    def take(self, number: int) -> int:
        """An event has come; by how many gaps there are more now."""
        run = self.runs[-1]
        if number == run.next:
            run.next += 1
            run.came += 1
            return 0
        for run in self.runs:
            more = run.gaps.fill(number)
            if more is not None or run.first <= number < run.floor:
                run.came += 1
                self.count(What.LATE)
                return more or 0
        run = min(self.runs, key=lambda one: abs(number - one.next))
        run.came += 1
        if run.next <= number <= run.next + AHEAD_MAX:
            gap = number > run.next
            if gap:
                run.gaps.add(run.next, number)
            run.next = number + 1
            return int(gap)
        if number < run.next and self.told.fill(number) is not None:
            self.count(What.LATE)
            self.missing -= 1
            if not self.missing:
                self.hold_no_longer()
        elif run.is_left_by(number):
            return self._begin(number)
        else:
            self.count(What.LATE if number < run.first else What.REPEATED)
        return 0

    def count(self, what: What, number: int = 1) -> None:
        """Count events."""
        if not number:
            return
        self.counts[what.value] = self.counts.get(what.value, 0) + number

    def pass_time(self, place: Place, since: Place) -> int:
        """The tick at `place`: how many events are lost that were missing at `since`, or came to be after it."""
        lost = []
        for run in self.runs:
            gaps, follows = run.gaps.pop_below(run.mark), run.follows
            if follows:
                lost += gaps
            else:
                self.count(What.UNJUDGED, _numbers_in(gaps))
            # of the time of a loss nothing is learned
            if not follows or not (lost or self.missing):
                run.learn(len(gaps))
        if self.seen_ms is None or any(run.came for run in self.runs):
            self.seen_ms = place.at_ms
        if lost:
            self._lose(lost, place, since)
        elif self.missing and place.at_ms - self.found_ms >= HELD_MS:
            self.hold_no_longer()
        self._end_runs()
        return _numbers_in(lost)

    def is_idle(self, now_ms: int) -> bool:
        """Whether it may be forgotten."""
        return self.seen_ms is not None and not self.missing and now_ms - self.seen_ms > IDLE_MS_MAX

    def hold_no_longer(self) -> None:
        """What was told is over."""
        self.told, self.missing, self.since = Gaps(), 0, None

    def give_up(self) -> None:
        """There are too many gaps: the lowest one of the run with most is not judged."""
        run = max(self.runs, key=lambda one: len(one.gaps))
        run.floor = max(run.floor, run.gaps.ends[0])
        if not run.follows:
            run.breaks += 1
        self.count(What.UNJUDGED, run.gaps.pop_first())

    def _begin(self, number: int) -> int:
        self.runs.append(Run(number, number + 1, number))
        if len(self.runs) <= RUNS_MAX:
            return 0
        gone = self.runs.pop(0)
        self.count(What.RESTARTS)
        self.count(What.UNJUDGED, _numbers_in(zip(gone.gaps.begins, gone.gaps.ends, strict=True)))
        return -len(gone.gaps)

    def _lose(self, lost: list[tuple[int, int]], place: Place, since: Place) -> None:
        if not self.missing:
            self.since, self.lowest, self.highest = since, lost[0][0], 0
        for begin, end in lost:
            self.count(What.MISSING, end - begin)
            self.missing += end - begin
            self.lowest, self.highest = min(self.lowest, begin), max(self.highest, end - 1)
            self.told.add(begin, end)
        while len(self.told) > TOLD_GAPS_MAX:
            self.told.pop_first()
        self.found_ms = place.at_ms

    def _end_runs(self) -> None:
        # a run that did not go on has no gaps either: all of them were below its mark
        grown = [run.next > run.mark for run in self.runs]
        if any(grown):
            last = max(i for i, grows in enumerate(grown) if grows)
            for i, run in enumerate(self.runs):
                if not grown[i] and i < last:
                    self.count(What.RESTARTS)
                elif not grown[i]:  # an old event that came again, and nothing went on from there
                    self.count(What.REPEATED, run.next - run.first)
            self.runs = [run for run, grows in zip(self.runs, grown, strict=True) if grows]
        for run in self.runs:
            run.pass_time()


class Producers:
    """The producers of one model. `places` are those of the last three ticks, `gaps` how many are open."""

    def __init__(self) -> None:
        self.known: dict[str, Producer] = {}
        self.counters: dict[str, int] = {}
        self.places: list[Place] = []
        self.gaps = 0

    def take(self, source: str, number: int | None) -> None:
        """An event has come, of `source`; `number` is None where it has none that could be used."""
        if number is None:
            self._count("sequence_invalid", 1)
            return
        producer = self.known.get(source)
        if producer is None:
            if len(self.known) >= PRODUCERS_MAX:
                self._count("sequence_sources_ignored", 1)
                return
            self.known[source] = Producer([Run(number, number + 1, number)])
            return
        self.gaps += producer.take(number)
        while self.gaps > GAPS_MAX and any(run.gaps for run in producer.runs):
            producer.give_up()
            self.gaps -= 1

    def tick(self, place: Place) -> list[Finding]:
        """What is missing at the tick at `place`."""
        self.places = [*self.places[-2:], place]
        since = self.places[0]
        for producer in self.known.values():
            self._count("sequence_missing", producer.pass_time(place, since))
        self.known = {name: one for name, one in self.known.items() if not one.is_idle(place.at_ms)}
        self.gaps = sum(len(run.gaps) for one in self.known.values() for run in one.runs)
        return [self._finding(name, one, place) for name, one in sorted(self._told())]

    def forget(self) -> None:
        """A person says that it is well as it is: what goes missing is learned anew."""
        for _, producer in self._told():
            producer.hold_no_longer()
            for run in producer.runs:
                run.learned = run.breaks = 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """The producers of which events are missing."""
        return tuple(producer_name(name) for name, _ in sorted(self._told()))

    def counted(self) -> Iterable[tuple[str, str, int]]:
        """What is counted: (source, what, number)."""
        for name, producer in sorted(self.known.items()):
            for what, number in sorted(producer.counts.items()):
                yield name, what, number

    def _told(self) -> list[tuple[str, Producer]]:
        return [(name, one) for name, one in self.known.items() if one.missing]

    def _count(self, name: str, number: int) -> None:
        if number:
            self.counters[name] = self.counters.get(name, 0) + number

    def _finding(self, name: str, one: Producer, place: Place) -> Finding:
        words = missing_words(name, one.missing, one.lowest, one.highest)
        strength, share = 1.0 + log10(one.missing), one.missing / (one.highest - one.lowest + 1)
        onset = one.since or place
        return Finding(
            producer_name(name), Effect.SILENCE, "ticks", strength, min(share, 1.0), onset, None, True, words
        )


def _numbers_in(gaps: Iterable[tuple[int, int]]) -> int:
    return sum(end - begin for begin, end in gaps)
