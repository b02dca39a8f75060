"""The small parts of the state as JSON and back. Rule: what is read back goes on exactly like what was written."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftd.detectors.base import Effect, Finding
from driftd.engine.incidents import Incident, Phase
from driftd.engine.join import EarlyLabel, Join, Pair, Segment, shared
from driftd.engine.kinds import Kind, Severity, Stage
from driftd.engine.retraining import Request, RequestPhase
from driftd.engine.stream import StreamName
from driftd.reference.arrays import array_to_json, floats_from_json, integers_from_json
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
    }


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
    )


INCIDENT_NUMBERS = ("opened_at_ms", "held_panes", "quiet_panes", "silent_panes", "open_panes", "told_signals")


def incident_to_json(incident: Incident) -> dict[str, object]:
    """An incident as an object."""
    return {
        "incident_id": incident.incident_id,
        "kind": incident.kind.value,
        "stream": incident.stream.value,
        "severity": incident.severity.value,
        "phase": incident.phase.value,
        "onset": place_to_json(incident.onset),
        "detected": place_to_json(incident.detected),
        "findings": [finding_to_json(finding) for finding in incident.findings.values()],
    } | {name: getattr(incident, name) for name in INCIDENT_NUMBERS}


def incident_from_json(document: Mapping[str, Any]) -> Incident:
    """The incident of `incident_to_json`."""
    findings = [finding_from_json(finding) for finding in document["findings"]]
    return Incident(
        document["incident_id"],
        Kind(document["kind"]),
        StreamName(document["stream"]),
        Severity(document["severity"]),
        Phase(document["phase"]),
        place_from_json(document["onset"]),
        place_from_json(document["detected"]),
        {finding.signal: finding for finding in findings},
        **{name: int(document[name]) for name in INCIDENT_NUMBERS},
    )


def request_to_json(request: Request) -> dict[str, object]:
    """A retraining request as an object."""
    return {
        "request_id": request.request_id,
        "incident_ids": list(request.incident_ids),
        "kind": request.kind.value,
        "stage": request.stage.value,
        "onset": place_to_json(request.onset),
        "detected": place_to_json(request.detected),
        "requested_at_ms": request.requested_at_ms,
        "deadline_ms": request.deadline_ms,
        "attempt": request.attempt,
        "phase": request.phase.value,
        "reason": request.reason,
    }


def request_from_json(document: Mapping[str, Any]) -> Request:
    """The request of `request_to_json`."""
    return Request(
        document["request_id"],
        tuple(document["incident_ids"]),
        Kind(document["kind"]),
        Stage(document["stage"]),
        place_from_json(document["onset"]),
        place_from_json(document["detected"]),
        document["requested_at_ms"],
        document["deadline_ms"],
        document["attempt"],
        RequestPhase(document["phase"]),
        document["reason"],
    )


def pairs_to_json(pairs: Sequence[Pair]) -> list[object]:
    """Joined pairs; scores as arrays, because JSON has no NaN."""
    return [
        [
            pair.number,
            place_to_json(pair.place),
            pair.prediction,
            None
            if pair.scores is None
            else [list(pair.scores), array_to_json(np.array(list(pair.scores.values()), np.float64))],
            pair.label,
        ]
        for pair in pairs
    ]


def pairs_from_json(document: Sequence[Any]) -> list[Pair]:
    """The pairs of `pairs_to_json`."""
    return [
        Pair(
            number,
            place_from_json(place),
            prediction,
            None
            if scores is None
            else dict(zip(scores[0], floats_from_json(scores[1]).tolist(), strict=True)),
            label,
        )
        for number, place, prediction, scores, label in document
    ]


def segment_to_json(segment: Segment) -> dict[str, object]:
    """A segment of held predictions."""
    scored = [scores for scores in segment.scores if scores is not None]
    # 1, 1.0 and true are equal, and not the same prediction
    levels = dict.fromkeys((type(value), value) for value in segment.predictions)
    code_of_level = {level: code for code, level in enumerate(levels)}
    codes = [code_of_level[type(value), value] for value in segment.predictions]
    return {
        "first": segment.first,
        "keys": array_to_json(np.array(segment.keys, np.uint64).view(np.int64)),
        "at_ms": _differences(segment.at_ms),
        "sources": array_to_json(np.array(segment.sources, np.int64)),
        "offsets": _differences(segment.offsets),
        "levels": [value for _, value in levels],
        "predictions": array_to_json(np.array(codes, np.int64)),
        "scored": [int(scores is not None) for scores in segment.scores] if scored else [],
        "scores": array_to_json(np.frombuffer(b"".join(scored)).reshape(len(scored), -1 if scored else 0)),
        "joined": array_to_json(np.frombuffer(segment.joined, np.uint8)),
    }


def _differences(numbers: Sequence[int]) -> dict[str, object]:
    """Numbers that mostly rise by little, as their differences: they need a tenth of the bytes."""
    return array_to_json(np.diff(np.array(numbers, np.int64), prepend=0))


def segment_from_json(document: Mapping[str, Any]) -> Segment:
    """The segment of `segment_to_json`."""
    keys = array("Q", integers_from_json(document["keys"]).view(np.uint64).tolist())
    scores: list[bytes | None] = [None] * len(keys)
    rows = floats_from_json(document["scores"])
    for index, row in zip([i for i, scored in enumerate(document["scored"]) if scored], rows, strict=True):
        scores[index] = row.tobytes()
    levels = [shared(level) for level in document["levels"]]
    return Segment(
        document["first"],
        keys,
        array("q", np.cumsum(integers_from_json(document["at_ms"])).tolist()),
        array("I", integers_from_json(document["sources"]).tolist()),
        array("q", np.cumsum(integers_from_json(document["offsets"])).tolist()),
        [levels[code] for code in integers_from_json(document["predictions"]).tolist()],
        scores,
        bytearray(integers_from_json(document["joined"]).astype(np.uint8).tobytes()),
    )


JOIN_NUMBERS = ("next_number", "last_released", "clock_ms")


def join_to_json(join: Join) -> dict[str, object]:
    """What the join holds beside its segments."""
    return {
        "sources": join.sources,
        "classes": join.classes,
        "early": [[key, early.label, early.at_ms] for key, early in join.early.items()],
        "ready": pairs_to_json(sorted(join.ready)),
        "segments": [segment.first for segment in join.segments],
    } | {name: getattr(join, name) for name in JOIN_NUMBERS}


def fill_join(join: Join, document: Mapping[str, Any], segments: Sequence[Segment]) -> None:
    """Put back what `join_to_json` and its segments (in order) hold into an empty join."""
    for topic, partition in document["sources"]:
        join.source_index((topic, partition))
    join.classes = tuple(document["classes"])
    join.early = {key: EarlyLabel(label, at_ms) for key, label, at_ms in document["early"]}
    join.ready = pairs_from_json(document["ready"])
    for name in JOIN_NUMBERS:
        setattr(join, name, document[name])
    join.segments.extend(segments)
    for segment in segments:
        join.segment_of_key |= dict.fromkeys(segment.keys, segment)
    join.oldest_open = segments[0].first if segments else join.next_number
