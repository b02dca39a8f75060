"""Whether classes go by each other's names: swapped, renamed, merged. Rule: named, with both sides of the evidence.

A lost accuracy, other frequencies of classes, or a model that always says the same are no change of names: see
`mapping_bets` for what is bet on, against what. What cannot be told from labels and predictions alone is which of the
two changed its names: a model whose outputs were swapped looks like swapped labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.confusion import ConfusionCounter
from driftd.labelling.finding import LabelFinding, What, percent, quoted
from driftd.labelling.mapping_bets import MappingBets
from driftd.labelling.mapping_claims import circles, claim_of, edges_of
from driftd.labelling.names import Slots, names_of
from driftd.labelling.stakes import Raised, Stakes
from driftd.reference.arrays import array_to_json, integers_from_json

PANE_LABELS: Final = 64
PANES_AT_ONCE: Final = 64
UNKNOWN_MAX: Final = 8
"""So many labels that the reference does not know are watched at once."""
WINDOW_PANES: Final = 32
"""The figures since the onset go back so far at most."""


class MappingWatch:
    """Learns what the labels of a model are predicted as, then watches for changed names, pane by pane.

    `budget_labels`: labels per false alarm. `reference_labels`: so many joined labels are learned from.
    """

    def __init__(self, budget_labels: float, reference_labels: int = 2_000) -> None:
        self.budget_labels = budget_labels
        self.reference_labels = reference_labels
        self.labels = 0
        self.classes: tuple[str, ...] = ()
        self._learner = ConfusionCounter(reference_labels)
        self._begin(np.zeros((1, 0), np.int64))

    def _begin(self, counts: NDArray[np.int64]) -> None:
        """Watch, with `counts` (k + 1, k) as the reference; nothing is watched before there are two classes."""
        k = len(self.classes)
        self._counts = counts
        self._code = {name: code for code, name in enumerate(self.classes)}
        self._slots = Slots(UNKNOWN_MAX)
        self._bets = MappingBets(counts, UNKNOWN_MAX) if k >= 2 else None
        self._stakes = Stakes(self._bets.count if self._bets else 0, self.budget_labels)
        self._raised = Raised(self.budget_labels)
        self._pane: NDArray[np.int64] = np.zeros((k + 1, k + UNKNOWN_MAX), np.int64)
        self._pane_labels, self._pane_first = 0, (0, 0)
        self._window: list[tuple[int, NDArray[np.int64]]] = []
        self._stored: dict[str, object] | None = None

    @property
    def findings(self) -> list[LabelFinding]:
        """What holds now."""
        return list(self._raised.findings.values())

    @property
    def pooled(self) -> int:
        """Names that the reference did not keep apart because there were too many."""
        return self._learner.pooled

    @property
    def evicted(self) -> int:
        """Unknown labels that were given up for others."""
        return self._slots.evicted

    def update(
        self, predictions: Sequence[object], labels: Sequence[object], at_ms: Sequence[int]
    ) -> list[LabelFinding]:
        """What is new after these labels, in order; `predictions` are what the model answered (None: nothing).

        Labels whose prediction is missing are numbered, and tell nothing.
        """
        predicted, labelled = names_of(predictions), names_of(labels)
        numbers = range(self.labels, self.labels + len(labelled))
        self.labels += len(labelled)
        if None in predictions:
            some = [i for i, prediction in enumerate(predictions) if prediction is not None]
            predicted, labelled = [predicted[i] for i in some], [labelled[i] for i in some]
            numbers, at_ms = [numbers[i] for i in some], [at_ms[i] for i in some]  # type: ignore[assignment]
        learned = self._learner.labels >= self.reference_labels
        done = 0 if learned else self._learn(predicted, labelled)
        found: list[LabelFinding] = []
        step = PANE_LABELS * PANES_AT_ONCE
        while self._bets is not None and done < len(labelled):
            end = min(done + step - self._pane_labels, len(labelled))
            found += self._watch(predicted[done:end], labelled[done:end], numbers[done:end], at_ms[done:end])
            done = end
        return found

    def _learn(self, predicted: list[str], labelled: list[str]) -> int:
        """Count for the reference; how many were taken."""
        taken = self._learner.add(predicted, labelled)
        if self._learner.labels >= self.reference_labels:
            self.classes, counts = self._learner.confusion()
            self._learner.forget()
            self._begin(counts)
        return taken

    def _watch(
        self, predicted: list[str], labelled: list[str], numbers: Sequence[int], at_ms: Sequence[int]
    ) -> list[LabelFinding]:
        """Take at most PANES_AT_ONCE panes of labels."""
        if self._pane_labels + len(labelled) < PANE_LABELS and self._code.keys() >= set(labelled):
            self._count(predicted, labelled, (numbers[0], at_ms[0]))
            return []
        k, begun = len(self.classes), self._pane_labels
        first = PANE_LABELS - begun
        if len(labelled) > first:
            new = set(labelled) - self._code.keys() - set(self._slots.names)
            if len(new) + len(self._slots.names) > UNKNOWN_MAX:
                # a finding of one pane must not see the names of the next one
                found = self._watch(predicted[:first], labelled[:first], numbers[:first], at_ms[:first])
                return found + self._watch(
                    predicted[first:], labelled[first:], numbers[first:], at_ms[first:]
                )
        width = k + UNKNOWN_MAX
        get = self._code.get
        rows = np.array([get(name, k) for name in predicted], np.int64)
        columns = np.array([get(name, -1) for name in labelled], np.int64)
        panes = (begun + np.arange(len(labelled))) // PANE_LABELS
        total = (begun + len(labelled)) // PANE_LABELS
        unknown = np.flatnonzero(columns < 0).tolist()
        evictions: list[tuple[int, int]] = []
        for i in unknown:
            slot, drove_out = self._slots.take(labelled[i])
            if drove_out:
                # what the slot counted belongs to another name; panes before this one keep it
                evictions.append((int(panes[i]), slot))
                same = (columns[:i] == k + slot) & (panes[:i] == panes[i])
                rows[:i][same] = -1
                if panes[i] == 0:
                    self._pane[:, k + slot] = 0
            columns[i] = k + slot
        kept = rows >= 0
        flat = (panes * (k + 1) + rows) * width + columns
        counts = np.bincount(flat[kept], minlength=(total + 1) * (k + 1) * width)
        counts = counts.reshape(total + 1, k + 1, width)
        counts[0] += self._pane
        firsts = [(numbers[i], at_ms[i]) for i in range(-begun % PANE_LABELS, len(labelled), PANE_LABELS)]
        firsts = [self._pane_first, *firsts] if begun else firsts
        found = self._step(counts[:total], firsts, evictions)
        self._pane, self._pane_labels = counts[total].copy(), (begun + len(labelled)) % PANE_LABELS
        self._pane_first = firsts[total] if self._pane_labels else (0, 0)
        self._drop(total, evictions)
        return found

    def _count(self, predicted: list[str], labelled: list[str], first: tuple[int, int]) -> None:
        """Count some labels of a pane, all of known names, as `_watch` does: small batches bring few."""
        k, code, pane = len(self.classes), self._code, self._pane
        for pair, count in Counter(zip(predicted, labelled, strict=True)).items():
            pane[code.get(pair[0], k), code[pair[1]]] += count
        if not self._pane_labels:
            self._pane_first = first
        self._pane_labels += len(labelled)

    def _drop(self, pane: int, evictions: list[tuple[int, int]]) -> None:
        """Clear the bets on unknown labels that left in `pane`."""
        assert self._bets is not None
        k = len(self.classes)
        for when, slot in evictions:
            if when == pane:
                self._stakes.clear(self._bets.new_bets(slot))
                for _, counts in self._window:
                    counts[:, k + slot] = 0
                self._stored = None

    def _step(
        self,
        counts: NDArray[np.int64],
        firsts: Sequence[tuple[int, int]],
        evictions: list[tuple[int, int]],
    ) -> list[LabelFinding]:
        assert self._bets is not None
        found: list[LabelFinding] = []
        if not len(counts):
            return found
        self._stored = None
        wins = self._bets.wins(counts)
        staked = self._bets.shares * PANE_LABELS
        for i in range(len(counts)):
            if evictions:
                self._drop(i, evictions)
            self._stakes.step(wins[i], staked, *firsts[i])
            self._window.append((firsts[i][0], counts[i]))
            del self._window[:-WINDOW_PANES]
            if self._raised.findings or self._stakes.held.max() >= self.budget_labels:
                found += self._judge()
        return found

    def _judge(self) -> list[LabelFinding]:
        """Find circles, merges and renamings that have evidence enough, and those that no longer have."""
        assert self._bets is not None
        bets, held = self._bets, self._stakes.held
        swapped, over, shared = bets.swapped(held), bets.taken_over(held), bets.shared(held)
        vanished, new = bets.vanished(held), bets.new(held)
        claims: dict[str, tuple[What, tuple[int, ...], float]] = {}
        again = [
            tuple(map(int, key.split()[1:])) for key in self._raised.findings if key.startswith("circle")
        ]
        for circle in dict.fromkeys([*circles(swapped, over, self.budget_labels), *again]):
            edges = swapped if len(circle) == 2 else over
            evidence = min(float(edges[b, a]) for a, b in edges_of(circle))
            claims[" ".join(map(str, ("circle", *circle)))] = (What.CLASSES_SWAPPED, circle, evidence)
        for a in range(len(self.classes)):
            merges = np.minimum(shared[:, a], vanished[a])
            b = int(merges.argmax())
            claims[f"merge {a}"] = (What.CLASSES_MERGED, (a, b), float(merges[b]))
            renames = np.minimum(new[:, a], vanished[a])
            slot = int(renames.argmax())
            claims[f"rename {a}"] = (What.CLASS_RENAMED, (a, slot), float(renames[slot]))
        found: list[LabelFinding] = []
        for key, (what, codes, evidence) in claims.items():
            if self._raised.is_new(key, evidence):
                self._raised.findings[key] = self._finding(what, codes, evidence)
                found.append(self._raised.findings[key])
        return found

    def _finding(self, what: What, codes: tuple[int, ...], evidence: float) -> LabelFinding:
        assert self._bets is not None
        k, bets = len(self.classes), self._bets
        a, b = codes[0], codes[1]
        if what is What.CLASSES_SWAPPED:
            concerned = [bets.pair_bets(to, of, shared=False) for of, to in edges_of(codes)]
        elif what is What.CLASSES_MERGED:
            concerned = [bets.pair_bets(b, a, shared=True), bets.vanished_bets(a)]
        else:
            concerned, b = [bets.new_bets(b), bets.vanished_bets(a)], k + b
        number, at_ms = self._stakes.onset(np.concatenate(concerned))
        since = [counts for first, counts in self._window if first >= number] or [self._window[-1][1]]
        counts = np.sum(since, axis=0)
        predicted = max(int(counts[a].sum()), 1)
        before = float(self._counts[a, b] / max(int(self._counts[a].sum()), 1)) if b < k else 0.0
        after = float(counts[a, b] / predicted)
        names = (*self.classes, *self._slots.names)
        parties = (
            tuple(names[code] for code in codes) if what is What.CLASSES_SWAPPED else (names[a], names[b])
        )
        figures = f"of what is predicted as {quoted(names[a])} is labelled {quoted(names[b])}"
        tail = f"{percent(before)} -> {percent(after)} {figures}, since label {number:,}."
        sentence = f"{claim_of(what, parties)}: {tail}"
        strength = evidence / self.budget_labels
        return LabelFinding(
            what, parties, number, at_ms, strength, before, after, int(counts.sum()), sentence
        )

    def to_json(self) -> dict[str, object]:
        """All that is needed to go on exactly like this."""
        if self._stored is None:
            # it changes once in a pane, and is asked for with each commit
            self._stored = {
                "counts": array_to_json(self._counts),
                "window": [[first, array_to_json(counts)] for first, counts in self._window],
            }
        return {
            "budget_labels": self.budget_labels,
            "reference_labels": self.reference_labels,
            "labels": self.labels,
            "classes": list(self.classes),
            "learner": self._learner.state(),
            "slots": self._slots.state(),
            "stakes": self._stakes.state() if self._bets is not None else None,
            "raised": self._raised.state(),
            "pane": array_to_json(self._pane),
            "pane_labels": self._pane_labels,
            "pane_first": list(self._pane_first),
            **self._stored,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "MappingWatch":
        """The watch of `to_json`."""
        watch = cls(document["budget_labels"], document["reference_labels"])
        watch.labels = int(document["labels"])
        watch.classes = tuple(document["classes"])
        watch._learner.restore(document["learner"])
        watch._begin(integers_from_json(document["counts"]))
        watch._slots.restore(document["slots"])
        if document["stakes"] is not None:
            watch._stakes.restore(document["stakes"])
        watch._raised.restore(document["raised"])
        watch._pane, watch._pane_labels = integers_from_json(document["pane"]), int(document["pane_labels"])
        number, at_ms = document["pane_first"]
        watch._pane_first = (int(number), int(at_ms))
        watch._window = [(int(first), integers_from_json(counts)) for first, counts in document["window"]]
        return watch
