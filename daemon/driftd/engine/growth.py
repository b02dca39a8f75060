"""How a reference grows while its stream is watched. Rule: what may be a change is not made normal."""

from driftd.reference.build import Builder
from driftd.reference.profile import Profile


def counting_like(builder: Builder, profile: Profile) -> Builder:
    """`builder`, which has counted nothing yet, made to count levels as those of `profile` were."""
    for s, levels in enumerate(profile.levels):
        if levels is not None:
            builder.levels[s].unbounded = levels.unbounded
    return builder


def later(builder: Builder, panes: int) -> int:
    """With how many events a reference is renewed that should be now, while a loss is above it: some panes later.

    A change that began just before, and is not found yet, would be part of what is normal, and as a jump inside of it
    make the reference look so restless that the change is not found for thousands of events.
    """
    return builder.events + panes * builder.counter.pane_events
