"""Where the log was at times gone by. Rule: marks lie where no batch decides, so that they are the same in any batches.

With them a request can say which offsets to train on: a place knows its own partition only. They get sparser with
their age, so that few are enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftd.contract.record import Source
from driftd.reference.panes import Place

MARK_RECORDS: Final = 1_000
"""After so many records of a shard each of its models makes a mark, if it had any of them."""
MARKS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """The offsets that were applied, the time, and how many predictions and joined labels the model had by then."""

    offsets: Mapping[Source, int]
    at_ms: int
    predictions: int
    labelled: int


class Marks:
    """The marks of one model, the oldest first."""

    def __init__(self) -> None:
        self.all: list[Mark] = []

    def add(self, mark: Mark) -> bool:
        """Make `mark`, if the model had events since the last one; whether it had."""
        last = self.latest()
        if (last.predictions, last.labelled) == (mark.predictions, mark.labelled):
            return False
        self.all.append(mark)
        if len(self.all) > MARKS_MAX:
            half = MARKS_MAX // 2
            self.all = [*self.all[:half:2], *self.all[half:]]
        return True

    def before(self, place: Place) -> Mark:
        """The last mark that the record at `place` came after; where there is none, the begin of everything."""
        source = Source(place.topic, place.partition)
        return next(
            (mark for mark in reversed(self.all) if mark.offsets.get(source, -1) < place.offset), BEGIN
        )

    def latest(self) -> Mark:
        """The last mark."""
        return self.all[-1] if self.all else BEGIN

    def label_pace_ms(self) -> float | None:
        """The time between two labels, over all marks; None while no label has come."""
        if not self.all or self.all[-1].labelled == self.all[0].labelled:
            return None
        first, last = self.all[0], self.all[-1]
        return max(last.at_ms - first.at_ms, 0) / (last.labelled - first.labelled)

    def to_json(self) -> dict[str, object]:
        """The marks as an object: the sources once, and rows of numbers."""
        sources = sorted({source for mark in self.all for source in mark.offsets})
        rows = [
            [
                mark.at_ms,
                mark.predictions,
                mark.labelled,
                *(mark.offsets.get(source, -1) for source in sources),
            ]
            for mark in self.all
        ]
        return {"sources": [list(source) for source in sources], "rows": rows}

    def fill(self, document: Mapping[str, Any]) -> None:
        """Put back those of `to_json`."""
        sources = [Source(topic, partition) for topic, partition in document["sources"]]
        self.all = [
            Mark(
                {s: n for s, n in zip(sources, offsets, strict=True) if n >= 0}, at_ms, predictions, labelled
            )
            for at_ms, predictions, labelled, *offsets in document["rows"]
        ]


BEGIN: Final = Mark({}, 0, 0, 0)
