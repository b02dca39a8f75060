"""Whether labels come as they used to: stopped, thin, late, corrected. Rule: time is that of the events and ticks.

Expected are labels for the predictions there were, by the delays learned; so no predictions, no labels missed. Time is
cut into windows in which some WINDOW_LABELS are to be expected; a stretch in which nothing happened is one window.
A shift of the labels themselves is a signal of the outcomes and not watched here.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.clock import EventClock
from driftd.labelling.finding import LabelFinding
from driftd.labelling.maturity import (
    AGES,
    EDGES_MS,
    Predictions,
    age_of,
    expected_labels,
    learned_shares,
)
from driftd.labelling.stakes import Raised, Stakes
from driftd.labelling.stream_bets import (
    BETS,
    CORRECTION_BETS,
    DELAY_BETS,
    RATE_BETS,
    StreamNull,
    Window,
    learned_null,
    window_from_json,
    window_to_json,
)
from driftd.labelling.stream_claims import FEWER_OR_NONE, Figures, Span, claim
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json

WINDOW_LABELS: Final = 48
WINDOW_MS_MIN: Final = 1_000
WINDOWS_MIN: Final = 64
"""So many windows at least tell how labels scatter,"""
WINDOWS_MAX: Final = 512
"""and so many at most."""
SPANS_PER_WINDOW: Final = 8
JUMP_WINDOWS: Final = 64
JUMP_MS: Final = 7 * 86_400_000
"""How far ahead an event may be while nothing is known of the model's time."""
KEYS: Final = {"stopped": slice(0, 1), "rate": RATE_BETS, "delay": DELAY_BETS, "corrections": CORRECTION_BETS}


class Comes(IntEnum):
    """What an event of the stream is."""

    PREDICTION = 0
    LABEL = 1
    TICK = 2


