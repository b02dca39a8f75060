"""Labels that came before their predictions. Rule: first in, first out, bounded by count, bytes and time.

They wait as they came, several for one prediction too; with the prediction they are taken in their order, so that
it makes no difference which came first, the prediction or its labels.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final, TypeAlias

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


EarlyLabel: TypeAlias = tuple[int, LabelValue, int, str | None, float]
"""A label that waits: key of its prediction, label, its time, annotator, weight. A plain tuple is made in a tenth of
the time of a named one, and the garbage collector leaves it alone."""


class EarlyLabels:
    """Waiting labels by the order in which they came, from number `first` on, and by the key of their prediction."""

    def __init__(self) -> None:
        self.labels: dict[int, EarlyLabel] = {}
        self.of_key: dict[int, list[int]] = {}
        self.first = self.next_number = 0
        self.held_bytes = 0
        self._stored = (0, 0)
        self._taken: set[int] = set()

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, early: EarlyLabel) -> None:
        """Let `early` wait; also where it says the same as another one: which of both is in time is not known yet."""
        number = self.next_number
        self.next_number = number + 1
        self.labels[number] = early
        self.held_bytes += _bytes(early)
        numbers = self.of_key.get(early[0])
        if numbers is None:
            self.of_key[early[0]] = [number]
        else:
            numbers.append(number)

    def add_run(self, coming: Sequence[EarlyLabel], bytes_max: int) -> bool:
        """Let all that are `coming` wait, if they take no more than `bytes_max` with those that do; whether they do."""
        texts_bytes = _texts_bytes([one[1] for one in coming]) + _texts_bytes([one[3] for one in coming])
        size = LABEL_BYTES * len(coming) + texts_bytes
        if self.held_bytes + size > bytes_max:
            return False
        first = self.next_number
        self.next_number = first + len(coming)
        self.labels.update(zip(range(first, self.next_number), coming, strict=True))
        self.held_bytes += size
        of_key = self.of_key
        for number, early in enumerate(coming, first):
            numbers = of_key.get(early[0])
            if numbers is None:
                of_key[early[0]] = [number]
            else:
                numbers.append(number)
        return True

    def take(self, key: int) -> list[EarlyLabel]:
        """The labels that wait for the prediction `key`, in their order; they wait no longer."""
        numbers = self.of_key.pop(key, None)
        if numbers is None:
            return []
        self._taken.update(number // ENTRY_LABELS for number in numbers)
        taken = [self.labels.pop(number) for number in numbers]
        self.held_bytes -= sum(map(_bytes, taken))
        return taken

    def drop_before(self, oldest_ms: int) -> int:
        """Let the oldest labels go while they are of times before `oldest_ms`; how many went."""
        count = 0
        while self.labels and self._oldest()[2] < oldest_ms:
            count += self._drop_oldest()
        return count

    def drop_beyond(self, labels_max: int) -> int:
        """Let the oldest labels go while there are more than `labels_max`; how many went."""
        count = 0
        while len(self.labels) > labels_max:
            count += self._drop_oldest()
        return count

    def drop_beyond_bytes(self, bytes_max: int) -> int:
        """Let the oldest labels go while they take more than `bytes_max`; how many went."""
        count = 0
        while self.held_bytes > bytes_max:
            count += self._drop_oldest()
        return count

    def _oldest(self) -> EarlyLabel:
        while self.first not in self.labels:
            self.first += 1
        return self.labels[self.first]

    def _drop_oldest(self) -> int:
        """Let the label go that has waited longest, or step over one that found its prediction; how many went."""
        early = self.labels.pop(self.first, None)
        self.first += 1
        if early is None:
            return 0
        self.held_bytes -= _bytes(early)
        numbers = self.of_key[early[0]]
        if len(numbers) == 1:
            del self.of_key[early[0]]
        else:
            del numbers[0]  # the oldest of all is the oldest of its key
        return 1

    def entries(self, whole: bool) -> dict[int, Document | None]:
        """State entries by number, None for one to delete: all, or those that have changed since last time."""
        if whole:
            return {n: self._entry(n) for n in sorted({number // ENTRY_LABELS for number in self.labels})}
        first, after = self._stored
        changed = set(self._taken)
        if first < self.first:
            changed |= set(range(first // ENTRY_LABELS, self.first // ENTRY_LABELS + 1))
        if after < self.next_number:
            changed |= set(range(after // ENTRY_LABELS, -(-self.next_number // ENTRY_LABELS)))
        self._stored = (self.first, self.next_number)
        self._taken.clear()
        return {n: self._entry(n) for n in sorted(changed)}

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
                self.next_number = own
                self.add(tuple(early))
        if len(self.labels) != head["count"]:
            raise ValueError(f"{len(self.labels)} labels wait for predictions, and not {head['count']}")
        self.next_number = head["next_number"]
        self.first = next(iter(self.labels), self.next_number)
        self._stored = (self.first, self.next_number)

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
    _, label, _, annotator, _ = early
    size = LABEL_BYTES
    if type(label) is str:
        size += text_bytes(label)
    return size if annotator is None else size + text_bytes(annotator)


def _texts_bytes(values: Sequence[LabelValue | None]) -> int:
    """The memory that those of `values` are counted with that are texts, in bytes."""
    bytes_of: dict[object, int] = {text: text_bytes(text) for text in set(values) if type(text) is str}
    return sum(map(bytes_of.get, values, repeat(0))) if bytes_of else 0
