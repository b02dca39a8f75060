"""The watches of labels as state entries and back. Rule: each watch is an entry, written only where it took something.

The model's `head` says which there are: `label_watch.<name>`. What each tick changes is in its entry `pulse`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from driftd.config import ModelSettings
from driftd.engine.label_stops import LabelStops
from driftd.engine.label_watch import LabelWatch
from driftd.labelling.annotators import AnnotatorWatch
from driftd.labelling.conventions import ConventionWatch
from driftd.labelling.mapping import MappingWatch
from driftd.labelling.stream import LabelStreamWatch
from driftd.reference.panes import Place

Document = dict[str, Any]
NUMBERS: Final = ("events", "labels", "quiet_looks", "budget_labels", "budget_due")
WATCHES: Final[Mapping[str, Any]] = {
    "mapping": MappingWatch,
    "annotators": AnnotatorWatch,
    "conventions": ConventionWatch,
    "stream": LabelStreamWatch,
}
NEVER: Final = (-1, -1)


@dataclass(slots=True)
class StoredLabels:
    """Which entries are stored, each with what its watch had taken by then."""

    watch: LabelWatch | None = None
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)


def label_head(watch: LabelWatch) -> Document | None:
    """What belongs to no single watch; None where no label came yet."""
    if not watch.events:
        return None
    return {
        "parts": [name for name in WATCHES if getattr(watch, name) is not None],
        "marks": [
            [labels, place.at_ms, place.topic, place.partition, place.offset] for labels, place in watch.marks
        ],
        "first_look": watch.first_look,
    } | {name: getattr(watch, name) for name in NUMBERS}


def label_entries(watch: LabelWatch, stored: StoredLabels, whole: bool) -> dict[str, Document | None]:
    """The entries of the watches, None for one to delete: all of them, or those that took something since last time."""
    if stored.watch is not watch and not whole:
        # a version began: what is stored is of another watch
        stored.watch, stored.taken = watch, dict.fromkeys(stored.taken, NEVER)
    entries: dict[str, Document | None] = {}
    for name in WATCHES:
        one, key = getattr(watch, name), f"label_watch.{name}"
        if one is None or not watch.events:
            if not whole and stored.taken.pop(name, None) is not None:
                entries[key] = None
            continue
        taken = _taken(watch, name)
        if whole or stored.taken.get(name) != taken:
            document = one.to_json()
            document.pop("clock", None)
            entries[key] = document
            if not whole:
                stored.taken[name] = taken
    return entries


def restore_labels(
    settings: ModelSettings,
    head: Mapping[str, Any] | None,
    parts: Mapping[str, Document],
    stored: StoredLabels,
) -> LabelWatch:
    """The watch of `label_head` and `label_entries`. Raises KeyError or ValueError where they do not fit together."""
    watch = stored.watch = LabelWatch(settings)
    ticked = parts["pulse"]["labels"]
    watch.stops = LabelStops.from_json(ticked["stops"])
    if head is None:
        return watch
    for name in NUMBERS:
        setattr(watch, name, head[name])
    watch.marks = [(labels, Place(*place)) for labels, *place in head["marks"]]
    watch.first_look = None if head["first_look"] is None else tuple(head["first_look"])
    for name, kind in WATCHES.items():
        one = None
        if name in head["parts"]:
            one = kind.from_json(parts[f"label_watch.{name}"] | {"clock": ticked["clock"]})
        setattr(watch, name, one)
        if one is not None:
            stored.taken[name] = _taken(watch, name)
    return watch


def label_ticked(watch: LabelWatch) -> Document:
    """What each tick changes: it belongs to the entry that each tick writes."""
    return {"stops": watch.stops.to_json(), "clock": watch.stream.clock.state() if watch.events else None}


def _taken(watch: LabelWatch, name: str) -> tuple[int, int]:
    """How much the watch `name` has taken; a renewed budget comes with labels."""
    return (watch.events, watch.stream.window_began_ms) if name == "stream" else (watch.labels, 0)
