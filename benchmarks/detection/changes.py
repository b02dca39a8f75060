"""Changes of a stream. Rule: a change begins at an event, anywhere in a pane, and touches no other signals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from benchmarks.detection.streams import Values

RAMP_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a signal: (values before, its deviation, numbers of events since the begin, generator) -> values.

    `information`: the Kullback-Leibler divergence per event, nats, of one signal of independent normals; None where it
    has no simple form.
    """

    apply: Callable[[Values, float, np.random.Generator], Values]
    information: float | None = None


def _shift(deviations: float) -> Change:
    return Change(lambda x, sd, _: x + np.float32(deviations * sd), deviations**2 / 2)


def _wider(x: Values, _sd: float, _rng: np.random.Generator) -> Values:
    middle = np.float32(np.nanmedian(x))
    return middle + (x - middle) * np.float32(1.5**0.5)


def _ramp(x: Values, sd: float, _rng: np.random.Generator) -> Values:
    return x + np.float32(sd) * np.clip(np.arange(x.size) / RAMP_EVENTS, 0, 1).astype(np.float32)


def _more_missing(x: Values, _sd: float, rng: np.random.Generator) -> Values:
    return np.where(rng.random(x.size) < 0.05 / 0.95, np.float32(np.nan), x)


def _swap(x: Values, _sd: float, rng: np.random.Generator) -> Values:
    """A tenth of the mass goes to level 1."""
    return np.where(rng.random(x.size) < 0.1, np.float32(1), x)


CHANGES: Final[Mapping[str, Change]] = {
    "0.25 sigma": _shift(0.25),
    "0.5 sigma": _shift(0.5),
    "1 sigma": _shift(1.0),
    "3 sigma": _shift(3.0),
    "variance x 1.5": Change(_wider, (0.5 - log(1.5)) / 2),
    "5 -> 10 % missing": Change(_more_missing, 0.1 * log(2) + 0.9 * log(0.9 / 0.95)),
    "category swap": Change(_swap),
    "ramp over 10k": Change(_ramp),
    "unit x 1,000": Change(lambda x, _sd, _rng: x * np.float32(1000)),
}

PLAN: Final[Mapping[str, tuple[str, ...]]] = {
    "independent": tuple(name for name in CHANGES if name not in ("5 -> 10 % missing", "category swap")),
    "AR(0.5)": ("0.25 sigma", "0.5 sigma", "1 sigma", "3 sigma"),
    "AR(0.9)": ("0.25 sigma", "0.5 sigma", "1 sigma", "3 sigma"),
    "daily": ("0.25 sigma", "0.5 sigma", "1 sigma", "3 sigma"),
    "Student t2": ("0.5 sigma", "1 sigma", "3 sigma", "variance x 1.5"),
    "5 % missing": ("5 -> 10 % missing", "1 sigma"),
    "50 levels": ("category swap",),
}
"""Which changes are made to which streams."""


def information_of(kind: str, change: str) -> float | None:
    """Nats per event that a change of one signal brings to one who knows all, None where there is no simple form."""
    known = CHANGES[change].information
    correlation = {"independent": 0.0, "daily": 0.0, "AR(0.5)": 0.5, "AR(0.9)": 0.9, "5 % missing": 0.0}.get(
        kind
    )
    if known is None or correlation is None or (correlation and not change.endswith("sigma")):
        return None
    return known * (1 - correlation) / (1 + correlation)


def deviation_of(x: Values) -> float:
    """Its standard deviation by the quartiles, which exists for every distribution."""
    low, high = np.nanquantile(x, [0.25, 0.75])
    return float(high - low) / 1.349
