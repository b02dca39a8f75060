"""Whether texts are still written as before, and alike. Rule: named in words, with what it was and what it is.

Watched for each aspect of style (see `style`), pane by pane: its shares against the reference; an annotator against
the others at the same time; two styles beside each other; and two texts for one prediction that have the same words.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.convention_bets import (
    FACTORS,
    FIRST,
    MIXED,
    STYLES,
    StyleScatter,
    among,
    change_wins,
    different_wins,
    mixed_wins,
)
from driftd.labelling.convention_claims import Pairs, changed, differs, mixed
from driftd.labelling.finding import LabelFinding
from driftd.labelling.names import Slots, names_of
from driftd.labelling.stakes import OVER, Raised, Stakes
from driftd.labelling.style import ASPECTS, styles_of
from driftd.reference.arrays import array_to_json, integers_from_json

PANE_LABELS: Final = 128
HANDS_MAX: Final = 24
"""So many annotators are told apart, the busiest ones."""
UNNAMED: Final = "(unnamed)"
STYLE_LABELS: Final = 100
"""In so many texts an aspect must have arisen before it is known,"""
REFERENCE_PANES: Final = 16
"""and over so many panes."""
WINDOW_PANES: Final = 64
HAND_LABELS_MAX: Final = 200
"""When an annotator has so many texts in an aspect they are halved, so that the latest count most."""
SUSPECT: Final = 1e-3
"""From so much of the budget on an annotator may be the one who is named first."""
LOOKS_IN_A_ROW: Final = 3
"""Two styles are mixed if so many panes in a row say so: in one pane there may be both for a change."""
SHARES: Final = (0.4, 0.3, 0.15, 0.15)
"""How much of the budget goes to change, annotators, mixture, pairs."""
CHANGES: Final = STYLES * len(FACTORS)
ONE_STYLE: Final = among(np.array([int(aspect.one_style) for aspect in ASPECTS for _ in aspect.styles])) > 0


class ConventionWatch:
    """Watches the style of the text labels of one model. `budget_labels`: labels per false alarm."""

    def __init__(self, budget_labels: float) -> None:
        self.budget_labels = budget_labels
        self.labels = 0
        self._slots = Slots(HANDS_MAX)
        self._stakes = Stakes(CHANGES + HANDS_MAX * len(ASPECTS), budget_labels)
        self._mixed = Stakes(STYLES * len(MIXED), budget_labels, cap=1.0)
        self._pairs = Pairs(budget_labels, SHARES[3])
        self._raised = Raised(budget_labels)
        self._scatter = StyleScatter()
        self._reference: NDArray[np.int64] = np.zeros(STYLES, np.int64)
        self._known: NDArray[np.int64] = np.zeros(STYLES, np.int64)
        self._hands: NDArray[np.int64] = np.zeros((HANDS_MAX, STYLES), np.int64)
        self._pane: NDArray[np.int64] = np.zeros(STYLES, np.int64)
        self._pane_hands: NDArray[np.int64] = np.zeros((HANDS_MAX, STYLES), np.int64)
        self._looks: NDArray[np.int64] = np.zeros(len(ASPECTS), np.int64)
        self._pane_first = (0, 0)
        self._window: list[tuple[int, NDArray[np.int64]]] = []
        self._stored: dict[str, object] | None = None

    @property
    def findings(self) -> list[LabelFinding]:
        """What holds now."""
        return list(self._raised.findings.values())

    @property
    def evicted(self) -> int:
        """Annotators that were given up for others."""
        return self._slots.evicted

    def update(
        self,
        texts: Sequence[object],
        annotators: Sequence[str | None],
        at_ms: Sequence[int],
        earlier_texts: Sequence[object] | None = None,
        earlier_annotators: Sequence[str | None] | None = None,
    ) -> list[LabelFinding]:
        """What is new after these labels, in order. What is no text is numbered, and tells nothing.

        Where the same prediction was labelled before, `earlier_texts` tells how, and `earlier_annotators` by whom.
        """
        names = [
            UNNAMED if who is None else name
            for who, name in zip(annotators, names_of(annotators), strict=True)
        ]
        nobody: list[None] = [None] * len(names)
        how = list(earlier_texts) if earlier_texts is not None else nobody
        who_before = list(earlier_annotators) if earlier_annotators is not None else nobody
        found: list[LabelFinding] = []
        done = 0
        while done < len(names):
            room = PANE_LABELS - self.labels % PANE_LABELS
            if room == PANE_LABELS:
                self._pane_first = (self.labels, int(at_ms[done]))
            end = min(done + room, len(names))
            for i in range(done, end):
                text, before = texts[i], how[i]
                if not isinstance(text, str):
                    continue
                self._count(names[i], styles_of(text))
                if isinstance(before, str):
                    other = who_before[i]
                    self._pairs.add(
                        before, UNNAMED if other is None else names_of([other])[0], text, names[i]
                    )
            self.labels += end - done
            done = end
            if self.labels % PANE_LABELS == 0:
                found += self._step()
        return found

    def _count(self, name: str, styles: list[int]) -> None:
        slot, drove_out = self._slots.take(name)
        if drove_out:
            self._forget(slot)
        columns = [first + style for first, style in zip(FIRST_LIST, styles, strict=True) if style >= 0]
        self._pane[columns] += 1
        self._pane_hands[slot, columns] += 1

    def _forget(self, slot: int) -> None:
        """Someone else takes `slot`."""
        self._stored = None
        self._hands[slot], self._pane_hands[slot] = 0, 0
        first = CHANGES + slot * len(ASPECTS)
        self._stakes.clear(slice(first, first + len(ASPECTS)))
        for key in [key for key in self._raised.findings if key.startswith(f"hand {slot} ")]:
            self._raised.forget(key)

    def _step(self) -> list[LabelFinding]:
        """Take the pane that is complete."""
        self._stored = None
        counts, known = self._pane, self._known > 0
        won = change_wins(counts, self._reference, self._scatter.factors(self._reference))
        staked = np.repeat((among(counts) * known / CHANGES * SHARES[0])[:, None], len(FACTORS), axis=1)
        others = self._others(self._pane_hands)
        differ, bet = different_wins(self._pane_hands, others, self._hands, self._others(self._hands))
        own = among(self._pane_hands)[:, FIRST] * bet / len(ASPECTS) * SHARES[1]
        self._stakes.step(
            np.concatenate([won.ravel(), differ.ravel()]),
            np.concatenate([staked.ravel(), own.ravel()]),
            *self._pane_first,
        )
        beside = among(counts) * ONE_STYLE / (STYLES * len(MIXED)) * SHARES[2]
        beside = np.repeat(beside[:, None], len(MIXED), axis=1)
        self._mixed.step(mixed_wins(counts).ravel(), beside.ravel(), *self._pane_first)
        self._window.append((self._pane_first[0], counts.copy()))
        del self._window[:-WINDOW_PANES]
        self._learn(counts, ~known)
        found = self._judge(bet) + self._pairs.step(self._raised, *self._pane_first)
        self._pane[:], self._pane_hands[:] = 0, 0
        return found

    def _others(self, hands: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the others wrote, for each annotator: those who are known to differ in an aspect do not count in it."""
        together = np.ones(hands.shape, np.bool_)
        for key in self._raised.findings:
            if key.startswith("hand "):
                slot, aspect = map(int, key.split()[1:])
                together[slot, FIRST[aspect] : FIRST[aspect] + len(ASPECTS[aspect].styles)] = False
        counted = hands * together
        return np.asarray(counted.sum(axis=0) - counted, np.int64)

    def _learn(self, counts: NDArray[np.int64], learning: NDArray[np.bool_]) -> None:
        self._reference += counts * learning
        self._scatter.add(counts, learning)
        if self._scatter.panes >= REFERENCE_PANES:
            self._known |= among(self._reference) >= STYLE_LABELS
        self._hands += self._pane_hands
        many = among(self._hands) >= HAND_LABELS_MAX
        self._hands[many] //= 2

    def _judge(self, bet: NDArray[np.bool_]) -> list[LabelFinding]:
        held = self._stakes.held
        change = np.add.reduceat(held[:CHANGES].reshape(STYLES, -1).sum(axis=1), FIRST)
        hands = held[CHANGES:].reshape(HANDS_MAX, len(ASPECTS))
        of_styles = self._mixed.held.reshape(STYLES, -1).sum(axis=1)
        found: list[LabelFinding] = []
        for a in range(len(ASPECTS)):
            own = of_styles[FIRST[a] : FIRST[a] + len(ASPECTS[a].styles)]
            second = float(np.sort(own)[-2])
            self._looks[a] = self._looks[a] + 1 if second >= self.budget_labels else 0
            told = [slot for slot in range(HANDS_MAX) if f"hand {slot} {a}" in self._raised.findings]
            open_to = np.where(bet[:, a] & ~np.isin(np.arange(HANDS_MAX), told), hands[:, a], 0.0)
            odd = self._oddest(a, open_to)
            for slot in (*told, odd) if open_to[odd] > 0 else told:
                evidence = float(hands[slot, a])
                if self._raised.is_new(f"hand {slot} {a}", evidence):
                    found.append(self._tell(f"hand {slot} {a}", self._of_hand(slot, a, evidence)))
            if self._raised.is_new(f"change {a}", float(change[a])):
                found.append(self._tell(f"change {a}", self._of_change(a, float(change[a]))))
            # where an annotator is about to be named that is the better word
            ready = self._looks[a] >= LOOKS_IN_A_ROW and hands[:, a].max() < OVER * self.budget_labels
            if self._raised.is_new(
                f"mixed {a}", second if ready or f"mixed {a}" in self._raised.findings else 0.0
            ):
                found.append(self._tell(f"mixed {a}", self._of_mixture(a, second)))
        return found

    def _oddest(self, aspect: int, evidence: NDArray[np.float64]) -> int:
        """The annotator to name first: of two who differ from each other the one who is not as the reference.

        The second then has nobody left to be compared with. Where there is no reference yet it is the one with the most
        `evidence` (slots,).
        """
        own = slice(int(FIRST[aspect]), int(FIRST[aspect]) + len(ASPECTS[aspect].styles))
        if not self._known[own].all():
            return int(evidence.argmax())
        usual = self._reference[own] / max(int(self._reference[own].sum()), 1)
        hands = self._hands[:, own]
        distance = np.abs(hands / np.maximum(hands.sum(axis=1, keepdims=True), 1) - usual).sum(axis=1)
        return int(np.where(evidence >= SUSPECT * self.budget_labels, 1 + distance, 0.0).argmax())

    def _tell(self, key: str, finding: LabelFinding) -> LabelFinding:
        self._raised.findings[key] = finding
        return finding

    def _since(self, number: int) -> NDArray[np.int64]:
        """Counts since the label `number`, as far back as is kept, (STYLES,)."""
        since = [counts for first, counts in self._window if first >= number] or [self._window[-1][1]]
        return np.asarray(np.sum(since, axis=0), np.int64)

    def _of_change(self, aspect: int, evidence: float) -> LabelFinding:
        first = int(FIRST[aspect]) * len(FACTORS)
        bets = np.arange(first, first + len(ASPECTS[aspect].styles) * len(FACTORS))
        number, at_ms = self._stakes.onset(bets)
        counts = (self._reference, self._since(number))
        return changed(aspect, counts, (number, at_ms), evidence / self.budget_labels)

    def _of_hand(self, slot: int, aspect: int, evidence: float) -> LabelFinding:
        onset = self._stakes.onset(np.array([CHANGES + slot * len(ASPECTS) + aspect]))
        counts = (self._others(self._hands)[slot], self._hands[slot])
        return differs(self._slots.names[slot], aspect, counts, onset, evidence / self.budget_labels)

    def _of_mixture(self, aspect: int, evidence: float) -> LabelFinding:
        first = int(FIRST[aspect]) * len(MIXED)
        onset = self._mixed.onset(np.arange(first, first + len(ASPECTS[aspect].styles) * len(MIXED)))
        return mixed(aspect, self._since(onset[0]), onset, evidence / self.budget_labels)

    def to_json(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            self._stored = {
                "scatter": self._scatter.state(),
                "window": [[first, array_to_json(counts)] for first, counts in self._window],
                **self._arrays(OF_PANES),
            }
        return {
            "budget_labels": self.budget_labels,
            "labels": self.labels,
            "pane_first": list(self._pane_first),
            "slots": self._slots.state(),
            "stakes": self._stakes.state(),
            "mixed": self._mixed.state(),
            "pairs": self._pairs.state(),
            "raised": self._raised.state(),
            **self._arrays(OF_LABELS),
            **self._stored,
        }

    def _arrays(self, names: Sequence[str]) -> dict[str, object]:
        return {name: array_to_json(getattr(self, f"_{name}")) for name in names}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ConventionWatch":
        """The watch of `to_json`."""
        watch = cls(document["budget_labels"])
        watch.labels = int(document["labels"])
        number, at_ms = document["pane_first"]
        watch._pane_first = (int(number), int(at_ms))
        for name in ("slots", "stakes", "mixed", "pairs", "raised", "scatter"):
            getattr(watch, f"_{name}").restore(document[name])
        watch._window = [(int(first), integers_from_json(counts)) for first, counts in document["window"]]
        for name in (*OF_LABELS, *OF_PANES):
            setattr(watch, f"_{name}", integers_from_json(document[name]))
        return watch


OF_LABELS: Final = ("pane", "pane_hands")
OF_PANES: Final = ("reference", "known", "hands", "looks")
"""Arrays by what changes them: a commit comes many times in a pane, and these need not be made anew for each."""
FIRST_LIST: Final = FIRST.tolist()
