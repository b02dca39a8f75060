"""The periods of a model as state entries and back. Rule: a period is an entry, written where it counted something.

`performance` says what is counted, `performance.<number>` is one period; a commit writes those that predictions or
labels came for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftd.config import Labels as Settings
from driftd.engine.performance_watch import PerformanceWatch
from driftd.performance.codes import Codes
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
    entries: dict[str, Document | None] = {}
    periods = watch.periods
    wanted: dict[str, int] = {}
    if periods is not None:
        entries[HEAD] = {
            "kind": periods.settings.kind.value,
            "scores": periods.settings.scores,
            "first_period": watch.first_period,
            "codes": watch.codes.to_json(),
            "head": periods.head_to_json(),
            "numbers": periods.held.numbers,
        }
        wanted = {f"{HEAD}.{number}": number for number in periods.held.numbers}
        is_new = whole or stored.watch is not watch
        for key, number in wanted.items():
            if is_new or key not in stored.keys or number in periods.changed:
                entries[key] = periods.period_to_json(number)
    if not whole:
        keys = {*wanted, *([HEAD] if periods is not None else [])}
        entries |= dict.fromkeys(stored.keys - keys)
        stored.watch, stored.keys = watch, keys
        if periods is not None:
            periods.changed.clear()
    return entries


def restore_performance(
    settings: Settings, parts: Mapping[str, Document], expected: bool, stored: StoredPeriods
) -> PerformanceWatch:
    """The watch of `performance_entries`, where one is `expected`. Raises KeyError or ValueError."""
    watch = stored.watch = PerformanceWatch(settings)
    if not expected:
        return watch
    document = parts[HEAD]
    options = watch.begin(Kind(document["kind"]), document["scores"]).settings
    periods = {str(number): parts[f"{HEAD}.{number}"] for number in document["numbers"]}
    watch.periods = Periods.from_json(options, {"head": document["head"], "periods": periods})
    watch.codes = Codes.from_json(document["codes"])
    watch.first_period = document["first_period"]
    stored.keys = {HEAD, *(f"{HEAD}.{number}" for number in document["numbers"])}
    return watch
