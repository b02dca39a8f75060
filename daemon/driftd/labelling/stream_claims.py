"""What is said of a stream of labels. Rule: what came stands beside what was to be expected."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.finding import LabelFinding, What, percent
from driftd.labelling.maturity import AGES, duration_in_words, median_ms
from driftd.labelling.stream_bets import BETS, StreamNull, Window
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json

STOPPED_SHARE: Final = 0.05
"""Labels have stopped where so few of those to be expected still come."""

Totals = tuple[NDArray[np.int64], float]


class Figures:
    """What came and what was expected since each bet has been winning."""

    def __init__(self) -> None:
        # first labels by age, then corrections; ever, and before each bet began to win
        self._ever: NDArray[np.int64] = np.zeros(AGES + 1, np.int64)
        self._begun: NDArray[np.int64] = np.zeros((BETS, AGES + 1), np.int64)
        self._expected = 0.0
        self._expected_begun: NDArray[np.float64] = np.zeros(BETS)

    def take(self, window: Window, anew: NDArray[np.bool_]) -> None:
        """Count a window, with which the bets `anew` (BETS,) begin."""
        self._begun[anew] = self._ever
        self._expected_begun[anew] = self._expected
        self._ever += np.concatenate([window.came, [window.corrections]])
        self._expected += float(window.expected.sum())

    def since(self, bet: int) -> Totals:
        """First labels by age and corrections (AGES + 1,), and labels expected, since `bet` is winning."""
        return self._ever - self._begun[bet], self._expected - float(self._expected_begun[bet])

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {
            "ever": array_to_json(self._ever),
            "begun": array_to_json(self._begun),
            "expected": self._expected,
            "expected_begun": array_to_json(self._expected_begun),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._ever = integers_from_json(document["ever"])
        self._begun = integers_from_json(document["begun"])
        self._expected = float(document["expected"])
        self._expected_begun = floats_from_json(document["expected_begun"]).copy()


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
