"""`driftd reference show` and `diff`: what is normal for a model, for a person."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from driftd.cli.output import Format, say, say_json, table
from driftd.cli.reference_file import read_reference
from driftd.cli.story import minute, unstable_words
from driftd.decode.schema import Schema
from driftd.detectors.base import Effect, Finding
from driftd.detectors.distance_measures import distances, in_order
from driftd.engine.sentences import change_in_words
from driftd.reference.cycle import Cycle
from driftd.reference.document import profile_hash, profile_to_json
from driftd.reference.figures import Summary, reference_summary
from driftd.reference.null import events_missing, fit, judged_signals
from driftd.reference.panes import Place
from driftd.reference.profile import Profile

JUDGED_FROM: Final = 250
"""As `reference.independent_events_min` is set where nobody changed it."""
SAME_BELOW: Final = 0.01
"""A PSI below this is nothing to speak of."""
MISSING_CHANGED_FROM: Final = 0.01
NOWHERE: Final = Place(0, "", 0, 0)


def show(file: Path, /, *, format: Format = "text") -> None:
    """Show what a reference holds.

    Parameters
    ----------
    file
        A reference.
    format
        text or json.
    """
    profile = read_reference(file)
    null = profile.null if profile.null is not None else fit(profile)
    judged = judged_signals(profile, JUDGED_FROM)
    independent = profile.events / null.scatter[:, 0]
    seen = null.seen
    if format == "json":
        extra = {
            "hash": profile_hash(profile),
            "independent_events": independent.round(1).tolist(),
            "follows_cycle": null.cyclic.tolist(),
            "judged": judged.tolist(),
            "events_missing": events_missing(profile, JUDGED_FROM),
            "buckets_seen": seen.tolist(),
            "jumps": [[jump.signal, jump.at_ms, round(jump.errors, 1)] for jump in profile.jumps],
        }
        say_json({**profile_to_json(profile), **extra})
        return
    version = "any version" if profile.version is None else f"version {profile.version}"
    say(f"model {profile.model}, {version}, {profile.events:,} events")
    say(
        f"from {minute(profile.first_ms)} to {minute(profile.last_ms)} UTC, hash {profile_hash(profile)[:16]}\n"
    )
    rows = []
    for s, signal in enumerate(profile.schema.signals):
        told = reference_summary(profile, s)
        worth = f"{independent[s]:,.0f}" + (" by hour" if null.cyclic[s] else "")
        rows.append((signal.name, signal.type.value, f"{told.missing_share:.1%}", worth, _middle(told)))
    say(table(("signal", "type", "missing", "worth", "values"), rows))
    say(f"\nworth: so many independent events tell as much; below {JUDGED_FROM} a signal is not judged.")
    for sentence in (*_doubts(profile), *unstable_sentences(profile)):
        say(sentence)


def _middle(told: Summary) -> str:
    if told.mean is not None:
        return f"mean {told.mean:g}  (10 % below {told.p10}, 90 % below {told.p90})"
    return ", ".join(f"{level} {share:.1%}" for level, share in (told.top or {}).items())


def _doubts(profile: Profile) -> list[str]:
    """What this reference cannot judge, in sentences."""
    sentences = []
    judged = judged_signals(profile, JUDGED_FROM)
    null = profile.null if profile.null is not None else fit(profile)
    names = [s.name for s, ok in zip(profile.schema.signals, judged.tolist(), strict=True) if not ok]
    if names:
        missing = events_missing(profile, JUDGED_FROM)
        sentences.append(
            f"cannot judge the values of {', '.join(names)}: {missing:,} more events are needed, if all goes on so."
        )
    unseen = np.flatnonzero(~null.seen)
    if unseen.size:
        sentences.append(
            f"hours not seen, judged with more caution: {hours_in_words(unseen.tolist(), profile.cycle)}."
        )
    return sentences


def hours_in_words(buckets: list[int], cycle: Cycle) -> str:
    """Buckets of a cycle as hours, UTC.

    >>> hours_in_words([0, 1, 2, 5, *range(24, 48)], Cycle.WEEK)
    'weekdays 0-2, 5; weekends 0-23'
    """
    parts = []
    for begin, name in ((0, "weekdays " if cycle is Cycle.WEEK else ""), (24, "weekends ")):
        hours = [bucket - begin for bucket in buckets if begin <= bucket < begin + 24]
        runs: list[list[int]] = []
        for hour in hours:
            if runs and hour == runs[-1][-1] + 1:
                runs[-1][1:] = [hour]
            else:
                runs.append([hour])
        if runs:
            parts.append(name + ", ".join("-".join(map(str, run)) for run in runs))
    return "; ".join(parts)


def unstable_sentences(profile: Profile) -> list[str]:
    """That a reference is not one but two, in sentences; empty where it is stable."""
    if not profile.jumps:
        return []
    told = unstable_words([(jump.signal, jump.at_ms) for jump in profile.jumps])
    return [f"{told}. Build it from one side of that, with --from or --to."]


def schema_difference(mine: Profile, other: Profile | Schema) -> str:
    """Which signals only one side has, or has as another type, in words; empty where there are none."""
    theirs = other.schema if isinstance(other, Profile) else other
    before = {signal.name: signal.type.value for signal in mine.schema.signals}
    after = {signal.name: signal.type.value for signal in theirs.signals}
    parts = [
        ("missing", [name for name in before if name not in after]),
        ("new", [name for name in after if name not in before]),
        (
            "of another type",
            [
                f"{name} ({before[name]}, now {after[name]})"
                for name in before
                if name in after and before[name] != after[name]
            ],
        ),
    ]
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def diff(before: Path, after: Path, /, *, format: Format = "text") -> None:
    """Show how two references of a model differ, what differs most first.

    Parameters
    ----------
    before
        A reference.
    after
        Another one, of another time or version.
    format
        text or json.
    """
    old, new = read_reference(before), read_reference(after)
    rows = signal_rows(old, new)
    if format == "json":
        say_json({"schema": schema_difference(old, new), "cut": old.difference(new), "signals": rows})
        return
    columns = schema_difference(old, new)
    say(f"signals  {columns or 'the same'}")
    cut = old.difference(new)
    say(f"bins     {cut or 'the same, so they can be merged'}\n")
    cells = [(row["signal"], _figure(row["psi"]), _figure(row["js"]), row["change"]) for row in rows]
    say(table(("signal", "PSI", "JS", "change"), cells))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def signal_rows(old: Profile, new: Profile) -> list[dict[str, Any]]:
    """Each signal that both have, the one that differs most first; PSI and JS where both have the same bins."""
    same_cut = not old.difference(new)
    cumulative = np.cumsum(in_order(old.probabilities), axis=1)
    psi, js, _ = distances(new.coarse_counts if same_cut else old.coarse_counts, old, cumulative)
    rows: list[dict[str, Any]] = []
    theirs = {signal.name: index for index, signal in enumerate(new.schema.signals)}
    for s, signal in enumerate(old.schema.signals):
        other = theirs.get(signal.name)
        if other is None or new.schema.signals[other].type is not signal.type:
            continue
        told, now = reference_summary(old, s), reference_summary(new, other)
        distant = {"psi": float(psi[s]), "js": float(js[s])} if same_cut else {"psi": None, "js": None}
        same = same_cut and psi[s] < SAME_BELOW
        rows.append({"signal": signal.name, **distant, "change": "as before" if same else _change(told, now)})
    return sorted(rows, key=lambda row: (-(row["psi"] or 0.0), row["signal"]))


def _change(before: Summary, after: Summary) -> str:
    moved = abs(after.missing_share - before.missing_share) >= MISSING_CHANGED_FROM
    effect = Effect.MISSING if moved else Effect.SHIFT
    return change_in_words(Finding("", effect, "", 1.0, 1.0, NOWHERE), before, after, ())
