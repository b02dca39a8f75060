"""The two experiments on made streams. Rule: a task is a pure function of its arguments, so any process may run it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from benchmarks.detection.changes import CHANGES, deviation_of, information_of
from benchmarks.detection.streams import KINDS, SIGNALS, Values, stream
from benchmarks.detection.subjects import Alarm, Fitted, Subject
from benchmarks.report import Row

SETTLE_EVENTS: Final = 2_000
OFFSETS: Final = 256
"""A change begins so many events after the settling at most: anywhere in a pane."""
WIDTHS: Final = (1, 3)
TRIALS_PER_REFERENCE: Final = 5
SLOW_TRIALS: Final = 5


@dataclass(frozen=True, slots=True)
class Quiet:
    """False alarms of a subject on a stationary stream."""

    subject: str
    kind: str
    events: int
    alarms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `wait_events`: a change is missed that is not found within so many."""

    stationary_events: int
    trials: int
    wait_events: int
    budget_events: int
    seed: int


def quiet(subject: Subject, kind: str, plan: Plan, seed: int) -> Quiet | None:
    """Run `subject` on a stationary stream; None where it cannot take its signals."""
    reference_events = KINDS[kind].reference_events
    _, fitted = fit(subject, kind, seed)
    if fitted is None:
        return None
    events = min(plan.stationary_events, subject.events_max)
    values = stream(kind, reference_events, events, seed + 1)
    return Quiet(subject.name, kind, events, len(fitted.alarms(values, reference_events)))


@lru_cache(maxsize=1)
def fit(subject: Subject, kind: str, seed: int) -> tuple[Values, Fitted | None]:
    """The reference of this seed, and `subject` fitted to it; the latest is kept, since to calibrate takes long."""
    reference = stream(kind, 0, KINDS[kind].reference_events, seed)
    return reference, subject.fit(reference, KINDS[kind])


def poisson_interval(count: int) -> tuple[float, float]:
    """The exact 95 % interval of the mean of a Poisson count (Garwood, 1936).

    >>> [round(bound, 2) for bound in poisson_interval(0)]
    [0.0, 3.69]
    """
    low = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(0.975, 2 * count + 2)) / 2


def quiet_rows(results: Sequence[Quiet]) -> list[Row]:
    """A row for each subject and kind of stream, and one over all streams of a subject."""
    by_key: dict[tuple[str, str], list[Quiet]] = {}
    for result in results:
        by_key.setdefault((result.subject, result.kind), []).append(result)
        by_key.setdefault((result.subject, "all streams"), []).append(result)
    rows: list[Row] = []
    for (subject, kind), runs in by_key.items():
        events, alarms = sum(run.events for run in runs), sum(run.alarms for run in runs)
        low, high = (bound / events * 1e6 for bound in poisson_interval(alarms))
        rows.append(
            {
                "subject": subject,
                "stream": kind,
                "events": events,
                "false_alarms": alarms,
                "per_1M": round(alarms / events * 1e6, 2),
                "low_95": round(low, 2),
                "high_95": round(high, 2),
            }
        )
    return rows


def delays(subject: Subject, kind: str, names: Sequence[str], plan: Plan, every: float) -> list[Row]:
    """A row for each of the changes `names` and each width; `every`: events per false alarm of this subject here."""
    found: dict[tuple[str, int], list[Alarm | None]] = {}
    early: dict[tuple[str, int], int] = {}
    reference, fitted = None, None
    is_slow = subject.events_max < plan.stationary_events
    trials, widths = (min(plan.trials, SLOW_TRIALS), WIDTHS[:1]) if is_slow else (plan.trials, WIDTHS)
    for trial in range(trials):
        seed = plan.seed + 100 * (trial // TRIALS_PER_REFERENCE)
        reference_events = KINDS[kind].reference_events
        if trial % TRIALS_PER_REFERENCE == 0:
            reference, fitted = fit(subject, kind, seed)
        if fitted is None or reference is None:
            return []
        rng = np.random.default_rng([plan.seed, trial])
        first = reference_events + trial * 1_000
        change = SETTLE_EVENTS + int(rng.integers(OFFSETS))
        base = stream(kind, first, change + plan.wait_events, seed + 7 + trial)
        touched = rng.permutation(SIGNALS)
        for name in names:
            for width in widths:
                values = _changed(base, name, change, touched[:width].tolist(), reference, rng)
                begin = first + change
                alarms = fitted.alarms(values, first, until=begin)
                early[name, width] = early.get((name, width), 0) + any(a.event < begin for a in alarms)
                # from here on events are counted from the change, and signals from the touched ones
                after = [_relative(alarm, begin, touched) for alarm in alarms if alarm.event >= begin]
                found.setdefault((name, width), []).append(after[0] if after else None)
    rows = [(name, width) for name in names for width in widths]
    return [_row(subject.name, kind, *key, found[key], early[key], plan, every) for key in rows]


def _changed(
    base: Values, name: str, change: int, signals: Sequence[int], reference: Values, rng: np.random.Generator
) -> Values:
    values = base.copy()
    for s in signals:
        values[change:, s] = CHANGES[name].apply(base[change:, s], deviation_of(reference[:, s]), rng)
    return values


def _relative(alarm: Alarm, change: int, touched: NDArray[np.int64]) -> Alarm:
    order = touched.tolist()
    onset = None if alarm.onset is None else alarm.onset - change
    return Alarm(alarm.event - change, onset, tuple(order.index(s) for s in alarm.signals))


def _row(
    subject: str,
    kind: str,
    change: str,
    width: int,
    alarms: Sequence[Alarm | None],
    early: int,
    plan: Plan,
    every: float,
) -> Row:
    """One line of the table; `early`: trials with a false alarm before the change."""
    told = [alarm for alarm in alarms if alarm is not None]
    delay = sorted(inf if alarm is None else float(alarm.event + 1) for alarm in alarms)
    middle, late = median(delay), delay[min(int(len(delay) * 0.9), len(delay) - 1)]
    information = information_of(kind, change)
    onsets = [abs(alarm.onset) for alarm in told if alarm.onset is not None]
    return {
        "subject": subject,
        "stream": kind,
        "change": change,
        "signals": width,
        "trials": len(alarms),
        "early": early,
        "missed": len(alarms) - len(told),
        "delay_median": _whole(middle),
        "delay_p90": _whole(late),
        "limit": None if information is None else round(log(plan.budget_events) / (information * width)),
        "onset_error": round(median(onsets)) if onsets else None,
        "top_1": _share([bool(alarm.signals) and alarm.signals[0] < width for alarm in told]),
        "top_3": _share([any(s < width for s in alarm.signals[:3]) for alarm in told]),
        "beats_dummy": "yes" if middle < every / 2 else "no",
    }


def _whole(value: float) -> int | None:
    return None if value == inf else round(value)


def _share(right: Sequence[bool]) -> float | None:
    return round(sum(right) / len(right), 2) if right else None
