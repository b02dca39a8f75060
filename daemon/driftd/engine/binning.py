"""The bins of events by a reference. Rule: levels that it does not have are a bin too, and their names are told."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftd.decode.batch import INVALID
from driftd.reference.layout import COARSE
from driftd.reference.panes import Columns
from driftd.reference.profile import Profile

UNSEEN_NAMES_MAX = 3
"""So many names of unseen levels are kept per signal, to be told to a person."""


def binned(
    profile: Profile, columns: Columns, events: int, unseen: Mapping[str, Sequence[str]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[tuple[int, str, str]]]:
    """Of the n = `events` of `columns`: bins and quanta, (s, n) both, and new levels as (index, signal, name) in order.

    `unseen` are the names that are known already, by signal.
    """
    bins, whole = profile.binning.count(columns.numbers)
    news: list[tuple[int, str, str]] = []
    if profile.category_rows:
        rows, of_numbers = profile.number_rows, (bins, whole)
        bins = np.empty((len(profile.schema.signals), events), np.uint8)
        whole = np.zeros(bins.shape, np.int64)
        bins[rows], whole[rows] = of_numbers
    for row, s in enumerate(profile.category_rows):
        bins[s] = _category_bins(profile, s, columns.categories[row], unseen, news)
    return bins, whole, sorted(news)


def _category_bins(
    profile: Profile,
    signal: int,
    values: Sequence[object],
    unseen: Mapping[str, Sequence[str]],
    news: list[tuple[int, str, str]],
) -> list[int]:
    """The bins of one category signal; names of levels that are new are added to `news` with their index."""
    codes, levels = profile.coarse_code_of_level[signal], profile.levels[signal]
    if codes is None or levels is None:
        raise RuntimeError("a number signal has no levels: a bug of driftd")
    known: dict[object, int] = {None: COARSE.missing, INVALID: COARSE.invalid}
    known.update(codes)
    unknown = COARSE.values - 1 if levels.unbounded else COARSE.below
    bins = [known.get(value, unknown) for value in values]
    name = profile.schema.signals[signal].name
    if not levels.unbounded and unknown in bins and len(unseen.get(name, ())) < UNSEEN_NAMES_MAX:
        new = dict.fromkeys(str(value)[:100] for value in values if value not in known)
        first = [str(value)[:100] for value in values]
        news += [(first.index(level), name, level) for level in list(new)[:UNSEEN_NAMES_MAX]]
    return bins
