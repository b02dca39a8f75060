"""Values of one signal whose truth is known, and the reference that they make."""

import numpy as np
from numpy.typing import NDArray

from driftd.decode.schema import Schema, Signal, SignalType
from driftd.reference.build import Builder
from driftd.reference.cut import start
from driftd.reference.cycle import Cycle
from driftd.reference.panes import Columns, Place, PlaceList
from driftd.reference.profile import Profile

PANE_EVENTS = 64


def independent(seed: int, events: int) -> NDArray[np.float64]:
    """Normal, mean 10, deviation 2."""
    return np.random.default_rng(seed).normal(10.0, 2.0, events)


def autoregressive(seed: int, events: int, rho: float = 0.9) -> NDArray[np.float64]:
    """AR(1), mean 10, deviation 2."""
    noise = np.random.default_rng(seed).standard_normal(events + 200) * (1 - rho * rho) ** 0.5
    walk, value = np.empty(noise.size), 0.0
    for i, step in enumerate(noise.tolist()):
        value = rho * value + step
        walk[i] = value
    return 10.0 + 2.0 * walk[200:]


def errors(seed: int, events: int) -> NDArray[np.float64]:
    """1 with probability 0.1, else 0."""
    return (np.random.default_rng(seed).random(events) < 0.1).astype(np.float64)


def profile_of(
    values: NDArray[np.float64],
    kind: SignalType = SignalType.NUMBER,
    cycle: Cycle = Cycle.NONE,
    interval_ms: int = 1000,
) -> Profile:
    """The profile of one signal with these values, one each `interval_ms`."""
    schema = Schema((Signal("features.a", kind),))
    columns = Columns(values[None], [])
    places = PlaceList([Place(i * interval_ms, "predictions", 0, i) for i in range(values.size)])
    builder = Builder(start(schema, columns.slice(0, 500)), 50, PANE_EVENTS, cycle)
    builder.add(columns, places)
    return builder.build("m", None)
