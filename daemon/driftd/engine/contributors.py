"""Parts of an incident that no pane shows: what ticks tell, and what is said of labels. Rule: their words are given."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from driftd.contract.events_out import ClaimData, Contributor, Figures, PlaceData
from driftd.detectors.base import Effect, Finding
from driftd.reference.figures import rounded
from driftd.reference.panes import Place

CHANGES_IN_A_SENTENCE: Final = 3
NO_FIGURES: Final = Figures(count=0, missing_share=0.0, invalid_share=0.0, outside_share=0.0)
"""Of what is no quantity of an event, such as that none came."""


def said_by_itself(finding: Finding, share: float) -> Contributor | None:
    """The contributor of a finding that says itself what it found; None where panes have the figures."""
    claim = finding.claim
    if claim is None and not finding.words:
        return None
    figures = NO_FIGURES if claim is None else None
    before, after = (0.0, 0.0) if claim is None else (rounded(claim.before), rounded(claim.after))
    return Contributor(
        signal=finding.signal,
        effect=finding.effect,
        detector=finding.detector,
        strength=rounded(finding.strength),
        share=rounded(share),
        change=finding.words if claim is None else claim.sentence,
        before=figures,
        after=figures,
        claim=None
        if claim is None
        else ClaimData(
            parties=list(claim.parties),
            before=before,
            after=after,
            events=claim.events,
            segment=claim.segment,
        ),
    )


def told_change(contributor: Contributor) -> str:
    """The change as it stands in a sentence: a claim, or what is silent, needs no signal before it."""
    if contributor.claim is not None or contributor.effect == Effect.SILENCE:
        return contributor.change.rstrip(".")
    return f"{contributor.signal} {contributor.change}"


def told_changes(contributors: Sequence[Contributor]) -> list[str]:
    """The strongest changes as they stand in a sentence: no more than a person reads."""
    return [told_change(contributor) for contributor in contributors[:CHANGES_IN_A_SENTENCE]]


def place_data(place: Place) -> PlaceData:
    """A place as it is published."""
    return PlaceData(**asdict(place))
