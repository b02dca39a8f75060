"""The first events of a version, kept until its signals can be learned from them. Rule: bounded, whatever they hold.

Of features only those are kept that can come to be watched, and events as compressed JSON, in a twentieth of the memory
of objects: a hundred models that begin at once are many events.
"""

import zlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
import numpy as np

from driftd.config import Features, Limits
from driftd.decode.columns import PredictionColumns, PredictionRows, columns_from_rows
from driftd.decode.rows import PredictionRow
from driftd.decode.schema import Schema
from driftd.engine.codec import place_from_json, place_to_json
from driftd.engine.learning import learn_schema
from driftd.reference.panes import Place, Places

ENTRY_EVENTS: Final = 32
"""Events per state entry: a commit writes only the last one again. So many are compressed together, too."""
_ROW: Final = msgspec.json.Decoder(PredictionRow)


class Learner:
    """Gathers events; `watched` and `others` are the names of features in the order of their appearance."""

    def __init__(self, features: Features, limits: Limits) -> None:
        """For features that `features` selects, within `limits`."""
        self._features = features
        self._limits = limits
        self._packed: list[bytes] = []
        self._latest: list[bytes] = []
        self.places: list[Place] = []
        self.watched: dict[str, None] = {}
        self.others: dict[str, None] = {}
        self.classes: dict[str, None] = {}
        self.ignored = 0

    def add(self, rows: Sequence[PredictionRow], places: Places) -> None:
        """Keep `rows`, which were at `places`."""
        for row in rows:
            kept = {name: value for name, value in row.features.items() if self._is_watched(name)}
            scores = row.scores and {name: p for name, p in row.scores.items() if self._is_class(name)}
            error = None if row.error is None else ""
            small = msgspec.structs.replace(row, features=kept, scores=scores, error=error, segment=None)
            self._keep(msgspec.json.encode(small))
        self.places += [places[i] for i in range(len(rows))]

    def rows(self) -> list[PredictionRow]:
        """The events as they came, as far as they were kept."""
        return [
            _ROW.decode(event) for begin in range(0, len(self), ENTRY_EVENTS) for event in self._entry(begin)
        ]

    def __len__(self) -> int:
        """How many events are kept."""
        return len(self._packed) * ENTRY_EVENTS + len(self._latest)

    def learn(self) -> tuple[Schema, PredictionColumns, list[PredictionRow]]:
        """The signals that the events show, and the events as columns and as rows."""
        rows = self.rows()
        schema = learn_schema(rows, tuple(self.others))
        return schema, columns_from_rows(PredictionRows(np.arange(len(rows)), rows), schema), rows

    def entries(self, stored: int) -> dict[str, dict[str, Any]]:
        """State entries by part: those that hold events beyond the first `stored`."""
        begins = range(stored // ENTRY_EVENTS * ENTRY_EVENTS, len(self), ENTRY_EVENTS)
        return {
            f"events.{begin}": {
                "events": [msgspec.Raw(event) for event in self._entry(begin)],
                "places": [place_to_json(place) for place in self.places[begin : begin + ENTRY_EVENTS]],
            }
            for begin in begins
        }

    def head(self) -> dict[str, object]:
        """What is known of the events as a whole, for the state."""
        names = {"watched": self.watched, "others": self.others, "classes": self.classes}
        return {
            "count": len(self),
            "ignored": self.ignored,
            **{key: list(v) for key, v in names.items()},
        }

    def fill(self, head: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Put back what `head` and `entries` gave into a new learner."""
        for begin in range(0, head["count"], ENTRY_EVENTS):
            part = parts[f"events.{begin}"]
            for event in part["events"]:
                self._keep(msgspec.json.encode(event))
            self.places += [place_from_json(place) for place in part["places"]]
        self.ignored = head["ignored"]
        for name in ("watched", "others", "classes"):
            setattr(self, name, dict.fromkeys(head[name]))

    def _keep(self, event: bytes) -> None:
        self._latest.append(event)
        if len(self._latest) == ENTRY_EVENTS:
            self._packed.append(
                zlib.compress(b"\n".join(self._latest), 1)
            )  # JSON as encoded here is one line
            self._latest = []

    def _entry(self, begin: int) -> list[bytes]:
        """The events of the entry that begins with the event number `begin`."""
        number = begin // ENTRY_EVENTS
        if number < len(self._packed):
            return zlib.decompress(self._packed[number]).split(b"\n")
        return self._latest

    def _is_watched(self, name: str) -> bool:
        if name in self.watched:
            return True
        if name in self.others:
            return False
        wanted = is_wanted(name, self._features)
        if wanted and len(self.watched) < self._limits.features_max:
            self.watched[name] = None
            return True
        if len(self.others) < self._limits.event_features_max:
            self.others[name] = None
            self.ignored += wanted
        return False

    def _is_class(self, name: str) -> bool:
        if name not in self.classes and len(self.classes) < self._limits.score_classes_max:
            self.classes[name] = None
        return name in self.classes


def is_wanted(name: str, features: Features) -> bool:
    """Whether `features` selects the feature `name`."""
    if any(fnmatchcase(name, pattern) for pattern in features.ignore):
        return False
    return not features.include or any(fnmatchcase(name, pattern) for pattern in features.include)
