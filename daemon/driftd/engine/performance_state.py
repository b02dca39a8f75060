"""The periods of a model as state entries and back. Rule: a period is an entry, written where it counted something.

`performance` says what is counted, what is to be expected and what was found of it, `performance.<number>` is one
period; a commit writes those that predictions or labels came for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftd.config import ModelSettings
from driftd.engine.codec import place_from_json, place_to_json
from driftd.engine.performance_watch import PerformanceWatch
from driftd.performance.estimate import Estimates
from driftd.performance.layout import Kind
from driftd.performance.periods import Periods

Document = dict[str, Any]
HEAD = "performance"


@dataclass(slots=True)
class StoredPeriods:
    """The entries that are stored, and of which watch."""

    watch: PerformanceWatch | None = None
    keys: set[str] = field(default_factory=set)


def performance_entries(
    watch: PerformanceWatch, stored: StoredPeriods, whole: bool
) -> dict[str, Document | None]:
    """The entries, None for one to delete: all of them, or those that have changed since last time."""
    watch.flush()
    entries: dict[str, Document | None] = {}
    periods = watch.periods
    wanted: dict[str, int] = {}
    if periods is not None:
        entries[HEAD] = _head(watch, periods)
        wanted = {f"{HEAD}.{number}": number for number in periods.held.numbers}
        is_new = whole or stored.watch is not watch
        for key, number in wanted.items():
            if is_new or key not in stored.keys or number in periods.changed:
                estimate = None if watch.estimates is None else watch.estimates.period_to_json(number)
                entries[key] = periods.period_to_json(number) | {"estimate": estimate}
    if not whole:
        keys = {*wanted, *([HEAD] if periods is not None else [])}
        entries |= dict.fromkeys(stored.keys - keys)
        stored.watch, stored.keys = watch, keys
        if periods is not None:
            periods.changed.clear()
    return entries


def _head(watch: PerformanceWatch, periods: Periods) -> Document:
    return {
        "kind": periods.settings.kind.value,
        "first_period": watch.first_period,
        "first_number": watch.first_number,
        "columns": watch.columns.to_json(),
        "head": periods.head_to_json(),
        "estimates": None if watch.estimates is None else watch.estimates.head_to_json(),
        "divergence": watch.divergence.state(),
        "settled": sorted(watch.settled),
        "began": {str(number): place_to_json(place) for number, place in sorted(watch.began.items())},
        "numbers": periods.held.numbers,
    }


def restore_performance(
    settings: ModelSettings, parts: Mapping[str, Document], expected: bool, stored: StoredPeriods
) -> PerformanceWatch:
    """The watch of `performance_entries`, where one is `expected`. Raises KeyError or ValueError."""
    watch = stored.watch = PerformanceWatch(settings)
    if not expected:
        return watch
    document = parts[HEAD]
    watch.columns.kind = Kind(document["kind"])
    watch.columns.fill(document["columns"])
    watch.make(watch.columns)
    numbers = document["numbers"]
    entries = {str(number): parts[f"{HEAD}.{number}"] for number in numbers}
    if watch.periods is not None:
        held = {"head": document["head"], "periods": entries}
        watch.periods = Periods.from_json(watch.periods.settings, held)
    if watch.estimates is not None:
        rows = {number: entry["estimate"] for number, entry in entries.items()}
        held = {"head": document["estimates"], "periods": rows}
        watch.estimates = Estimates.from_json(watch.estimates.settings, held)
    watch.first_period, watch.first_number = document["first_period"], document["first_number"]
    watch.divergence.restore(document["divergence"])
    watch.settled = set(document["settled"])
    watch.began = {int(number): place_from_json(place) for number, place in document["began"].items()}
    stored.keys = {HEAD, *(f"{HEAD}.{number}" for number in numbers)}
    return watch
