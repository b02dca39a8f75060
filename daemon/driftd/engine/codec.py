"""The small parts of the state as JSON and back. Rule: what is read back goes on exactly like what was written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from driftd.detectors.base import Claim, Effect, Finding
from driftd.reference.arrays import array_to_json, integers_from_json
from driftd.reference.panes import Pane, PaneCounter, Place


def place_to_json(place: Place) -> list[object]:
    """[at_ms, topic, partition, offset]."""
    return [place.at_ms, place.topic, place.partition, place.offset]


def place_from_json(document: Sequence[Any]) -> Place:
    """The place of [at_ms, topic, partition, offset]."""
    at_ms, topic, partition, offset = document
    return Place(at_ms, topic, partition, offset)


def panes_to_json(panes: Sequence[Pane]) -> dict[str, object]:
    """Panes of equal signals; an empty sequence is an empty object."""
    if not panes:
        return {}
    return {
        "first": [place_to_json(pane.first) for pane in panes],
        "last": [place_to_json(pane.last) for pane in panes],
        "events": [pane.events for pane in panes],
        "counts": array_to_json(np.array([pane.counts for pane in panes])),
        "sums": array_to_json(np.array([pane.sums for pane in panes])),
    }


def panes_from_json(document: Mapping[str, Any]) -> list[Pane]:
    """The panes of `panes_to_json`."""
    if not document:
        return []
    counts, sums = integers_from_json(document["counts"]), integers_from_json(document["sums"])
    return [
        Pane(place_from_json(first), place_from_json(last), events, counts[i], sums[i])
        for i, (first, last, events) in enumerate(
            zip(document["first"], document["last"], document["events"], strict=True)
        )
    ]


def counter_to_json(counter: PaneCounter) -> dict[str, object]:
    """The unfinished pane; an empty one is an empty object."""
    if counter.first is None or counter.last is None:
        return {}
    return panes_to_json([Pane(counter.first, counter.last, counter.events, counter.counts, counter.sums)])


def fill_counter(counter: PaneCounter, document: Mapping[str, Any]) -> None:
    """Put the unfinished pane of `counter_to_json` back into an empty counter."""
    for pane in panes_from_json(document):
        counter.first, counter.last, counter.events = pane.first, pane.last, pane.events
        counter.counts, counter.sums = pane.counts.copy(), pane.sums.copy()


def finding_to_json(finding: Finding) -> dict[str, object]:
    """A finding as an object."""
    return {
        "signal": finding.signal,
        "effect": finding.effect.value,
        "detector": finding.detector,
        "strength": finding.strength,
        "share": finding.share,
        "onset": place_to_json(finding.onset),
        "recent_mean": finding.recent_mean,
        "weighed": finding.weighed,
        "words": finding.words,
    } | ({} if finding.claim is None else {"claim": asdict(finding.claim)})


def finding_from_json(document: Mapping[str, Any]) -> Finding:
    """The finding of `finding_to_json`."""
    return Finding(
        document["signal"],
        Effect(document["effect"]),
        document["detector"],
        float(document["strength"]),
        float(document["share"]),
        place_from_json(document["onset"]),
        document["recent_mean"],
        bool(document["weighed"]),
        document["words"],
        claim_from_json(document.get("claim")),
    )


def claim_from_json(document: Mapping[str, Any] | None) -> Claim | None:
    """The claim of a finding, None where it has none."""
    if document is None:
        return None
    own = dict(document)
    return Claim(own.pop("sentence"), tuple(own.pop("parties")), **own)
