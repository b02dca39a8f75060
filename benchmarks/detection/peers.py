"""What others do: windows compared by tests, and River's detectors. Rule: as their users have them, with defaults."""

from collections.abc import Callable, Mapping
from functools import partial
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from river import drift

from benchmarks.detection.streams import DAY_EVENTS, SIGNALS, Kind, Values
from benchmarks.detection.subjects import Alarm

WINDOW_EVENTS: Final = 1_000
REFERENCE_SAMPLE: Final = 5_000


class Windowed:
    """Compares windows of 1,000 events, one after the other, with a reference of 5,000."""

    def __init__(self, name: str, decide: Callable[[NDArray[np.float64]], bool], psi: bool = False) -> None:
        """`decide` says by p-values (20,), or with `psi` by PSI (20,), whether there is drift."""
        self.name = name
        self.events_max = 10**9
        self._decide = decide
        self._psi = psi

    def fit(self, reference: Values, kind: Kind) -> "FittedWindowed | None":
        """Keep the reference's values."""
        if kind.categories:
            return None
        return FittedWindowed(reference[-REFERENCE_SAMPLE:], self._decide, self._psi)


class FittedWindowed:
    """A reference's values, sorted."""

    def __init__(self, reference: Values, decide: Callable[[NDArray[np.float64]], bool], psi: bool) -> None:
        self._columns = [np.sort(x[np.isfinite(x)]) for x in reference.T]
        self._decide = decide
        self._psi = psi

    def alarms(self, values: Values, first: int, until: int | None = None) -> list[Alarm]:
        """An alarm at the end of each window that is found to differ."""
        measure = _psi if self._psi else _p_value
        alarms: list[Alarm] = []
        for end in range(WINDOW_EVENTS, len(values) + 1, WINDOW_EVENTS):
            window = values[end - WINDOW_EVENTS : end]
            measured = np.array([measure(r, w) for r, w in zip(self._columns, window.T, strict=True)])
            if self._decide(measured):
                ranked = tuple(np.argsort(-measured if self._psi else measured).tolist())
                alarms.append(Alarm(first + end - 1, first + end - WINDOW_EVENTS, ranked))
                if until is not None and alarms[-1].event >= until:
                    break
        return alarms


def _p_value(reference: Values, window: Values) -> float:
    """Kolmogorov and Smirnov's, asymptotic."""
    window = np.sort(window[np.isfinite(window)])
    both = np.concatenate([reference, window])
    below = np.searchsorted(reference, both, "right") / reference.size
    distance = float(np.abs(below - np.searchsorted(window, both, "right") / window.size).max())
    size = reference.size * window.size / (reference.size + window.size)
    return float(min(2 * np.exp(-2 * size * distance**2), 1.0))


def _psi(reference: Values, window: Values) -> float:
    """Population Stability Index over the reference's tenths."""
    edges = np.unique(reference[np.arange(1, 10) * reference.size // 10])
    before = np.bincount(np.searchsorted(edges, reference, "right"), minlength=edges.size + 1) + 0.5
    after = (
        np.bincount(np.searchsorted(edges, window[np.isfinite(window)], "right"), minlength=edges.size + 1)
        + 0.5
    )
    p, q = before / before.sum(), after / after.sum()
    return float(((q - p) * np.log(q / p)).sum())


class River:
    """One of River's detectors on each signal; the model's alarm is the first of any."""

    def __init__(self, name: str, build: Callable[..., Any], events_max: int, **options: Any) -> None:
        self.name = name
        self.events_max = events_max
        self._build = build
        self._options = options

    def fit(self, reference: Values, kind: Kind) -> "FittedRiver | None":
        """Standardise by the reference, as driftd does before it feeds them."""
        if kind.categories:
            return None
        return FittedRiver(reference, partial(self._build, **self._options))


class FittedRiver:
    """Builds the detectors anew for each stream."""

    def __init__(self, reference: Values, build: Callable[[], Any]) -> None:
        self._mean = np.nanmedian(reference, axis=0)
        low, high = np.nanquantile(reference, [0.25, 0.75], axis=0)
        self._deviation = np.maximum((high - low) / 1.349, 1e-6)
        self._build = build

    def alarms(self, values: Values, first: int, until: int | None = None) -> list[Alarm]:
        """Every detection of every signal, in order."""
        found: list[Alarm] = []
        scaled = (values - self._mean) / self._deviation
        end = len(values)
        for s in range(values.shape[1]):
            detector = self._build()
            for index, value in enumerate(scaled[:end, s].tolist()):
                if not isnan(value):
                    detector.update(value)
                    if detector.drift_detected:
                        found.append(Alarm(first + index, None, (s,)))
                        if until is not None and first + index >= until:
                            end = index
                            break
        return sorted(found, key=lambda alarm: alarm.event)


def windowed() -> list[Windowed]:
    """The three rules by windows."""
    return [
        Windowed("KS, Bonferroni, 1,000", lambda p: bool(p.min() < 0.05 / SIGNALS)),
        Windowed("PSI > 0.2, 1,000", lambda psi: bool(psi.max() > 0.2), psi=True),
        Windowed("half of the features, KS", lambda p: bool((p < 0.05).mean() >= 0.5)),
    ]


def rivers() -> list[River]:
    """River's detectors of numbers."""
    return [
        River("ADWIN", drift.ADWIN, 10 * DAY_EVENTS),
        River("PageHinkley", drift.PageHinkley, 10 * DAY_EVENTS),
        River("KSWIN", drift.KSWIN, 10 * DAY_EVENTS, seed=7),
    ]


BINARY: Final[Mapping[str, Callable[[], Any]]] = {
    "ADWIN": drift.ADWIN,
    "PageHinkley": drift.PageHinkley,
    "KSWIN": lambda: drift.KSWIN(seed=7),
    "DDM": drift.binary.DDM,
    "EDDM": drift.binary.EDDM,
    "FHDDM": drift.binary.FHDDM,
    "HDDM_A": drift.binary.HDDMA,
    "HDDM_W": drift.binary.HDDMW,
}
"""River's eight, on 0 and 1."""
