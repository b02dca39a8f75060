"""Which annotators disagree with the rest, or drift. Rule: named only for what the others at the same time do not do.

Agreement is counted with the model's answers and, where two annotators label one prediction, with each other. An
annotator who agrees less than the others is a finding, and so is one who agrees more than the others and than
before, as one does who copies. Those who are found are no longer among "the others".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.agreement import (
    BETS,
    HIGHER_BETS,
    LOWER_BETS,
    OWN_BETS,
    OWN_LABELS,
    agreement_wins,
)
from driftd.labelling.finding import LabelFinding, What, percent, quoted
from driftd.labelling.names import Slots, names_of
from driftd.labelling.stakes import Raised, Stakes
from driftd.labelling.who_confuses import Confusions
from driftd.reference.arrays import array_to_json, integers_from_json

ANNOTATORS_MAX: Final = 48
"""So many annotators are kept apart, the busiest ones; beyond that the rarest leaves, and is counted."""
UNNAMED: Final = "(unnamed)"
"""Labels without an annotator are those of one."""
PANE_LABELS: Final = 128
REST_LABELS_MIN: Final = 100
REST_LABELS_MAX: Final = 4096
WITH: Final = ("the model", "other annotators")
"""With whom agreement is counted: the two channels."""
CHANNELS: Final = len(WITH)
DIRECTIONS: Final = ("less", "more")


class AnnotatorWatch:
    """Watches the annotators of one model, pane by pane. `budget_labels`: labels per false alarm."""

    def __init__(self, budget_labels: float) -> None:
        self.budget_labels = budget_labels
        self.labels = 0
        self._slots = Slots(ANNOTATORS_MAX)
        self._stakes = Stakes(CHANNELS * ANNOTATORS_MAX * BETS, budget_labels)
        self._raised = Raised(budget_labels)
        shape = (CHANNELS, 2, ANNOTATORS_MAX)
        # (labels, agreements) of each channel and annotator: in this pane, ever, and of the first ones
        self._pane: NDArray[np.int64] = np.zeros(shape, np.int64)
        self._ever: NDArray[np.int64] = np.zeros(shape, np.int64)
        self._own: NDArray[np.int64] = np.zeros(shape, np.int64)
        self._begun: NDArray[np.int64] = np.zeros((2, CHANNELS, ANNOTATORS_MAX, BETS), np.int64)
        self._total: NDArray[np.int64] = np.zeros((CHANNELS, 2), np.int64)
        self._rest: NDArray[np.int64] = np.zeros((CHANNELS, 2), np.int64)
        self._pane_first = (0, 0)
        self._confusions = Confusions(ANNOTATORS_MAX)
        self._apart: NDArray[np.bool_] = np.zeros(ANNOTATORS_MAX, np.bool_)
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
        annotators: Sequence[str | None],
        predictions: Sequence[object],
        labels: Sequence[object],
        at_ms: Sequence[int],
        earlier_annotators: Sequence[str | None] | None = None,
        earlier_labels: Sequence[object] | None = None,
    ) -> list[LabelFinding]:
        """What is new after these labels, in order; `predictions` are what the model answered (None: nothing).

        Where another annotator labelled the same prediction before, `earlier_labels` tells how, and
        `earlier_annotators` who; None where nobody did.
        """
        names = [UNNAMED if name is None else name for name in names_or_none(annotators)]
        labelled, predicted = names_of(labels), names_of(predictions)
        missing = [prediction is None for prediction in predictions]
        nobody = [None] * len(names)
        who = list(earlier_annotators) if earlier_annotators is not None else nobody
        how = list(earlier_labels) if earlier_labels is not None else nobody
        found: list[LabelFinding] = []
        done = 0
        while done < len(names):
            room = PANE_LABELS - self.labels % PANE_LABELS
            if room == PANE_LABELS:
                self._pane_first = (self.labels, int(at_ms[done]))
            end = min(done + room, len(names))
            slots = self._take(names[done:end])
            self._with_model(slots, predicted[done:end], labelled[done:end], missing[done:end])
            for i, earlier in enumerate(how[done:end], done):
                if earlier is not None:
                    self._with_peer(slots[i - done], who[i], labelled[i], earlier)
            self.labels += end - done
            done = end
            if self.labels % PANE_LABELS == 0:
                found += self._step()
        return found

    def _take(self, names: Sequence[str]) -> list[int]:
        """The slot of each label's annotator; -1 where he has left it within these labels."""
        known = self._slots.take_known(names)
        if known is not None:
            return known
        slots: list[int] = []
        for name in names:
            slot, drove_out = self._slots.take(name)
            if drove_out:
                self._forget(slot)
                slots = [-1 if earlier == slot else earlier for earlier in slots]
            slots.append(slot)
        return slots

    def _forget(self, slot: int) -> None:
        """Someone else takes `slot`."""
        self._stored = None
        for counts in (self._pane, self._ever, self._own):
            counts[:, :, slot] = 0
        self._begun[:, :, slot] = 0
        self._confusions.forget(slot)
        self._apart[slot] = False
        first = np.arange(CHANNELS) * ANNOTATORS_MAX + slot
        self._stakes.clear((first[:, None] * BETS + np.arange(BETS)).ravel())
        for key in [key for key in self._raised.findings if key.endswith(f" {slot}")]:
            self._raised.forget(key)

    def _with_model(
        self, slots: list[int], predicted: Sequence[str], labelled: Sequence[str], missing: Sequence[bool]
    ) -> None:
        some = [i for i, slot in enumerate(slots) if slot >= 0 and not missing[i]]
        own = np.array([slots[i] for i in some], np.int64)
        agrees = np.array([predicted[i] == labelled[i] for i in some], np.bool_)
        self._confusions.add(own, [predicted[i] for i in some], [labelled[i] for i in some])
        counts = [np.bincount(of, minlength=ANNOTATORS_MAX) for of in (own, own[agrees])]
        self._pane[0] += counts
        self._total[0] += [int(of[~self._apart].sum()) for of in counts]

    def _with_peer(self, slot: int, peer: str | None, label: str, earlier: object) -> None:
        """Count one prediction with two labels for both of those who gave them."""
        other = self._slots.slot_of(UNNAMED if peer is None else names_of([peer])[0])
        if slot < 0 or other is None or other == slot:
            return
        agrees = label == names_of([earlier])[0]
        for one, another in ((slot, other), (other, slot)):
            if not self._apart[another]:
                self._pane[1, :, one] += (1, agrees)
        if not (self._apart[slot] or self._apart[other]):
            self._total[1] += (1, agrees)

    def _step(self) -> list[LabelFinding]:
        """Take the pane that is complete."""
        self._stored = None
        wins = np.zeros((CHANNELS, ANNOTATORS_MAX, BETS))
        staked = np.zeros((CHANNELS, ANNOTATORS_MAX, BETS))
        for channel in range(CHANNELS):
            if self._rest[channel, 0] >= REST_LABELS_MIN:
                wins[channel], own_staked = agreement_wins(
                    self._pane[channel, 0],
                    self._pane[channel, 1],
                    self._total[channel],
                    self._rest[channel],
                    self._own[channel],
                    self._apart,
                )
                staked[channel] = own_staked / CHANNELS
        anew = self._stakes.step(wins.ravel(), staked.ravel(), *self._pane_first).reshape(wins.shape)
        for i in range(2):
            np.copyto(self._begun[i], self._ever[:, i, :, None], where=anew)
        self._own += self._pane * (self._own[:, :1] < OWN_LABELS)
        self._ever += self._pane
        self._rest += self._total
        many = self._rest[:, 0] > REST_LABELS_MAX
        self._rest[many] //= 2
        self._pane[:], self._total[:] = 0, 0
        self._confusions.age()
        return self._judge()

    def _judge(self) -> list[LabelFinding]:
        held = self._stakes.held.reshape(CHANNELS, ANNOTATORS_MAX, BETS)
        lower = held[:, :, LOWER_BETS].sum(axis=2)
        higher = np.minimum(held[:, :, HIGHER_BETS].sum(axis=2), held[:, :, OWN_BETS].sum(axis=2))
        evidence = np.stack([lower, higher], axis=1)
        found: list[LabelFinding] = []
        told = {tuple(map(int, key.split())) for key in self._raised.findings}
        over = {tuple(place) for place in np.argwhere(evidence >= self.budget_labels).tolist()}
        for place in sorted(told | over, key=lambda place: (-evidence[place], place)):
            key = " ".join(map(str, place))
            if self._raised.is_new(key, float(evidence[place])):
                self._raised.findings[key] = self._finding(place, float(evidence[place]))
                found.append(self._raised.findings[key])
        self._apart[:] = False
        for key in self._raised.findings:
            self._apart[int(key.split()[2])] = True
        return found

    def _finding(self, place: tuple[int, ...], evidence: float) -> LabelFinding:
        channel, direction, slot = place
        first = (channel * ANNOTATORS_MAX + slot) * BETS
        own = np.arange(first, first + BETS)[(LOWER_BETS, HIGHER_BETS)[direction]]
        number, at_ms = self._stakes.onset(own)
        lead = int(own[self._stakes.excursions[own].argmax()]) - first
        begun = self._begun[:, channel, slot, lead]
        labels, agreed = (self._ever[channel, :, slot] - begun).tolist()
        after = agreed / max(labels, 1)
        others = float(self._rest[channel, 1] / max(int(self._rest[channel, 0]), 1))
        drifts = int(begun[0]) >= OWN_LABELS // 4
        before = float(begun[1] / begun[0]) if drifts else others
        name = self._slots.names[slot]
        who = "Labels without an annotator agree" if name == UNNAMED else f"{quoted(name)} agrees"
        tail = f"{percent(before)} -> {percent(after)}" if drifts else f"{percent(after)}"
        sentence = (
            f"{who} {DIRECTIONS[direction]} with {WITH[channel]} since label {number:,}: {tail} of {labels:,} labels; "
            f"the others {percent(others)}."
        )
        if direction == 0:
            sentence += self._confusions.sentence(slot)
        else:
            sentence += " Copied?"
        what = What.ANNOTATOR_DRIFTS if drifts else What.ANNOTATOR_DISAGREES
        strength = evidence / self.budget_labels
        return LabelFinding(what, (name,), number, at_ms, strength, before, after, labels, sentence)

    def to_json(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            self._stored = self._arrays(OF_PANES)
        return {
            "budget_labels": self.budget_labels,
            "labels": self.labels,
            "pane_first": list(self._pane_first),
            "slots": self._slots.state(),
            "stakes": self._stakes.state(),
            "raised": self._raised.state(),
            "confusions": self._confusions.state(),
            **self._arrays(OF_LABELS),
            **self._stored,
        }

    def _arrays(self, names: Sequence[str]) -> dict[str, object]:
        return {name: array_to_json(getattr(self, f"_{name}")) for name in names}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "AnnotatorWatch":
        """The watch of `to_json`."""
        watch = cls(document["budget_labels"])
        watch.labels = int(document["labels"])
        number, at_ms = document["pane_first"]
        watch._pane_first = (int(number), int(at_ms))
        watch._slots.restore(document["slots"])
        watch._stakes.restore(document["stakes"])
        watch._raised.restore(document["raised"])
        watch._confusions.restore(document["confusions"])
        for name in (*OF_LABELS, *OF_PANES):
            setattr(watch, f"_{name}", integers_from_json(document[name]))
        for key in watch._raised.findings:
            watch._apart[int(key.split()[2])] = True
        return watch


OF_LABELS: Final = ("pane", "total")
OF_PANES: Final = ("ever", "own", "begun", "rest")
"""Arrays by what changes them: a commit comes many times in a pane, and these need not be made anew for each."""


def names_or_none(names: Sequence[object]) -> list[str | None]:
    """Names of annotators; what is no name is none."""
    return [None if name is None else text for name, text in zip(names, names_of(names), strict=True)]
