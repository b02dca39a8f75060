"""What a person is told. Rule: a sentence says what changed, since when, how much, and what to do, in plain words."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Final

from driftd.detectors.base import Effect, Finding
from driftd.engine.harm import Basis, Drift, Harm, Verdict
from driftd.engine.kinds import Kind, Stage
from driftd.reference.figures import Summary

KINDS: Final[Mapping[Kind, str]] = {
    Kind.DATA_DRIFT: "The inputs have drifted",
    Kind.CONCEPT_DRIFT: "The same inputs now deserve other answers",
    Kind.PERFORMANCE: "The model errs more since its inputs changed",
    Kind.DATA_QUALITY: "The inputs are damaged",
    Kind.LABEL_QUALITY: "The labels have changed",
    Kind.OPERATIONS: "The model is served otherwise than before",
    Kind.SILENCE: "Something to judge by is missing",
}

HARMS: Final[Mapping[Verdict, str]] = {
    Verdict.HARMFUL: "It harms: the model errs more",
    Verdict.BENIGN: "It is benign so far: the model errs as before",
    Verdict.PENDING: "Whether it harms is not known yet",
    Verdict.UNKNOWN: "Whether it harms cannot be told",
}

DRIFTS: Final[Mapping[Drift, str]] = {
    Drift.VIRTUAL: "The drift is virtual: the inputs moved, the error did not.",
    Drift.REAL: "The drift is real: the error moved, the inputs did not.",
    Drift.BOTH: "Both moved, the inputs and the error.",
    Drift.UNKNOWN: "",
}

ADVICE: Final[Mapping[tuple[Kind, Stage], str]] = {
    (
        Kind.DATA_DRIFT,
        Stage.DATA,
    ): "see whether the world has changed or only what feeds the model, then collect data",
    (
        Kind.DATA_QUALITY,
        Stage.DATA,
    ): "look at where the damaged data comes from, and keep it out of the training data",
    (
        Kind.DATA_QUALITY,
        Stage.DEPLOYMENT,
    ): "look at what feeds the model in production: a release, a unit, a column",
    (Kind.PERFORMANCE, Stage.DATA): "collect and label data since then, and train on it",
    (
        Kind.PERFORMANCE,
        Stage.DEPLOYMENT,
    ): "mend first what feeds the model in production; more data does not help",
    (Kind.CONCEPT_DRIFT, Stage.MODELING): "train again on data since then",
    (Kind.LABEL_QUALITY, Stage.LABELS): "look at how the labels are made, before anybody trains on them",
    (
        Kind.OPERATIONS,
        Stage.DEPLOYMENT,
    ): "look at how the model is served: its load, its machines, its last release",
    (
        Kind.SILENCE,
        Stage.DEPLOYMENT,
    ): "look whether producers run and where their events go; nothing is judged until then",
}
"""What to do first, by the leading kind of a story and the stage to go back to."""

UNITS: Final = (10.0, 60.0, 100.0, 1000.0, 3600.0, 1e6)
"""Factors between units that people mix up: percent, minutes, hours, kilo, mega."""
EASILY_REACHED: Final = (10.0, 0.1)
"""Prices and counts rise ten times by themselves."""
UNIT_TOLERANCE: Final = 1.25
"""A changed unit moves the mean by its factor, give or take what the data does meanwhile: this factor at most."""
MOVED_MIN: Final = 0.1
"""A mean has moved if by so much of the width of the middle four fifths."""
WIDER_FROM: Final = 1.25
"""A distribution is wider, or narrower, by so many times."""


def change_in_words(
    finding: Finding, before: Summary, after: Summary, unseen: Sequence[str], stuck: bool = False
) -> str:
    """The form of the change of one signal, in words. `stuck`: all numbers since then are (nearly) the same."""
    if finding.effect is Effect.MISSING:
        more = "more" if after.missing_share > before.missing_share else "less"
        return f"{more} missing: {_percent(before.missing_share)} -> {_percent(after.missing_share)}"
    if finding.effect is Effect.INVALID:
        return f"of the wrong type in {_percent(after.invalid_share)} of the events"
    if finding.effect is Effect.UNSEEN:
        names = ", ".join(f'"{name}"' for name in unseen)
        told = f" ({names})" if names else ""
        return f"levels never seen before{told} in {_percent(after.outside_share)} of the events"
    if before.mean is None or after.mean is None:
        return _shares_change(before, after)
    figures = f"mean {_number(before.mean)} -> {_number(after.mean)}"
    unit = _unit_change(before, after)
    if unit:
        return f"{unit}: {figures}; another unit?"
    if stuck:
        return f"stuck at {_number(after.mean)}: {figures}"
    if finding.effect is Effect.OUTSIDE:
        where = f"out of the reference's range in {_percent(after.outside_share)} of the events"
        return f"{where}: {figures}"
    return f"{_form(before, after)}: {figures}"


def _form(before: Summary, after: Summary) -> str:
    """What happened to a number, in a word or two: shifted up, wider, ..."""
    words: list[str] = []
    old, new = _width(before), _width(after)
    moved = (after.mean or 0.0) - (before.mean or 0.0)
    if moved and abs(moved) >= MOVED_MIN * (old or 0.0):
        words.append("shifted up" if moved > 0 else "shifted down")
    if old and new is not None and not 1 / WIDER_FROM <= new / old <= WIDER_FROM:
        words.append(f"{'wider' if new > old else 'narrower'} ({new / old:.2g} times)")
    return ", ".join(words) or "distributed otherwise"


def _width(summary: Summary) -> float | None:
    """The width of the middle four fifths, where it is known."""
    return None if summary.p10 is None or summary.p90 is None else summary.p90 - summary.p10


def summary_sentence(
    kind: Kind,
    model: str,
    version: str | None,
    since: str,
    changes: Sequence[str],
    others: int,
    stage: Stage,
    harms: str = "",
) -> str:
    """One paragraph for the person on call. `changes` are signals with their change in words, the strongest first.

    `harms` is what `harm_sentence` says.
    """
    named = f"model {model}" + (f" (version {version})" if version is not None else "")
    told = "; ".join(changes)
    more = f"; and {others} more" if others > 0 else ""
    stop = "" if f"{told}{more}".endswith("?") else "."
    known = f" {harms}" if harms else ""
    what = f"{KINDS[kind]}: {named}, since {since}. {told}{more}{stop}{known}"
    return f"{what} Go back to {stage}: {ADVICE[kind, stage]}."


def advice(kind: Kind, stage: Stage) -> str:
    """What to do first, as a sentence."""
    words = ADVICE[kind, stage]
    return f"{words[0].upper()}{words[1:]}."


def harm_sentence(harm: Harm) -> str:
    """Whether the model errs more since then; empty where that cannot be asked."""
    if harm.verdict is Verdict.UNKNOWN and harm.basis is Basis.NOTHING:
        return ""
    if harm.risk_before is None or harm.risk_after is None:
        return "Whether it harms is not known yet."
    by = "labelled predictions" if harm.basis is Basis.LABELS else "predictions, by their scores"
    figures = f"{_number(harm.risk_before)} -> {_number(harm.risk_after)} in {harm.events:,} {by}"
    return f"{HARMS[harm.verdict]} ({figures})."


def drift_sentence(harm: Harm) -> str:
    """What has moved; empty where that is not known."""
    return DRIFTS[harm.drift]


def resolved_sentence(kind: Kind, model: str, because: str) -> str:
    """What is told when an incident ends."""
    return f"Over: {KINDS[kind][0].lower()}{KINDS[kind][1:]} (model {model}); {because}."


def _unit_change(before: Summary, after: Summary) -> str:
    """What factor between two units would explain the change; empty where none would."""
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
    if not _explains(nearest, ratio, before):
        return ""
    words = f"{nearest:,.0f} times larger" if nearest > 1 else f"{1 / nearest:,.0f} times smaller"
    return f"about {words}"


def _explains(factor: float, ratio: float, before: Summary) -> bool:
    """Whether the reference's values times `factor` may have a mean that is `ratio` times as large as before."""
    if abs(log10(ratio / factor)) <= log10(UNIT_TOLERANCE):
        return True
    # the data may be on one side of its range just now: night and day, weekdays and weekends
    if factor in EASILY_REACHED or before.p10 is None or before.p90 is None or not before.mean:
        return False
    return before.p10 <= ratio * before.mean / factor <= before.p90


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
