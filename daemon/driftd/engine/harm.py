"""Whether a change harms, and what has moved. Rule: by labels where there are, else by its scores.

Drift is virtual where the inputs moved and the error did not, real where the error moved and the inputs did not.
That only labels tell: scores are right as long as the concept stays.

A drift that the model answers as well as before is no reason to wake anybody, if the user says so; but what cannot be
judged is never taken for benign.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.engine.window import events_and_mean
from driftd.reference.layout import COARSE
from driftd.reference.panes import Pane, merged
from driftd.reference.profile import Profile

EVENTS_MIN: Final = 50
"""Fewer events since the change tell nothing."""
PENDING_EVENTS_MAX: Final = 1_000
"""After so many predictions nobody waits any longer for a verdict."""
ERRORS: Final = 2.0
"""Standard errors that a risk must move by to have moved."""
TOLERATED: Final = 0.25
"""A risk that rose by less than this share of itself is as before."""
RISK_SIGNALS: Final = ("error", "loss")
SCORES: Final = "scores."


class Verdict(StrEnum):
    """What is known of the harm of a change."""

    HARMFUL = "harmful"
    BENIGN = "benign"
    PENDING = "pending"
    """There is something to judge by, but too little yet."""
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """What a verdict rests on."""

    LABELS = "labels"
    SCORES = "scores"
    NOTHING = "nothing"


class Drift(StrEnum):
    """What has moved: the inputs, what they deserve as an answer, or both."""

    VIRTUAL = "virtual"
    REAL = "real"
    BOTH = "both"
    UNKNOWN = "unknown"
    """There are no labels, or too few, or there is nothing to compare the inputs with."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What an incident, and those that are open beside it, say has moved; None where that is still to be judged."""

    inputs: bool
    error: bool | None


@dataclass(frozen=True, slots=True)
class Harm:
    """A verdict with its figures: the risk, mean error or loss, in the reference and since the change."""

    verdict: Verdict
    basis: Basis
    risk_before: float | None = None
    risk_after: float | None = None
    events: int = 0
    drift: Drift = Drift.UNKNOWN


@dataclass(frozen=True, slots=True)
class Risk:
    """A mean error or loss, its standard error, and what it rests on."""

    mean: float
    error: float
    basis: Basis


NOT_KNOWN: Final = Harm(Verdict.UNKNOWN, Basis.NOTHING)


@dataclass(frozen=True, slots=True)
class Watched:
    """A stream as it is now: what it is compared with, None while that is being learned, and its latest panes."""

    profile: Profile | None
    window: Sequence[Pane]


def harm_since(inputs: Watched, outcomes: Watched, onset_ms: int, moved: Moved) -> Harm:
    """The harm of a change that began at `onset_ms`, as far as the windows reach back, and its drift."""
    harm = _harm_since(inputs, outcomes, onset_ms)
    return replace(harm, drift=_drift(moved, harm, inputs_known=inputs.profile is not None))


def _drift(moved: Moved, harm: Harm, *, inputs_known: bool) -> Drift:
    error = moved.error
    if error is None and harm.basis is Basis.LABELS and harm.verdict in (Verdict.HARMFUL, Verdict.BENIGN):
        error = harm.verdict is Verdict.HARMFUL
    if error is None or not (moved.inputs or inputs_known):
        return Drift.UNKNOWN
    if moved.inputs:
        return Drift.BOTH if error else Drift.VIRTUAL
    return Drift.REAL if error else Drift.UNKNOWN


def _harm_since(inputs: Watched, outcomes: Watched, onset_ms: int) -> Harm:
    inputs = Watched(inputs.profile, _since(inputs.window, onset_ms))
    outcomes = Watched(outcomes.profile, _since(outcomes.window, onset_ms))
    judged = [harm for harm in (_realised(outcomes), _estimated(inputs)) if harm is not None]
    for harm in judged:
        if harm.verdict in (Verdict.HARMFUL, Verdict.BENIGN):
            return harm
    if not judged:
        return NOT_KNOWN
    if sum(pane.events for pane in inputs.window) < PENDING_EVENTS_MAX:
        return judged[0]
    first = judged[0]
    return Harm(Verdict.UNKNOWN, first.basis, first.risk_before, first.risk_after, first.events)


def _since(window: Sequence[Pane], onset_ms: int) -> list[Pane]:
    return [pane for pane in window if pane.first.at_ms >= onset_ms]


def reference_risk(profile: Profile) -> Risk | None:
    """What `profile`, of outcomes or of inputs with the scores of one or two classes, says a version errs by itself."""
    names = [signal.name for signal in profile.schema.signals]
    for name in RISK_SIGNALS:
        if name in names:
            s = names.index(name)
            scale = profile.scale(s)
            noise = float(profile.inflation[s]) / max(profile.events, 1)
            return Risk(scale.mean, scale.deviation * noise**0.5, Basis.LABELS)
    score = _score(profile)
    return None if score is None else _expected_risk(profile, score)


