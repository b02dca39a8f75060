"""The last step of every profile. Rule: what is learned from counts is learned here, once all is counted."""

from dataclasses import replace

from driftd.reference.null import fit
from driftd.reference.profile import Profile
from driftd.reference.scatter import inflation, missing_inflation
from driftd.reference.stability import jumps


def finished(profile: Profile) -> Profile:
    """`profile` with all that is learned from its history."""
    known = replace(
        profile,
        inflation=inflation(profile.history, profile),
        missing_inflation=missing_inflation(profile.history),
        null=fit(profile),
    )
    return replace(known, jumps=jumps(known))
