"""What is said of a stream of labels. Rule: what came stands beside what was to be expected."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.finding import LabelFinding, What, percent
from driftd.labelling.maturity import AGES, duration_in_words, median_ms
from driftd.labelling.stream_bets import BETS, StreamNull, Window
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json

STOPPED_SHARE: Final = 0.05
"""Labels have stopped where so few of those to be expected still come,"""
NONE_OF_MIN: Final = 128.0
"""or none of so many, beyond their scatter: where one of ten still comes, as good as never."""
FEWER_OR_NONE: Final = 8.0
"""Where none of so many came it is left open whether fewer come or none."""


class Span(NamedTuple):
    """The time of a window, in milliseconds, and of the last first label by then, after which there were `labels`."""

    begin_ms: int
    end_ms: int
    last_ms: int
    labels: int


Totals = tuple[NDArray[np.int64], float]


class Figures:
    """What came and what was expected since each bet has been winning, and since the last label."""

    def __init__(self) -> None:
        # first labels by age, then corrections; ever, and before each bet began to win
        self._ever: NDArray[np.int64] = np.zeros(AGES + 1, np.int64)
        self._begun: NDArray[np.int64] = np.zeros((BETS, AGES + 1), np.int64)
        self._expected = 0.0
        self._expected_begun: NDArray[np.float64] = np.zeros(BETS)
        # how many first labels were expected since the last one came, and its number and time
        self.missing = 0.0
        self.missing_since = (0, 0)

    def take(self, window: Window, anew: NDArray[np.bool_], span: Span) -> None:
        """Count a window over `span`, with which the bets `anew` (BETS,) begin."""
        self._begun[anew] = self._ever
        self._expected_begun[anew] = self._expected
        self._ever += np.concatenate([window.came, [window.corrections]])
        expected = float(window.expected.sum())
        self._expected += expected
        if window.came.any():
            # in a window, predictions come evenly enough
            rest = (span.end_ms - span.last_ms) / (span.end_ms - span.begin_ms)
            self.missing, self.missing_since = expected * rest, (span.labels, span.last_ms)
        else:
            self.missing += expected

    def has_stopped(self, null: StreamNull) -> bool:
        """Whether labels have stopped, if there is evidence that fewer come."""
        return self.are_few(null) or self.none_of(null) >= NONE_OF_MIN

    def are_few(self, null: StreamNull) -> bool:
        """Whether next to none came since the bet on that is winning."""
        came, due = self.since(0)
        return bool(came[:AGES].sum() <= STOPPED_SHARE * due * null.level)

    def none_of(self, null: StreamNull) -> float:
        """Of how many labels that were to be expected none came by now, counted in independent ones."""
        return self.missing * null.level / null.scatter[0]

    def since(self, bet: int) -> Totals:
        """First labels by age and corrections (AGES + 1,), and labels expected, since `bet` is winning."""
        return self._ever - self._begun[bet], self._expected - float(self._expected_begun[bet])

    def since_last(self) -> Totals:
        """As `since`, since the last label."""
        return np.zeros(AGES + 1, np.int64), self.missing

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {
            "ever": array_to_json(self._ever),
            "begun": array_to_json(self._begun),
            "expected": self._expected,
            "expected_begun": array_to_json(self._expected_begun),
            "missing": [self.missing, *self.missing_since],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._ever = integers_from_json(document["ever"])
        self._begun = integers_from_json(document["begun"])
        self._expected = float(document["expected"])
        self._expected_begun = floats_from_json(document["expected_begun"]).copy()
        # states of before it was counted have none
        self.missing, *since = document.get("missing", (0.0, 0, 0))
        self.missing_since = (since[0], since[1])


def claim(
    key: str,
    figures: Totals,
    null: StreamNull,
    learned: NDArray[np.int64],
    onset: tuple[int, int],
    strength: float,
) -> LabelFinding:
    """The finding of the bets `key` of KEYS in `stream`; `learned` (AGES,) are the reference's delays."""
    counts, expected = figures
    came, corrections = int(counts[:AGES].sum()), int(counts[AGES])
    since = f"since label {onset[0]:,}"
    if key == "delay":
        before, after = median_ms(learned.astype(np.float64)), median_ms(counts[:AGES].astype(np.float64))
        words = f"{duration_in_words(before)} -> {duration_in_words(after)} (median of {came:,} labels)"
        return LabelFinding(
            What.DELAY_GROWS,
            (),
            *onset,
            strength,
            before,
            after,
            came,
            f"Labels come later: {words}, {since}.",
        )
    if key == "corrections":
        share = corrections / max(came, 1)
        words = f"{corrections:,} beside {came:,} first labels, {percent(null.correction_share)} before"
        return LabelFinding(
            What.CORRECTIONS_RISE, (), *onset, strength, null.correction_share, share, came + corrections,
            f"More labels are corrected: {words}, {since}.",
        )  # fmt: skip
    due = expected * null.level
    share = came / max(due, 1e-9)
    if key == "stopped":
        what, words = What.LABELS_STOPPED, "Labels have stopped"
    else:
        what, words = What.LABELS_THIN, "Fewer predictions get a label"
    sentence = (
        f"{words}: {came:,} came where {due:,.0f} were to be expected by now ({percent(share)}), {since}."
    )
    return LabelFinding(what, (), *onset, strength, 1.0, share, came, sentence)
