"""Versions of a model that are over. Rule: bounded, and the one that runs is never among them."""

VERSIONS_MAX = 100
"""So many past versions are remembered, so that their late events do not bring them back."""


def replace_version(past: dict[str, None], old: str | None, new: str | None) -> None:
    """Let `new` run instead of `old`, which is remembered in `past`, the oldest first."""
    if old is not None:
        past[old] = None
        while len(past) > VERSIONS_MAX:
            del past[next(iter(past))]
    if new is not None:
        past.pop(new, None)
