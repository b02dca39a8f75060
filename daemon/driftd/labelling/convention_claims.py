"""What is said of conventions, and the texts that have the same words. Rule: both styles are told, each in words."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.convention_bets import FIRST
from driftd.labelling.finding import LabelFinding, What, percent, quoted
from driftd.labelling.stakes import Raised, Stakes
from driftd.labelling.style import ASPECTS, FILLERS, SPELLING, same_words, styles_of
from driftd.reference.arrays import array_to_json, integers_from_json

Counts = NDArray[np.int64]
SLIPS: Final = 0.05
"""Careful writers differ in so many texts with the same words, at most."""
DIFFERING: Final = np.array([0.3, 0.7])
"""How many are bet on."""


def changed(
    aspect: int, counts: tuple[Counts, Counts], onset: tuple[int, int], strength: float
) -> LabelFinding:
    """The finding that an aspect is not as in the reference: `counts` (STYLES,) of it and since the onset."""
    of = ASPECTS[aspect]
    before, after, labels = _shares(aspect, counts)
    new, old = int((after - before).argmax()), int((after - before).argmin())
    told = of.now.format(new=of.styles[new], old=of.styles[old], filler=_filler(counts[1]))
    figures = f"{percent(before[new])} -> {percent(after[new])} of {of.among}"
    return LabelFinding(
        What.CONVENTION_CHANGED,
        (of.name, _bare(of.styles[old]), _bare(of.styles[new])),
        *onset,
        strength,
        float(before[new]),
        float(after[new]),
        labels,
        f"{told}: {figures}, since label {onset[0]:,}.",
    )


def differs(
    name: str, aspect: int, counts: tuple[Counts, Counts], onset: tuple[int, int], strength: float
) -> LabelFinding:
    """The finding that an annotator writes otherwise: `counts` (STYLES,) of the others and of him."""
    of = ASPECTS[aspect]
    others, own, labels = _shares(aspect, counts)
    new, old = int((own - others).argmax()), int((own - others).argmin())
    sentence = (
        f"{quoted(name)} differs in {of.name}: {of.styles[new]} in {percent(own[new])} of {of.among} (others "
        f"{percent(others[new])}), where the others have {of.styles[old]} in {percent(others[old])}."
    )
    parties = (name, of.name, _bare(of.styles[old]), _bare(of.styles[new]))
    return LabelFinding(
        What.ANNOTATOR_CONVENTION,
        parties,
        *onset,
        strength,
        float(others[new]),
        float(own[new]),
        labels,
        sentence,
    )


def mixed(aspect: int, counts: Counts, onset: tuple[int, int], strength: float) -> LabelFinding:
    """The finding that two styles stand beside each other, by `counts` (STYLES,) since the onset."""
    of = ASPECTS[aspect]
    _, shares, labels = _shares(aspect, (counts, counts))
    first, second = (int(style) for style in np.argsort(-shares, kind="stable")[:2])
    sentence = (
        f"Two ways in {of.name}: {of.styles[first]} in {percent(shares[first])} and {of.styles[second]} in "
        f"{percent(shares[second])} of {of.among}, since label {onset[0]:,}."
    )
    parties = (of.name, _bare(of.styles[first]), _bare(of.styles[second]))
    share = float(shares[second])
    return LabelFinding(What.CONVENTION_MIXED, parties, *onset, strength, share, share, labels, sentence)


class Pairs:
    """Two texts for one prediction that have the same words, and in which aspects they differ."""

    def __init__(self, budget: float, share: float) -> None:
        self._share = share
        self._stakes = Stakes(len(ASPECTS) * len(DIFFERING), budget, cap=1.0)
        self._budget = budget
        # (aspects, 3): pairs in which the aspect arises on both sides, those that differ, of this pane; and ever
        self._pane: Counts = np.zeros((2, len(ASPECTS)), np.int64)
        self._ever: Counts = np.zeros((2, len(ASPECTS)), np.int64)
        self._begun: Counts = np.zeros((2, len(ASPECTS), len(DIFFERING)), np.int64)
        self._example: dict[int, tuple[str, int, str, int]] = {}
        self._stored: dict[str, object] | None = None

    def add(self, before: str, who_before: str, text: str, who: str) -> None:
        """Take two texts for one prediction, and who wrote them."""
        self._stored = None
        if before != text and not same_words(before, text):
            return
        one, other = styles_of(before), styles_of(text)
        for aspect, (a, b) in enumerate(zip(one, other, strict=True)):
            if a >= 0 and b >= 0:
                self._pane[:, aspect] += (1, a != b)
                if a != b:
                    self._example[aspect] = (who_before, a, who, b)

    def step(self, raised: Raised, number: int, at_ms: int) -> list[LabelFinding]:
        """Take the pane that begins with label `number`; what is new."""
        self._stored = None
        pairs, differing = self._pane[:, :, None]
        won = differing * np.log(DIFFERING / SLIPS) + (pairs - differing) * np.log(
            (1 - DIFFERING) / (1 - SLIPS)
        )
        staked = np.broadcast_to(pairs / (len(ASPECTS) * len(DIFFERING)) * self._share, won.shape)
        anew = self._stakes.step(won.ravel(), staked.ravel(), number, at_ms).reshape(won.shape)
        for i in range(2):
            np.copyto(self._begun[i], self._ever[i][:, None], where=anew)
        self._ever += self._pane
        self._pane[:] = 0
        found: list[LabelFinding] = []
        for aspect, evidence in enumerate(self._stakes.held.reshape(won.shape).sum(axis=1).tolist()):
            key = f"pairs {aspect}"
            if raised.is_new(key, evidence):
                raised.findings[key] = self._finding(aspect, evidence / self._budget)
                found.append(raised.findings[key])
        return found

    def _finding(self, aspect: int, strength: float) -> LabelFinding:
        of = ASPECTS[aspect]
        first = aspect * len(DIFFERING)
        bets = np.arange(first, first + len(DIFFERING))
        lead = int(self._stakes.excursions[bets].argmax())
        pairs, differing = (self._ever[:, aspect] - self._begun[:, aspect, lead]).tolist()
        share = differing / max(pairs, 1)
        one, a, other, b = self._example[aspect]
        sentence = (
            f"The same words are written in two ways, {of.name}: in {percent(share)} of {pairs:,} predictions with two "
            f"labels; the latest, {of.styles[a]} by {quoted(one)} and {of.styles[b]} by {quoted(other)}."
        )
        parties = (of.name, one, _bare(of.styles[a]), other, _bare(of.styles[b]))
        onset = self._stakes.onset(bets)
        return LabelFinding(What.CONVENTION_MIXED, parties, *onset, strength, SLIPS, share, pairs, sentence)

    def state(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            arrays = {name: array_to_json(getattr(self, f"_{name}")) for name in ("pane", "ever", "begun")}
            example = [[aspect, *example] for aspect, example in sorted(self._example.items())]
            self._stored = {"stakes": self._stakes.state(), "example": example, **arrays}
        return self._stored

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._stakes.restore(document["stakes"])
        self._example = {aspect: (one, a, other, b) for aspect, one, a, other, b in document["example"]}
        for name in ("pane", "ever", "begun"):
            setattr(self, f"_{name}", integers_from_json(document[name]))


def _shares(
    aspect: int, counts: tuple[Counts, Counts]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Shares of the styles of an aspect in two rows of counts, and the texts of the second."""
    first, width = int(FIRST[aspect]), len(ASPECTS[aspect].styles)
    before, after = (row[first : first + width] for row in counts)
    return before / max(int(before.sum()), 1), after / max(int(after.sum()), 1), int(after.sum())


def _filler(counts: Counts) -> str:
    """The most frequent filler in `counts` (STYLES,)."""
    spellings = [spelling for family in FILLERS.values() for spelling in family]
    first = int(FIRST[SPELLING])
    return spellings[int(counts[first : first + len(spellings)].argmax())]


def _bare(style: str) -> str:
    """A style as a party: without quotation marks around it."""
    return style.strip('"')