def risk_limit(harm: Harm) -> Risk | None:
    """The risk up to which a new version has ended the change that `harm` is of; None where no risk is known.

    Where the model errs more, it is half way back to the reference; else no more above the reference than drifts that
    do no harm are.
    """
    if harm.basis is Basis.NOTHING or harm.risk_before is None:
        return None
    limit = harm.risk_before * (1 + TOLERATED)
    if harm.verdict is Verdict.HARMFUL and harm.risk_after is not None:
        limit = (harm.risk_before + harm.risk_after) / 2
    return Risk(limit, 0.0, harm.basis)


def _score(profile: Profile) -> int | None:
    """The score that tells what the model expects to err by; None where it has none, or more classes than two."""
    scores = [s for s, signal in enumerate(profile.schema.signals) if signal.name.startswith(SCORES)]
    return scores[0] if 1 <= len(scores) <= 2 else None


def _expected_risk(profile: Profile, s: int) -> Risk | None:
    """What the model expected to err by in the reference, by its score `s`; None where it had no scores."""
    risks = _risk_of_bins(profile, s)
    before = profile.coarse_counts[s, : COARSE.values].astype(np.float64)
    if not before.sum():
        return None
    mean = float(before @ risks / before.sum())
    spread = float(before @ (risks - mean) ** 2 / before.sum()) ** 0.5
    return Risk(mean, spread * (float(profile.inflation[s]) / float(before.sum())) ** 0.5, Basis.SCORES)


def _realised(outcomes: Watched) -> Harm | None:
    """By error or, for quantities, loss of labelled predictions."""
    profile = outcomes.profile
    if profile is None:
        return None
    names = [signal.name for signal in profile.schema.signals]
    s = names.index(next(name for name in RISK_SIGNALS if name in names))
    events, after = events_and_mean(profile, s, outcomes.window)
    scale = profile.scale(s)
    noise = float(profile.inflation[s]) * (1 / max(events, 1) + 1 / profile.events)
    return _judged(Basis.LABELS, scale.mean, after, scale.deviation * noise**0.5, events)


def _estimated(inputs: Watched) -> Harm | None:
    """By the scores of a model with two classes: it expects to err in 1 - max(score) of its answers.

    Right as long as the scores are calibrated, which a change of concept ends: labels are asked first. Source:
    confidence-based performance estimation, as by Guillory et al., "Predicting with confidence on unseen
    distributions", 2021.
    """
    profile = inputs.profile
    if profile is None:
        return None
    s = _score(profile)
    if s is None:
        return None
    expected = _expected_risk(profile, s)
    if expected is None or not inputs.window:
        return Harm(Verdict.PENDING, Basis.SCORES)
    risks = _risk_of_bins(profile, s)
    before = profile.coarse_counts[s, : COARSE.values].astype(np.float64)
    whole = merged(inputs.window)
    after = whole.counts[s, : COARSE.values].astype(np.float64)
    spread = float(before @ (risks - expected.mean) ** 2 / before.sum()) ** 0.5
    outside = int(whole.counts[s, COARSE.below : COARSE.above + 1].sum())
    events = int(after.sum()) + outside
    noise = float(profile.inflation[s]) * (1 / max(events, 1) + 1 / float(before.sum()))
    risk_after = float(after @ risks + outside * _risk_outside(profile, s, whole)) / max(events, 1)
    return _judged(Basis.SCORES, expected.mean, risk_after, spread * noise**0.5, events)


def _risk_of_bins(profile: Profile, signal: int) -> NDArray[np.float64]:
    """1 - max(p, 1 - p) in the middle of each coarse bin of a score, (16,)."""
    middles = _middles(profile, signal)
    risks: NDArray[np.float64] = np.minimum(middles, 1 - middles)
    return risks


def _middles(profile: Profile, signal: int) -> NDArray[np.float64]:
    """The middle of each coarse bin of a score, (16,)."""
    edges = np.clip(profile.coarse_edges[signal], 0.0, 1.0)
    middles: NDArray[np.float64] = (np.concatenate([[0.0], edges]) + np.concatenate([edges, [1.0]])) / 2
    return middles


def _risk_outside(profile: Profile, signal: int, pane: Pane) -> float:
    """1 - max(p, 1 - p) of the scores out of the reference's range: of their mean, which the pane's sum tells."""
    outside = int(pane.counts[signal, COARSE.below : COARSE.above + 1].sum())
    inside = pane.counts[signal, : COARSE.values].astype(np.float64)
    total = profile.center[signal] * (inside.sum() + outside) + profile.quantum[signal] * int(
        pane.sums[signal]
    )
    mean = min(max(float(total - inside @ _middles(profile, signal)) / max(outside, 1), 0.0), 1.0)
    return min(mean, 1 - mean)


def _judged(basis: Basis, before: float, after: float, error: float, events: int) -> Harm:
    if events < EVENTS_MIN:
        return Harm(Verdict.PENDING, basis, before, None, events)
    rise = after - before
    verdict = Verdict.PENDING
    if rise > max(ERRORS * error, 0.0) and rise > TOLERATED / 2 * before:
        verdict = Verdict.HARMFUL
    elif rise + ERRORS * error <= TOLERATED * before:
        verdict = Verdict.BENIGN
    return Harm(verdict, basis, before, after, events)
