"""Labels that came before their predictions. Rule: first in, first out, bounded by count, bytes and time.

They wait as they came, several for one prediction too; with the prediction they are taken in their order, so that
it makes no difference which came first, the prediction or its labels.
"""

from typing import Any, Final, NamedTuple

from driftd.engine.pairs import LabelValue
from driftd.engine.texts import text_bytes
from driftd.engine.value_codec import (
    rising_from_json,
    rising_to_json,
    texts_from_json,
    texts_to_json,
    values_from_json,
    values_to_json,
)  # fmt: skip

Document = dict[str, Any]
ENTRY_LABELS: Final = 64
LABEL_BYTES: Final = 400
"""What a waiting label takes beside its texts."""


class EarlyLabel(NamedTuple):
    """A label that waits for its prediction."""

    key: int
    label: LabelValue
    at_ms: int
    annotator: str | None
    weight: float


class EarlyLabels:
    """Waiting labels by the order in which they came, from number `first` on, and by the key of their prediction."""

    def __init__(self) -> None:
        self.labels: dict[int, EarlyLabel] = {}
        self.of_key: dict[int, list[int]] = {}
        self.first = self.next_number = 0
        self.held_bytes = 0
        self._changed: set[int] = set()

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, early: EarlyLabel) -> None:
        """Let `early` wait; also where it says the same as another one: which of both is in time is not known yet."""
        self.of_key.setdefault(early.key, []).append(self.next_number)
        self._put(self.next_number, early)
        self.next_number += 1

    def take(self, key: int) -> list[EarlyLabel]:
        """The labels that wait for the prediction `key`, in their order; they wait no longer."""
        numbers = self.of_key.pop(key, None)
        return [] if numbers is None else [self._pop(number) for number in numbers]

    def oldest(self) -> EarlyLabel | None:
        """The label that has waited longest."""
        while self.first < self.next_number:
            early = self.labels.get(self.first)
            if early is not None:
                return early
            self.first += 1
        return None

    def drop_oldest(self) -> None:
        """Let the label go that has waited longest; there is one."""
        early = self.oldest()
        assert early is not None
        numbers = self.of_key[early.key]
        del numbers[0]  # the oldest of all is the oldest of its key
        if not numbers:
            del self.of_key[early.key]
        self._pop(self.first)
        self.first += 1

    def drop_before(self, oldest_ms: int) -> int:
        """Let the oldest labels go while they are of times before `oldest_ms`; how many went."""
        count = 0
        while (early := self.oldest()) is not None and early.at_ms < oldest_ms:
            self.drop_oldest()
            count += 1
        return count

    def drop_beyond(self, labels_max: int) -> int:
        """Let the oldest labels go while there are more than `labels_max`; how many went."""
        count = 0
        while len(self.labels) > labels_max:
            self.drop_oldest()
            count += 1
        return count

    def drop_beyond_bytes(self, bytes_max: int) -> int:
        """Let the oldest labels go while they take more than `bytes_max`; how many went."""
        count = 0
        while self.held_bytes > bytes_max:
            self.drop_oldest()
            count += 1
        return count

    def entries(self, whole: bool) -> dict[int, Document | None]:
        """State entries by number, None for one to delete: all, or those that have changed since last time."""
        numbers = {number // ENTRY_LABELS for number in self.labels} if whole else self._changed
        entries = {n: self._entry(n) for n in sorted(numbers)}
        if not whole:
            self._changed = set()
        return entries

    def head(self) -> Document:
        """What is known of the labels as a whole, for the state."""
        return {"next_number": self.next_number, "count": len(self.labels)}

    def fill(self, head: Document, entries: dict[int, Document]) -> None:
        """Put back what `head` and `entries` gave. Raises ValueError where they do not fit together."""
        for _, document in sorted(entries.items()):
            numbers = rising_from_json(document["numbers"]).tolist()
            rows = zip(
                numbers,
                document["keys"],
                values_from_json(document["labels"]),
                rising_from_json(document["at_ms"]).tolist(),
                texts_from_json(document["annotators"], len(numbers)),
                values_from_json(document["weights"]),
                strict=True,
            )
            for own, *early in rows:
                self._put(own, EarlyLabel(*early))
                self.of_key.setdefault(early[0], []).append(own)
        if len(self.labels) != head["count"]:
            raise ValueError(f"{len(self.labels)} labels wait for predictions, and not {head['count']}")
        self.next_number = head["next_number"]
        self.first = next(iter(self.labels), self.next_number)
        self._changed = set()

    def _put(self, number: int, early: EarlyLabel) -> None:
        self.labels[number] = early
        self.held_bytes += _bytes(early)
        self._changed.add(number // ENTRY_LABELS)

    def _pop(self, number: int) -> EarlyLabel:
        early = self.labels.pop(number)
        self.held_bytes -= _bytes(early)
        self._changed.add(number // ENTRY_LABELS)
        return early

    def _entry(self, entry: int) -> Document | None:
        begin = entry * ENTRY_LABELS
        numbers = [number for number in range(begin, begin + ENTRY_LABELS) if number in self.labels]
        if not numbers:
            return None
        keys, labels, at_ms, annotators, weights = zip(*(self.labels[n] for n in numbers), strict=True)
        return {
            "numbers": rising_to_json(numbers),
            "keys": keys,
            "labels": values_to_json(labels),
            "at_ms": rising_to_json(at_ms),
            "annotators": texts_to_json(annotators),
            "weights": values_to_json(weights),
        }


def _bytes(early: EarlyLabel) -> int:
    size = LABEL_BYTES
    if type(early.label) is str:
        size += text_bytes(early.label)
    return size if early.annotator is None else size + text_bytes(early.annotator)
