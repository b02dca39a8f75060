"""What a signal does while nothing is wrong: the null of all evidence. Rule: learned, and erring upwards.

Three things are learned from the reference's history. `scatter`: how much less n events tell than n independent ones.
`cyclic`: whether the signal follows the hour (of weekdays or weekends). `gain`: what the learned tilts would win by the
signal's own wandering. Source of the bets: Shin, Ramdas and Rinaldo, "E-detectors", arXiv 2203.03532, tempered here.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.cycle import Cycle, buckets_of, days_of
from driftd.reference.history import History
from driftd.reference.hours import bucket_counts, by_bucket, seen_buckets
from driftd.reference.layout import COARSE
from driftd.reference.learned import Learned, refresh_panes
from driftd.reference.profile import PSEUDO_COUNT, Null, Profile
from driftd.reference.scatter import overdispersion
from driftd.reference.tilts import (
    BETS,
    DIRECTION_GROUPS,
    GROUPS,
    VALUE_BETS,
    Group,
    Tilts,
    tilts_of,
)

CYCLE_DAYS_MIN: Final = 2
"""An hour seen on one day only says nothing of a cycle."""
CYCLE_GAIN_MIN: Final = 1.25
"""A signal follows the cycle where that explains so much of its scatter."""
MEAN_MAX: Final = 1.02
"""The reference's own blocks may win so much by chance."""
BLOCKS_FOR_MEANS: Final = 25
RAISE: Final = 1.15
SCATTER_MAX: Final = 1e9


def fit(profile: Profile) -> Null:
    """The null of `profile`; of a history that is too short to tell, that of independent events."""
    history, signals = profile.history, len(profile.schema.signals)
    hours, seen = bucket_counts(history, profile.cycle), seen_buckets(history, profile.cycle, profile.last_ms)
    cyclic = np.zeros(signals, np.bool_)
    if history.blocks < 2 or signals == 0:
        return Null(np.ones((signals, BETS)), cyclic, np.zeros((signals, 2)), hours[:, cyclic], seen)
    p = all_probabilities(profile)
    tilts = tilts_of(p, is_number(profile), np.full(signals, float(profile.events)))
    constant = _scatter(history, p[None], np.zeros(history.blocks, np.int64), tilts)
    every_bucket = by_bucket(hours, p)
    buckets = buckets_of(history.at_ms, profile.cycle)
    days = np.unique(days_of(history.at_ms)).size
    if profile.cycle is not Cycle.NONE and days >= CYCLE_DAYS_MIN:
        # what was fitted scatters less than what comes: one day more, in and out of the sample
        by_cycle = _scatter(history, every_bucket, buckets, tilts) * (days + 1) / (days - 1)
        cyclic = (by_cycle * CYCLE_GAIN_MIN)[:, :5].max(axis=1) < constant[:, :5].max(axis=1)
        constant[cyclic] = by_cycle[cyclic]
    expected = np.where(cyclic[:, None], every_bucket, p[None])
    of_bets = _of_bets(constant)
    scatter, gain = _raised(history, expected, buckets, tilts, of_bets)
    return Null(np.minimum(scatter, SCATTER_MAX), cyclic, gain, hours[:, cyclic], seen)


def judged_signals(profile: Profile, independent_events_min: float) -> NDArray[np.bool_]:
    """The signals whose values the reference is long enough to judge, (s,)."""
    return _least_scatter(profile) * independent_events_min <= profile.events


def events_missing(profile: Profile, independent_events_min: float) -> int:
    """How many more events the reference needs until it can judge every signal, if they go on like this."""
    scatter = float(_least_scatter(profile).max(initial=0.0))
    return max(int(np.ceil(independent_events_min * scatter)) - profile.events, 0)


def _least_scatter(profile: Profile) -> NDArray[np.float64]:
    """The scatter of the value bets that are tempered least, (s,)."""
    null = profile.null if profile.null is not None else fit(profile)
    least: NDArray[np.float64] = null.scatter[:, :VALUE_BETS].min(axis=1, initial=SCATTER_MAX)
    return least


def is_number(profile: Profile) -> NDArray[np.bool_]:
    """Whether the bins of each signal have an order, (s,)."""
    return np.array([levels is None for levels in profile.levels], np.bool_)


def all_probabilities(profile: Profile) -> NDArray[np.float64]:
    """Probability of each coarse bin, missing and invalid included, (s, 20)."""
    counts = smoothed(profile)
    shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def smoothed(profile: Profile) -> NDArray[np.float64]:
    """The reference's counts with what every bin that can occur is given on top, (s, 20)."""
    possible = profile.possible.copy()
    possible[:, COARSE.missing] = possible[:, COARSE.invalid] = True
    counts: NDArray[np.float64] = np.where(possible, profile.coarse_counts + PSEUDO_COUNT, 0.0)
    counts[:, COARSE.below] += singletons(profile)
    return counts


