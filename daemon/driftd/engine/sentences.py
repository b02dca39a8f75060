"""What a person is told. Rule: a sentence says what changed, since when, how much, and what to do, in plain words."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Final

from driftd.detectors.base import Effect, Finding
from driftd.engine.kinds import Kind, Stage
from driftd.reference.figures import Summary

KINDS: Final[Mapping[Kind, str]] = {
    Kind.DATA_DRIFT: "The inputs have drifted",
    Kind.CONCEPT_DRIFT: "The same inputs now deserve other answers",
    Kind.PERFORMANCE: "The model errs more since its inputs changed",
    Kind.DATA_QUALITY: "The inputs are damaged",
    Kind.LABEL_QUALITY: "The labels have changed",
    Kind.OPERATIONS: "The model is served otherwise than before",
    Kind.SILENCE: "There is nothing to judge by",
}

ADVICE: Final[Mapping[Stage, str]] = {
    Stage.DATA: "look at where the data comes from, then collect new data",
    Stage.LABELS: "look at how the labels are made",
    Stage.MODELING: "train again on data since then",
    Stage.DEPLOYMENT: "look at how the model is served",
}

UNITS: Final = (10.0, 60.0, 100.0, 1000.0, 3600.0, 1e6)
"""Factors between units that people mix up: percent, minutes, hours, kilo, mega."""
UNIT_TOLERANCE: Final = 1.5
"""A changed unit moves the mean by its factor, give or take what the data does meanwhile: this factor at most."""


def change_in_words(finding: Finding, before: Summary, after: Summary, unseen: Sequence[str]) -> str:
    """The form of the change of one signal, in words."""
    if finding.effect is Effect.MISSING:
        return f"missing {_percent(before.missing_share)} -> {_percent(after.missing_share)}"
    if finding.effect is Effect.INVALID:
        return f"of the wrong type in {_percent(after.invalid_share)} of the events"
    if finding.effect is Effect.UNSEEN:
        names = ", ".join(f'"{name}"' for name in unseen)
        told = f" ({names})" if names else ""
        return f"levels never seen before{told} in {_percent(after.outside_share)} of the events"
    where = ""
    if finding.effect is Effect.OUTSIDE:
        outside = f", out of the reference's range in {_percent(after.outside_share)} of the events"
        where = _unit_change(before, after) or outside
    if before.mean is not None and after.mean is not None:
        spread = _spread_change(before, after)
        return f"mean {_number(before.mean)} -> {_number(after.mean)}{spread}{where}"
    return _shares_change(before, after)


def summary_sentence(
    kind: Kind,
    model: str,
    version: str | None,
    since: str,
    changes: Sequence[tuple[str, str]],
    others: int,
    stage: Stage,
) -> str:
    """One paragraph for the person on call. `changes` are (signal, change in words), the strongest first."""
    named = f"model {model}" + (f" (version {version})" if version is not None else "")
    told = "; ".join(f"{signal} {change}" for signal, change in changes)
    more = f"; and {others} more" if others > 0 else ""
    stop = "" if f"{told}{more}".endswith("?") else "."
    return f"{KINDS[kind]}: {named}, since {since}. {told}{more}{stop} Go back to {stage}: {ADVICE[stage]}."


def resolved_sentence(kind: Kind, model: str, because: str) -> str:
    """What is told when an incident ends."""
    return f"Over: {KINDS[kind][0].lower()}{KINDS[kind][1:]} (model {model}); {because}."


def _unit_change(before: Summary, after: Summary) -> str:
    if not before.mean or not after.mean:
        return ""
    ratio = after.mean / before.mean
    # the window may hold events from before the change, whose weight is known from the share outside
    if after.outside_share > 0:
        ratio = (after.mean - before.mean * (1 - after.outside_share)) / (before.mean * after.outside_share)
    if ratio <= 0:
        return ""
    factors = [*UNITS, *(1 / unit for unit in UNITS)]
    nearest = min(factors, key=lambda factor: abs(log10(ratio / factor)))
    if abs(log10(ratio / nearest)) > log10(UNIT_TOLERANCE):
        return ""
    words = f"{nearest:,.0f} times larger" if nearest > 1 else f"{1 / nearest:,.0f} times smaller"
    return f", about {words} where it changed: another unit?"


def _spread_change(before: Summary, after: Summary) -> str:
    if None in (before.p10, before.p90, after.p10, after.p90):
        return ""
    width_before = (before.p90 or 0.0) - (before.p10 or 0.0)
    width_after = (after.p90 or 0.0) - (after.p10 or 0.0)
    if width_before <= 0:
        return ""
    ratio = width_after / width_before
    if ratio == 0:
        return ", stuck"
    if 0.7 <= ratio <= 1.4:
        return ""
    return f", {'wider' if ratio > 1 else 'narrower'} ({ratio:.2g} times)"


def _shares_change(before: Summary, after: Summary) -> str:
    """The level whose share moved most."""
    old, new = before.top or {}, after.top or {}
    moved = {level: new.get(level, 0.0) - old.get(level, 0.0) for level in {**old, **new}}
    if not moved:
        return "distributed otherwise"
    level = max(moved, key=lambda name: (abs(moved[name]), name))
    return f'"{level}" {_percent(old.get(level, 0.0))} -> {_percent(new.get(level, 0.0))}'


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:,.4g}"