class LabelStreamWatch:
    """Watches when the labels of one model come.

    `budget_labels`: labels per false alarm. The delays are learned from `reference_labels`, and from as many again how
    their number scatters.
    """

    def __init__(self, budget_labels: float, reference_labels: int = 2_000) -> None:
        self.budget_labels = budget_labels
        self.reference_labels = reference_labels
        self.labels = 0
        self.unmatched = 0
        """Labels without a prediction: they tell nothing about delays."""
        self._clock = EventClock(JUMP_MS)
        self._predictions = Predictions()
        self._learned: NDArray[np.int64] = np.zeros(AGES, np.int64)
        self._began_ms = -1
        # of first labels and of corrections: the share of predictions that get one at each age
        self._shares: NDArray[np.float64] = np.zeros((2, AGES))
        self._known = 0
        self._window_ms = 0
        self._window_begin_ms = 0
        self._came: NDArray[np.int64] = np.zeros((2, AGES), np.int64)
        self._first_label = 0
        # number of labels and time as of the latest first label
        self._last = (0, 0)
        self._windows: list[Window] = []
        self._null: StreamNull | None = None
        self._stakes = Stakes(BETS, budget_labels)
        self._raised = Raised(budget_labels)
        self._figures = Figures()
        self._stored: dict[str, object] | None = None
        self._stored_windows: list[list[object]] = []

    @property
    def findings(self) -> list[LabelFinding]:
        """What holds now."""
        return list(self._raised.findings.values())

    @property
    def now_ms(self) -> int:
        """The time of the stream in milliseconds, -1 before there is one."""
        return self._clock.now_ms

    @property
    def clock(self) -> EventClock:
        """Its clock: all that a tick changes while no window ends."""
        return self._clock

    @property
    def window_began_ms(self) -> int:
        """When the window began that labels are counted in, in milliseconds."""
        return self._window_begin_ms

    @property
    def dropped(self) -> int:
        """Predictions that were forgotten because there were too many spans of them."""
        return self._predictions.dropped

    def update(
        self,
        comes: Sequence[int],
        at_ms: Sequence[int],
        predicted_at_ms: Sequence[int | None],
        corrected: Sequence[bool],
    ) -> list[LabelFinding]:
        """What is new after these events, in the order of their records; `comes` are values of Comes.

        Of labels `predicted_at_ms` is when their prediction was made (None: there is none), and `corrected` whether
        the prediction had a label already; of other events both are ignored.
        """
        found: list[LabelFinding] = []
        for what, at, predicted, again in zip(comes, at_ms, predicted_at_ms, corrected, strict=True):
            if self._clock.take(at, believed=what == Comes.TICK):
                self._predictions.clear()
                self._window_begin_ms = self._clock.now_ms
            now = self._clock.now_ms
            if self._window_ms and now >= self._window_begin_ms + self._window_ms:
                found += self._close(now)
            if what == Comes.PREDICTION:
                self._predictions.add(now)
                if self._began_ms < 0:
                    self._began_ms = now
            elif what == Comes.LABEL:
                self._label(now, predicted, again)
        return found

    def _label(self, now: int, predicted: int | None, again: bool) -> None:
        self.labels += 1
        if predicted is None:
            self.unmatched += 1
            return
        self._came[int(again), age_of(now - predicted)] += 1
        if not again:
            self._last = (self.labels, now)
        if not self._window_ms and not again and self._came[0].sum() >= self.reference_labels:
            self._end_learning(now)

    def _end_learning(self, now: int) -> None:
        """The delays are known: from here on time is cut into windows."""
        self._stored = None
        self._learned = self._came[0].copy()
        for i in range(2):
            self._shares[i], self._known = learned_shares(self._predictions, self._came[i], now)
        labels = max(int(self._learned[: self._known].sum()), 1)
        span_ms = now - max(self._began_ms, 0)
        self._window_ms = max(span_ms * WINDOW_LABELS // labels, WINDOW_MS_MIN)
        self._window_begin_ms = now
        self._clock.jump_ms = JUMP_WINDOWS * self._window_ms
        self._predictions.span_ms = max(self._window_ms // SPANS_PER_WINDOW, 1)
        self._empty_window()

    def _empty_window(self) -> None:
        self._came[:] = 0
        self._first_label = self.labels

    def _close(self, now: int) -> list[LabelFinding]:
        """End the window, and the stretch of whole windows without any event after it."""
        found: list[LabelFinding] = []
        begin = self._window_begin_ms
        end = begin + self._window_ms
        found += self._take(begin, end)
        silent = (now - end) // self._window_ms * self._window_ms
        if silent > 0:
            found += self._take(end, end + silent)
        self._window_begin_ms = end + silent
        self._predictions.thin(now, float(EDGES_MS[self._known]))
        return found

    def _take(self, begin: int, end: int) -> list[LabelFinding]:
        """Take the window from `begin` to `end` in milliseconds."""
        self._stored = None
        expected = [expected_labels(self._predictions, shares, begin, end) for shares in self._shares]
        self._came[:, self._known :] = 0
        corrections, due = int(self._came[1].sum()), float(expected[1].sum())
        window = Window(self._came[0].copy(), expected[0], corrections, due)
        first = self._first_label
        self._empty_window()
        if self._null is None:
            self._windows.append(window)
            if len(self._windows) > WINDOWS_MAX:
                del self._windows[0], self._stored_windows[:1]
            enough = sum(int(one.came.sum()) for one in self._windows) >= self.reference_labels
            if enough and len(self._windows) >= WINDOWS_MIN:
                self._null = learned_null(self._windows)
                self._windows, self._stored_windows = [], []
            return []
        wins, staked = self._null.wins(window)
        anew = self._stakes.step(wins, staked, first, begin)
        labels, last_ms = self._last
        self._figures.take(window, anew, Span(begin, end, max(last_ms, begin), labels))
        return self._judge()

    def _judge(self) -> list[LabelFinding]:
        found: list[LabelFinding] = []
        raised = self._raised
        for key, bets in KEYS.items():
            evidence = float(self._stakes.held[bets].sum())
            if key not in raised.findings and not self._may_tell(key):
                continue
            if raised.is_new(key, evidence):
                raised.findings[key] = self._claim(key, np.arange(BETS)[bets], evidence)
                found.append(raised.findings[key])
                if key == "stopped":
                    raised.forget("rate")
        return found

    def _may_tell(self, key: str) -> bool:
        """Whether evidence of `key` is told as that: what stops is thin before it has stopped, and is one of both."""
        assert self._null is not None
        if key == "stopped":
            return self._figures.has_stopped(self._null)
        is_stopping = self._figures.none_of(self._null) >= FEWER_OR_NONE
        return key != "rate" or not (is_stopping or "stopped" in self._raised.findings)

    def _claim(self, key: str, bets: NDArray[np.int64], evidence: float) -> LabelFinding:
        """The finding of `bets`; that none comes is told since the last label, if no bet says since when."""
        assert self._null is not None
        lead = int(bets[self._stakes.excursions[bets].argmax()])
        figures, onset = self._figures.since(lead), self._stakes.onset(bets)
        if key == "stopped" and not self._figures.are_few(self._null):
            figures, onset = self._figures.since_last(), self._figures.missing_since
        return claim(key, figures, self._null, self._learned, onset, evidence / self.budget_labels)

    def to_json(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            self._stored = self._of_windows()
        return {
            "clock": self._clock.state(),
            "predictions": self._predictions.state(),
            "came": array_to_json(self._came),
            "last": self._last,
            **self._stored,
        } | {name: getattr(self, name) for name in NUMBERS}

    def _of_windows(self) -> dict[str, object]:
        """What changes with a window only: many commits come in one."""
        null = self._null
        self._stored_windows += map(window_to_json, self._windows[len(self._stored_windows) :])
        return {
            "learned": array_to_json(self._learned),
            "shares": array_to_json(self._shares),
            "windows": self._stored_windows.copy(),
            "null": None
            if null is None
            else [null.level, null.correction_level, null.correction_share, list(null.scatter), null.labels],
            "stakes": self._stakes.state(),
            "raised": self._raised.state(),
            "figures": self._figures.state(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LabelStreamWatch":
        """The watch of `to_json`."""
        watch = cls(document["budget_labels"], document["reference_labels"])
        for name in NUMBERS:
            setattr(watch, name, document[name])
        for name in ("clock", "predictions", "stakes", "raised", "figures"):
            getattr(watch, f"_{name}").restore(document[name])
        watch._learned = integers_from_json(document["learned"])
        watch._shares = floats_from_json(document["shares"]).copy()
        watch._came = integers_from_json(document["came"]).copy()
        labels, last_ms = document.get("last", (0, 0))  # states of before it was noted have none
        watch._last = (labels, last_ms)
        watch._windows = [window_from_json(window) for window in document["windows"]]
        if document["null"] is not None:
            level, correction_level, share, scatter, labels = document["null"]
            watch._null = StreamNull(level, correction_level, share, tuple(scatter), labels)
        return watch


NUMBERS: Final = (
    "budget_labels", "reference_labels", "labels", "unmatched", "_began_ms", "_known", "_window_ms",
    "_window_begin_ms", "_first_label",
)  # fmt: skip