def singletons(profile: Profile) -> NDArray[np.float64]:
    """Of each category, the levels seen once: as many unseen ones are to come (Good and Turing), (s,)."""
    single = np.zeros(len(profile.schema.signals))
    for s, levels in enumerate(profile.levels):
        if levels is not None and not levels.unbounded:
            of_levels = profile.counts[s, : len(levels.names)][:63]
            single[s] = int((of_levels == 1).sum()) + max(len(levels.names) - 63, 0)
    return single


def expected_by_bucket(profile: Profile, null: Null) -> NDArray[np.float64]:
    """Probability of each coarse bin by bucket of the cycle, (h, s, 20); the same in all for what is not cyclic."""
    p = all_probabilities(profile)
    expected = np.broadcast_to(p, (profile.cycle.buckets, *p.shape)).copy()
    if null.cyclic.any():
        expected[:, null.cyclic] = by_bucket(null.hours, p[null.cyclic])
    return expected


def _scatter(
    history: History, p: NDArray[np.float64], buckets: NDArray[np.int64], tilts: Tilts
) -> NDArray[np.float64]:
    """Overdispersion of each direction, (s, 8), where `p` (h, s, 20) is expected."""
    return overdispersion(deviations_of(history, p, buckets, tilts))


def deviations_of(
    history: History, p: NDArray[np.float64], buckets: NDArray[np.int64], tilts: Tilts
) -> NDArray[np.float64]:
    """Each block's sum in each direction, (t, s, 8), standardised as if events were independent.

    `p` (h, s, 20) is expected, by bucket, and `buckets` (t,) are the blocks'. 0 where next to nothing ever happened.
    """
    directions = tilts.directions
    mean = np.einsum("hsk,skd->hsd", p, directions)
    square = np.einsum("hsk,skd->hsd", p, directions**2)
    variance = np.maximum(square - mean**2, 1e-9)
    observed = np.matmul(history.counts.transpose(1, 0, 2).astype(np.float64), directions).transpose(1, 0, 2)
    events = history.block_events
    # a direction of what hardly ever happened has no scatter to speak of
    rare = (variance * events * history.blocks).max(axis=0) < 1
    deviations = (observed - events * mean[buckets]) / np.sqrt(events * variance[buckets])
    return np.where(rare, 0.0, deviations)


def _of_bets(of_directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scatter that each bet is tempered by, (s, 29): the worst direction of its group, which bounds all."""
    groups = np.stack([of_directions[:, group == DIRECTION_GROUPS].max(axis=1) for group in Group], axis=1)
    return groups[:, GROUPS]


def _raised(
    history: History,
    p: NDArray[np.float64],
    buckets: NDArray[np.int64],
    tilts: Tilts,
    scatter: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`scatter` (s, 29) raised until no bet wins on the reference, and the `gain` (s, 2) per event of learned tilts."""
    counts = history.counts.transpose(1, 0, 2).astype(np.float64)
    psi = np.log(np.einsum("hsk,skj->hsj", p, np.exp(tilts.slopes)))
    fixed = np.matmul(counts, tilts.slopes).transpose(1, 0, 2) - history.block_events * psi[buckets]
    learned = _learned_on(history, p, buckets)
    mean = learned.mean(axis=0)
    error = learned.std(axis=0) / np.sqrt(history.blocks)
    gain = np.where(mean > 0, mean + 2 * error, 0.0) / history.block_events
    wins = np.concatenate([fixed, learned - gain * history.block_events], axis=2)
    scatter = scatter.copy()
    for length in (1, 2, 4, 8):
        whole = history.blocks // length
        if whole < BLOCKS_FOR_MEANS:
            break
        sums = wins[: whole * length].reshape(whole, length, *wins.shape[1:]).sum(axis=1)
        for _ in range(60):
            bad = np.exp(np.minimum(sums / scatter, 50)).mean(axis=0) > MEAN_MAX
            if not bad.any():
                break
            scatter = np.where(bad, scatter * RAISE, scatter)
    return scatter, gain


def _learned_on(history: History, p: NDArray[np.float64], buckets: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the learned tilts win on each block of the reference, (t, s, 2)."""
    signals = p.shape[1]
    learned, events = Learned(signals), history.block_events
    wins = np.zeros((history.blocks, signals, 2))
    step = refresh_panes(events)
    for begin in range(0, history.blocks, step):
        chunk = slice(begin, min(begin + step, history.blocks))
        expected = p[buckets[chunk]]
        slopes = learned.slopes(expected[0])
        counts = history.counts[chunk].astype(np.float64)
        psi = np.log(np.einsum("tsk,skj->tsj", expected, np.exp(slopes)))
        wins[chunk] = np.einsum("tsk,skj->tsj", counts, slopes) - events * psi
        learned.add(counts.sum(axis=0), events * expected.sum(axis=0), events * counts.shape[0])
    return wins
