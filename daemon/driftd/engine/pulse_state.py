"""A pulse as a state entry and back. Rule: it is an entry of its own, so that a tick writes little else."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from driftd.engine.burn import blocks_to_json, fill_blocks
from driftd.engine.producers_state import producers_from_json, producers_to_json
from driftd.engine.pulse import Pulse
from driftd.engine.rhythm import rhythm_from_json, rhythm_to_json
from driftd.engine.skew import Jump, Skew
from driftd.engine.throughput import Throughput


def pulse_to_json(pulse: Pulse) -> dict[str, object]:
    """All that is needed to go on exactly like `pulse`."""
    skew = pulse.skew
    return {
        "ticked_ms": pulse.ticked_ms,
        "rhythms": {name: rhythm_to_json(rhythm) for name, rhythm in pulse.rhythms.items()},
        "counted": pulse.counted,
        "sources": dict(sorted(pulse.sources.items())),
        "objectives": dict(sorted(pulse.objectives.items())),
        "silent": list(pulse.silent.items()),
        "learned_skew": skew.learned,
        "recent_skew": skew.recent,
        "jump": None if skew.jump is None else asdict(skew.jump),
        "throughput": {name: getattr(pulse.throughput, name) for name in Throughput.__slots__},
        "producers": producers_to_json(pulse.producers),
        "burns": blocks_to_json(pulse.burns),
    }


def fill_pulse(pulse: Pulse, document: Mapping[str, Any]) -> None:
    """Put what `pulse_to_json` wrote into a new pulse."""
    pulse.ticked_ms = document["ticked_ms"]
    pulse.rhythms = {
        name: rhythm_from_json(rhythm, pulse.cycle) for name, rhythm in document["rhythms"].items()
    }
    pulse.counted, pulse.sources = dict(document["counted"]), dict(document["sources"])
    pulse.objectives = {name: list(counts) for name, counts in document["objectives"].items()}
    pulse.silent = {name: float(strength) for name, strength in document["silent"]}
    jump = document["jump"]
    pulse.skew = Skew(
        list(document["learned_skew"]), list(document["recent_skew"]), None if jump is None else Jump(**jump)
    )
    pulse.throughput = Throughput(**document["throughput"])
    pulse.producers = producers_from_json(document["producers"])
    fill_blocks(pulse.burns, document["burns"])
