"""How many labels are to be expected by now, for the predictions there were. Rule: without predictions, none.

Learned is the share of predictions whose label comes within an age, for each age, by the actuarial estimate: of the
predictions that have become so old, how many were labelled at that age. So labels that are still to come do not
make those that came look like all (right-censoring); ages that too few predictions have reached are not judged.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PER_OCTAVE: Final = 4
AGES: Final = 32 * PER_OCTAVE
EDGES_MS: Final = np.concatenate([[0.0], 250.0 * 2.0 ** (np.arange(AGES) / PER_OCTAVE)])
"""Ages in quarters of octaves from a quarter of a second on, (AGES + 1,)."""
EDGES: Final = EDGES_MS.tolist()
REACHED_MIN: Final = 20
"""So many predictions must have reached an age for it to be known."""
RESOLUTION: Final = 16
"""Predictions are held together in spans of a sixteenth of their age."""
NEAR_WINDOWS: Final = 8
"""Of predictions older than so many windows the labels of a window have one age."""
SPANS_MAX: Final = 768
FIRST_SPAN_MS: Final = 250


def age_of(delay_ms: float) -> int:
    """The bin of an age in milliseconds.

    >>> age_of(-5), age_of(100), age_of(300), age_of(1e30)
    (0, 0, 2, 127)
    """
    return min(max(bisect_right(EDGES, delay_ms) - 1, 0), AGES - 1)


class Predictions:
    """When predictions were made: spans with counts, the finer the younger. Times only go on."""

    def __init__(self) -> None:
        self.span_ms = FIRST_SPAN_MS
        self.dropped = 0
        """Predictions forgotten because there were too many spans."""
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.counts: list[int] = []

    def add(self, now_ms: int) -> None:
        """One prediction, now."""
        if self.firsts and now_ms - self.firsts[-1] <= self.span_ms:
            self.lasts[-1] = now_ms
            self.counts[-1] += 1
            return
        self.firsts.append(now_ms)
        self.lasts.append(now_ms)
        self.counts.append(1)
        if len(self.counts) >= SPANS_MAX:
            self.thin(now_ms, None)

    def thin(self, now_ms: int, horizon_ms: float | None) -> None:
        """Put old spans together; forget what is older than `horizon_ms`."""
        firsts, lasts, counts = self.firsts, self.lasts, self.counts
        self.firsts, self.lasts, self.counts = [], [], []
        for first, last, count in zip(firsts, lasts, counts, strict=True):
            if horizon_ms is not None and now_ms - last > horizon_ms:
                continue
            together = max(self.span_ms, (now_ms - last) // RESOLUTION)
            if self.firsts and last - self.firsts[-1] <= together:
                self.lasts[-1] = last
                self.counts[-1] += count
            else:
                self.firsts.append(first)
                self.lasts.append(last)
                self.counts.append(count)
        while len(self.counts) >= SPANS_MAX:
            self.dropped += self.counts.pop(0)
            del self.firsts[0], self.lasts[0]

    def clear(self) -> None:
        """Forget all: time was not what it seemed."""
        self.firsts, self.lasts, self.counts = [], [], []

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middle of each span in milliseconds, and its predictions, (n,) both."""
        middles = (np.array(self.firsts, np.float64) + np.array(self.lasts, np.float64)) / 2
        return middles, np.array(self.counts, np.float64)

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        return {name: getattr(self, name) for name in ("span_ms", "dropped", "firsts", "lasts", "counts")}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.span_ms, self.dropped = int(document["span_ms"]), int(document["dropped"])
        self.firsts, self.lasts = list(document["firsts"]), list(document["lasts"])
        self.counts = list(document["counts"])


def learned_shares(
    predictions: Predictions, labels: NDArray[np.int64], now_ms: int
) -> tuple[NDArray[np.float64], int]:
    """The share of predictions that get their label at each age, (AGES,), and how many ages are known.

    `labels` (AGES,) are those that came so far, by their age.
    """
    middles, counts = predictions.middles()
    ages = now_ms - middles
    widths = np.diff(EDGES_MS)
    # a prediction in the middle of a bin has been through half of it
    inside = np.clip((ages[:, None] - EDGES_MS[None, :-1]) / widths[None, :], 0.0, 1.0)
    reached = (counts[:, None] * inside).sum(axis=0)
    known = int((reached >= REACHED_MIN).argmin()) if (reached < REACHED_MIN).any() else AGES
    shares = np.zeros(AGES)
    shares[:known] = labels[:known] / reached[:known]
    return shares, known


def expected_labels(
    predictions: Predictions, shares: NDArray[np.float64], begin_ms: float, end_ms: float
) -> NDArray[np.float64]:
    """Labels to be expected from `begin_ms` to `end_ms` by age, (AGES,)."""
    middles, counts = predictions.middles()
    if not counts.size:
        return np.zeros(AGES)
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    young, old = np.maximum(begin_ms - middles, 0.0), np.maximum(end_ms - middles, 0.0)
    near = young < NEAR_WINDOWS * (end_ms - begin_ms)
    within = np.clip(EDGES_MS[None, :], young[near, None], old[near, None])
    by_then = np.diff(np.interp(within, EDGES_MS, cumulative), axis=1)
    expected = (counts[near, None] * by_then).sum(axis=0)
    young, old, counts = young[~near], old[~near], counts[~near]
    due = counts * (np.interp(old, EDGES_MS, cumulative) - np.interp(young, EDGES_MS, cumulative))
    bins = np.minimum(np.searchsorted(EDGES_MS, (young + old) / 2, side="right") - 1, AGES - 1)
    return np.asarray(expected + np.bincount(bins, due, minlength=AGES), np.float64)


def median_ms(labels: NDArray[np.float64]) -> float:
    """The median age in milliseconds of labels by age (AGES,); 0.0 where there are none."""
    cumulative = np.cumsum(labels)
    if cumulative[-1] <= 0:
        return 0.0
    half = cumulative[-1] / 2
    return float(np.interp(half, np.concatenate([[0.0], cumulative]), EDGES_MS))


def duration_in_words(duration_ms: float) -> str:
    """A duration as people say it.

    >>> duration_in_words(250.0), duration_in_words(90_000), duration_in_words(2.5e8)
    ('0.25 s', '1.5 min', '2.89 d')
    """
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if duration_ms >= length:
            return f"{duration_ms / length:.3g} {unit}"
    return f"{duration_ms / 1000:.3g} s"
