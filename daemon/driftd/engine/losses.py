"""Error and loss: which of their changes are trouble. Rule: a smaller loss is a change, but no trouble."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from driftd.detectors.base import Finding
from driftd.engine.kinds import LOSS_SIGNALS
from driftd.engine.window import events_and_mean
from driftd.reference.panes import Pane, Place, merged
from driftd.reference.profile import Profile
from driftd.reference.stability import moving
from driftd.reference.tilts import VALUE_BETS

TROUBLE_FROM: Final = 1.0
"""Standard errors above the reference from which what evidence says of a loss is trouble; below it, an improvement."""
ELEVATED_FROM: Final = 1.0
"""Standard errors above the reference from which a loss is not over."""


def losses_above(profile: Profile, window: Sequence[Pane]) -> dict[str, float]:
    """By how many standard errors the mean of error and loss in `window` lies above the reference's."""
    above: dict[str, float] = {}
    whole = [merged(window)] if window else []
    for s, signal in enumerate(profile.schema.signals):
        if signal.name in LOSS_SIGNALS:
            scale = profile.scale(s)
            events, mean = events_and_mean(profile, s, whole)
            if events:
                noise = profile.inflation[s] * (1 / events + 1 / profile.events)
                above[signal.name] = (mean - scale.mean) / (scale.deviation * float(noise) ** 0.5)
    return above


def troubles_of(
    found: Sequence[Finding], above: Mapping[str, float], well_at: Mapping[str, Place]
) -> list[Finding]:
    """Those of the pane findings `found` that are trouble, which is no older than when there last was none."""
    return [
        replace(f, onset=max(f.onset, well_at.get(f.signal, f.onset), key=lambda place: place.at_ms))
        for f in found
        if f.signal not in LOSS_SIGNALS or above.get(f.signal, 0.0) >= TROUBLE_FROM
    ]


def has_improved(found: Sequence[Finding], above: Mapping[str, float]) -> bool:
    """Whether what is `found` says that error or loss has become smaller."""
    return any(f.signal in LOSS_SIGNALS and above.get(f.signal, 0.0) <= -TROUBLE_FROM for f in found)


def is_moving(profile: Profile, before: Profile) -> bool:
    """Whether error or loss was still on its way while `profile` was counted; `before` says how it scatters."""
    scatter = before.inflation if before.null is None else before.null.scatter[:, :VALUE_BETS].min(axis=1)
    losses = [signal.name in LOSS_SIGNALS for signal in profile.schema.signals]
    return bool((moving(profile, scatter) & losses).any())


def is_trouble(profile: Profile, finding: Finding, onset: Place, window: Sequence[Pane]) -> bool:
    """Whether a value detector's finding is trouble: a loss that is smaller than the reference's since then is none."""
    if finding.signal not in LOSS_SIGNALS:
        return True
    s = [signal.name for signal in profile.schema.signals].index(finding.signal)
    since = [pane for pane in window if pane.first.at_ms >= onset.at_ms]
    events, mean = events_and_mean(profile, s, since)
    now = mean if events else finding.recent_mean
    return now is not None and now > profile.scale(s).mean
