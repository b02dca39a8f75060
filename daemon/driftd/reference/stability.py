"""Whether a reference changed while it was counted. Rule: said only of a jump, not of what wanders anyhow.

A reference with a level shift inside is two references, and what is compared with both together is compared with
neither.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.cycle import buckets_of
from driftd.reference.null import all_probabilities, deviations_of, expected_by_bucket, fit, is_number
from driftd.reference.profile import Jump, Profile
from driftd.reference.scatter import overdispersion
from driftd.reference.tilts import tilts_of

BLOCKS_MIN: Final = 16
JUMP_MIN: Final = 9.0
"""A jump of so many standard errors, of all places where it may be and all signals, is no chance, nor a slow walk."""
EXPLAINED_MIN: Final = 3.0
"""The whole scatters so many times as much as its two parts do: what merely wanders goes on wandering in each."""
PART_BLOCKS_MIN: Final = 4
MOVES_FROM: Final = 3.0
"""Standard errors between the first and the second half of a reference from which it is on its way somewhere."""


def jumps(profile: Profile) -> tuple[Jump, ...]:
    """The signals of `profile` that jumped while it was counted, the largest jump first."""
    history = profile.history
    if history.blocks < BLOCKS_MIN or not profile.schema.signals:
        return ()
    return tuple(sorted(_jumps(profile, _deviations(profile)), key=lambda jump: -jump.errors))


def moving(profile: Profile, scatter: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which signals of `profile` were still on their way when it was counted, (s,), if they scatter by `scatter` (s,).

    Their own scatter would not do: what moves scatters for that very reason.
    """
    half = profile.history.blocks // 2
    if half < 1:
        return np.zeros(len(profile.schema.signals), np.bool_)
    of_values = _deviations(profile)[:, :, 0]
    move = of_values[-half:].mean(axis=0) - of_values[:half].mean(axis=0)
    errors: NDArray[np.float64] = np.abs(move) * np.sqrt(half / 2 / scatter)
    return errors >= MOVES_FROM


def _deviations(profile: Profile) -> NDArray[np.float64]:
    """The block sums of the history of `profile` in each direction, standardised, (t, s, 8)."""
    history = profile.history
    null = profile.null if profile.null is not None else fit(profile)
    p = all_probabilities(profile)
    events = np.full(len(p), float(profile.events))
    tilts = tilts_of(p, is_number(profile), events)
    expected = expected_by_bucket(profile, null)
    return deviations_of(history, expected, buckets_of(history.at_ms, profile.cycle), tilts)


def _jumps(profile: Profile, deviations: NDArray[np.float64]) -> list[Jump]:
    """The jumps of standardised block sums `deviations` (t, s, 8)."""
    blocks = deviations.shape[0]
    index = np.arange(1, blocks)
    weight = np.sqrt(index * (blocks - index) / blocks)[:, None, None]
    before = np.cumsum(deviations, axis=0)[:-1] / index[:, None, None]
    after = (deviations.sum(axis=0) - np.cumsum(deviations, axis=0)[:-1]) / (blocks - index)[:, None, None]
    size = np.abs(after - before) * weight
    size[: PART_BLOCKS_MIN - 1] = size[blocks - PART_BLOCKS_MIN :] = 0
    split = size.argmax(axis=0)
    pick = (split, *np.indices(split.shape))
    is_later = np.arange(blocks)[:, None, None] > split
    rest = deviations - np.where(is_later, after[pick], before[pick])
    inside, whole = overdispersion(rest), overdispersion(deviations - deviations.mean(axis=0))
    errors = size[pick] / np.sqrt(inside)
    jumped = (errors >= JUMP_MIN) & (whole >= EXPLAINED_MIN * inside)
    found: list[Jump] = []
    for s in np.flatnonzero(jumped.any(axis=1)).tolist():
        levels = profile.levels[s]
        if levels is not None and levels.unbounded:
            continue  # the first levels have bins of their own and those after them have not: no change of the stream
        direction = int(np.where(jumped[s], errors[s], 0).argmax())
        at_ms = int(profile.history.at_ms[split[s, direction] + 1])
        found.append(Jump(profile.schema.signals[s].name, at_ms, float(errors[s, direction])))
    return found
