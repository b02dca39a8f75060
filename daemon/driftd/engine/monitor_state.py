"""A monitor as state entries and back. Rule: what changes at different times is kept in different entries.

`head` (version, incidents, requests, counters), `marks`, `pulse` (what ticks know, and the time),
`reference.<stream>` (a profile: changes when it is renewed),
`stream.<stream>` (panes and detectors), `history.<stream>.<n>` (of a reference that is being counted),
what the join holds (see `join_state`), `label_watch.<name>` (see `label_state`), and `events.<n>` (first events, while
they are gathered).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from driftd.engine.codec import (
    counter_to_json,
    fill_counter,
    panes_from_json,
    panes_to_json,
    place_from_json,
    place_to_json,
)  # fmt: skip
from driftd.engine.join_state import join_entries, pairs_from_json, pairs_to_json, restore_join
from driftd.engine.label_state import StoredLabels, label_entries, label_head, label_ticked, restore_labels
from driftd.engine.learner import ENTRY_EVENTS, Learner
from driftd.engine.learning import Task
from driftd.engine.life_state import fill_life, life_to_json, risk_from_json
from driftd.engine.monitor import Monitor
from driftd.engine.performance_state import StoredPeriods, performance_entries, restore_performance
from driftd.engine.pulse_state import fill_pulse, pulse_to_json
from driftd.engine.reference_state import (
    StoredHistory,
    builder_to_json,
    growth_to_json,
    history_entries,
    restore_builder,
    restore_growth,
    stored_history,
)  # fmt: skip
from driftd.engine.stream import Stream, StreamName
from driftd.reference.document import (
    profile_from_json,
    profile_to_json,
    schema_from_json,
    schema_to_json,
)  # fmt: skip

Document = dict[str, Any]


@dataclass(slots=True)
class Memory:
    """What of a monitor is stored already, so that only what changed is written again."""

    references: dict[str, object] = field(default_factory=dict)
    learning: Learner | None = None
    learned_events: int = 0
    histories: dict[StreamName, StoredHistory] = field(default_factory=dict)
    labels: StoredLabels = field(default_factory=StoredLabels)
    periods: StoredPeriods = field(default_factory=StoredPeriods)
    marks: object = None


def monitor_entries(monitor: Monitor, memory: Memory, whole: bool) -> dict[str, Document | None]:
    """The parts of `monitor`, None for one to delete: all of them, or those that may have changed since last time."""
    monitor.label_watch.flush()
    entries: dict[str, Document | None] = {"head": _head(monitor), "pulse": pulse_entry(monitor)}
    for stream in (monitor.inputs, monitor.outcomes):
        entries[f"stream.{stream.name.value}"] = _stream(stream)
        stored = StoredHistory() if whole else memory.histories.get(stream.name, StoredHistory())
        entries |= history_entries(stream, stored)
        if not whole:
            memory.histories[stream.name] = stored_history(stream)
        key = f"reference.{stream.name.value}"
        if stream.profile is None:
            if not whole and memory.references.pop(key, None) is not None:
                entries[key] = None
        elif whole or memory.references.get(key) is not stream.profile:
            entries[key] = profile_to_json(stream.profile)
            if not whole:
                memory.references[key] = stream.profile
    entries |= _learning(monitor, memory, whole)
    entries |= join_entries(monitor.join, whole)
    entries |= label_entries(monitor.label_watch, memory.labels, whole)
    entries |= performance_entries(monitor.performance, memory.periods, whole)
    marks = monitor.life.marks
    if whole or memory.marks != marks.all:
        entries["marks"] = marks.to_json()
    if not whole:
        memory.marks = list(marks.all)
    return entries


def pulse_entry(monitor: Monitor) -> Document:
    """The part that each tick changes."""
    labels = label_ticked(monitor.label_watch)
    return {"now_ms": monitor.life.now_ms, "labels": labels, **pulse_to_json(monitor.pulse)}


def _learning(monitor: Monitor, memory: Memory, whole: bool) -> dict[str, Document | None]:
    """The entries of a model that is being learned; those of one that was learned are deleted."""
    learner = monitor.learner
    if whole:
        return dict(learner.entries(0))
    gone: dict[str, Document | None] = {}
    if memory.learning is not learner:
        gone = {f"events.{begin}": None for begin in range(0, memory.learned_events, ENTRY_EVENTS)}
        memory.learning, memory.learned_events = learner, 0
    entries = learner.entries(memory.learned_events)
    memory.learned_events = len(learner)
    return {**gone, **entries}


def restore_monitor(monitor: Monitor, parts: Mapping[str, Document], memory: Memory) -> None:
    """Put the parts of `monitor_entries` back into a new monitor.

    Raises ValueError or KeyError where they do not fit together.
    """
    head = parts["head"]
    monitor.version = head["version"]
    monitor.past_versions = dict.fromkeys(head["past_versions"])
    monitor.begin()
    monitor.counters.clear()
    monitor.counters.update(head["counters"])
    monitor.life.now_ms = parts["pulse"]["now_ms"]
    fill_pulse(monitor.pulse, parts["pulse"])
    monitor.schema = None if head["schema"] is None else schema_from_json(head["schema"])
    monitor.task = None if head["task"] is None else Task(head["task"])
    monitor.learner.fill(head["learning"], parts)
    memory.learning, memory.learned_events = monitor.learner, len(monitor.learner)
    monitor.newcomers.names = tuple(head["newcomers"])
    monitor.pairs = pairs_from_json(head["pairs"])
    monitor.deployed_at_ms = head["deployed_at_ms"]
    fill_life(monitor.life, head["life"])
    monitor.life.marks.fill(parts["marks"])
    memory.marks = list(monitor.life.marks.all)
    restore_join(monitor.join, parts)
    has_periods = head["performance"]
    monitor.performance = restore_performance(monitor.settings, parts, has_periods, memory.periods)
    monitor.label_watch = restore_labels(monitor.settings, head["labels"], parts, memory.labels)
    for stream in (monitor.inputs, monitor.outcomes):
        _fill_stream(stream, parts)
        memory.histories[stream.name] = stored_history(stream)
        if stream.profile is not None:
            memory.references[f"reference.{stream.name.value}"] = stream.profile
        if stream.watchers is not None:
            monitor.count("detectors_begun_anew", stream.watchers.begun_anew)
        monitor.teller.see(stream.name, stream.window.taken(), stream.unseen)


def _head(monitor: Monitor) -> Document:
    return {
        "version": monitor.version,
        "past_versions": list(monitor.past_versions),
        "counters": dict(sorted(monitor.counters.items())),
        "schema": None if monitor.schema is None else schema_to_json(monitor.schema),
        "task": None if monitor.task is None else monitor.task.value,
        "newcomers": list(monitor.newcomers.names),
        "learning": monitor.learner.head(),
        "pairs": pairs_to_json(monitor.pairs),
        "labels": label_head(monitor.label_watch),
        "performance": monitor.performance.periods is not None,
        "deployed_at_ms": monitor.deployed_at_ms,
        "life": life_to_json(monitor.life),
    }


def _stream(stream: Stream) -> Document:
    document: Document = {
        "unseen": stream.unseen,
        "quiet_panes": stream.quiet_panes,
        "well_at": {name: place_to_json(place) for name, place in stream.well_at.items()},
        "window": panes_to_json(stream.window.panes),
        "first_risk": None if stream.first_risk is None else asdict(stream.first_risk),
    }
    if stream.builder is not None:
        grows = stream.profile is not None and not stream.renewing
        document["builder"] = (growth_to_json if grows else builder_to_json)(stream.builder)
        document["renewing"] = stream.renewing
        document["reference_events"] = stream.reference_events
    if stream.counter is not None and stream.watchers is not None:
        document["counter"] = counter_to_json(stream.counter)
        document["detectors"] = stream.watchers.state()
    return document


def _fill_stream(stream: Stream, parts: Mapping[str, Document]) -> None:
    document = parts[f"stream.{stream.name.value}"]
    reference = parts.get(f"reference.{stream.name.value}")
    stream.quiet_panes = document["quiet_panes"]
    stream.well_at = {name: place_from_json(place) for name, place in document["well_at"].items()}
    stream.unseen = {signal: tuple(names) for signal, names in document["unseen"].items()}
    stream.first_risk = risk_from_json(document["first_risk"])
    stream.builder = None
    if reference is not None:
        profile = profile_from_json(reference)
        # without its detectors' states, what is calibrated would be calibrated again
        stream.watch(profile, document["detectors"])
        if stream.counter is not None:
            fill_counter(stream.counter, document["counter"])
    if "builder" in document:
        stream.reference_events, stream.renewing = document["reference_events"], document["renewing"]
        if stream.profile is None or stream.renewing:
            stream.builder = restore_builder(document["builder"], parts, stream)
        else:
            stream.builder = restore_growth(document["builder"], parts, stream, stream.profile)
    stream.window.panes = panes_from_json(document["window"])
