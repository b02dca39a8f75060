"""An engine as state entries and back: its own entry, its silences, and those of its models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from driftd.contract.record import Source
from driftd.engine.monitor import Monitor
from driftd.engine.monitor_state import Memory, monitor_entries, pulse_entry, restore_monitor
from driftd.engine.state import (
    ENGINE_KEY,
    SILENCES_KEY,
    State,
    StateError,
    model_key,
    seal,
    split_model_key,
    unseal,
)

if TYPE_CHECKING:
    from driftd.engine.engine import Engine


@dataclass(slots=True)
class EngineMemory:
    """What is stored already, by model, and the engine's own entry as it was last."""

    models: dict[str, Memory] = field(default_factory=dict)
    entry: bytes = b""
    silences: bytes = b""
    ticked: set[str] = field(default_factory=set)
    """Models of which nothing but a tick's entry has changed."""


def engine_entries(
    engine: "Engine", memory: EngineMemory, whole: bool, models: Iterable[str]
) -> dict[str, Any]:
    """Sealed entries by key, None for one to delete: all of them, or what has changed since last time."""
    entries: dict[str, bytes | None] = {}
    own = seal(
        {
            "offsets": [[*source, offset] for source, offset in sorted(engine.offsets.items())],
            "counters": dict(sorted(engine.counters.items())),
            "clock_ms": engine.clock_ms,
            "models": list(engine.monitors),
        }
    )
    if whole or own != memory.entry:
        entries[ENGINE_KEY] = memory.entry = own
    silences = seal(engine.silences.to_json())
    if whole or silences != memory.silences:
        entries[SILENCES_KEY] = memory.silences = silences
    for model in models:
        stored = memory.models.setdefault(model, Memory())
        for part, document in monitor_entries(engine.monitors[model], stored, whole).items():
            entries[model_key(model, part)] = None if document is None else seal(document)
    for model in sorted(memory.ticked - engine.dirty):
        entries[model_key(model, "pulse")] = seal(pulse_entry(engine.monitors[model]))
    return entries


def restore_engine(engine: "Engine", state: State) -> None:
    """Put `state` into a new engine. Raises StateError where it cannot be gone on from."""
    documents = {key: unseal(key, value) for key, value in state.entries.items()}
    own = documents.get(ENGINE_KEY)
    if own is None:
        raise StateError(
            f"the state has no entry {ENGINE_KEY!r}; restore the state topic, or begin with an empty one"
        )
    parts: dict[str, dict[str, Any]] = {}
    for key, document in documents.items():
        named = split_model_key(key)
        if named is not None:
            parts.setdefault(named[0], {})[named[1]] = document
    try:
        engine.offsets = {Source(topic, partition): offset for topic, partition, offset in own["offsets"]}
        engine.counters = dict(own["counters"])
        engine.clock_ms = own["clock_ms"]
        models = list(own["models"])
        engine.silences.fill(documents[SILENCES_KEY])
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(
            f"state entry {ENGINE_KEY!r} does not fit together ({error!r}); restore the state topic"
        ) from error
    engine.memory.entry = state.entries[ENGINE_KEY]
    engine.memory.silences = state.entries[SILENCES_KEY]
    for model in models:
        engine.monitors[model] = _restored(engine, model, parts.get(model, {}))
        schema = engine.monitors[model].schema
        if schema is not None:
            engine.schemas[model] = schema


def _restored(engine: "Engine", model: str, parts: Mapping[str, dict[str, Any]]) -> Monitor:
    monitor = Monitor(
        model,
        engine.config.for_model(model),
        engine.config.limits,
        engine.references.get(model),
        engine.silences,
    )
    memory = engine.memory.models.setdefault(model, Memory())
    try:
        restore_monitor(monitor, parts, memory)
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(
            f"the state of model {model!r} does not fit together ({error!r}); "
            "run the driftd and the configuration that wrote it, or begin anew with an empty state topic"
        ) from error
    return monitor
