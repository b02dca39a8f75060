"""What a finding is about, how bad it is, where to go back to, and what can be one story: the tables, row by row."""

import pytest

from driftd.detectors.base import Effect, Finding
from driftd.engine.kinds import (
    LEADS,
    SEVERITIES,
    STAGES,
    STORIES_MAX,
    Kind,
    Severity,
    Stage,
    Strand,
    kind_of,
    severity_of,
    stage_of,
    strand_of,
)
from driftd.engine.sentences import ADVICE
from driftd.reference.panes import Place


def finding(signal: str = "features.a", effect: Effect = Effect.SHIFT, share: float = 0.3) -> Finding:
    return Finding(signal, effect, "distance", 2.0, share, Place(0, "predictions", 0, 0))


@pytest.mark.parametrize(
    ("signal", "effect", "inputs_moved", "kind"),
    [
        ("features.a", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("prediction", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("scores.yes", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("features.a", Effect.MISSING, False, Kind.DATA_QUALITY),
        ("features.a", Effect.UNSEEN, False, Kind.DATA_QUALITY),
        ("features.a", Effect.OUTSIDE, False, Kind.DATA_QUALITY),
        ("features.a", Effect.INVALID, False, Kind.DATA_QUALITY),
        ("error", Effect.SHIFT, False, Kind.CONCEPT_DRIFT),
        ("error", Effect.SHIFT, True, Kind.PERFORMANCE),
        ("loss", Effect.SHIFT, True, Kind.PERFORMANCE),
        ("label", Effect.SHIFT, False, Kind.DATA_DRIFT),
        ("label", Effect.UNSEEN, False, Kind.LABEL_QUALITY),
        ("latency_ms", Effect.SHIFT, False, Kind.OPERATIONS),
        ("failed", Effect.SHIFT, False, Kind.OPERATIONS),
    ],
)
def test_the_kind_of_a_finding(signal: str, effect: Effect, inputs_moved: bool, kind: Kind) -> None:
    assert kind_of(finding(signal, effect), inputs_moved) is kind


def test_each_kind_has_a_stage_a_severity_and_a_place_among_those_that_lead() -> None:
    assert set(STAGES) == set(SEVERITIES) == set(LEADS) == set(Kind)
    assert set(STORIES_MAX) == set(Strand)


def test_whatever_leads_a_story_there_is_something_to_do_first() -> None:
    broken = [finding(effect=Effect.MISSING, share=0.9)]
    reached = {(kind, stage_of(kind, found)) for kind in Kind for found in ([], broken)}
    assert reached == set(ADVICE)


@pytest.mark.parametrize(
    ("kind", "found", "stage"),
    [
        (Kind.DATA_QUALITY, finding(effect=Effect.MISSING, share=0.2), Stage.DATA),
        (Kind.DATA_QUALITY, finding(effect=Effect.MISSING, share=0.9), Stage.DEPLOYMENT),
        (Kind.DATA_QUALITY, finding(effect=Effect.OUTSIDE, share=1.0), Stage.DEPLOYMENT),
        (Kind.PERFORMANCE, finding(), Stage.DATA),
        (Kind.PERFORMANCE, finding(effect=Effect.OUTSIDE, share=1.0), Stage.DEPLOYMENT),
        (Kind.CONCEPT_DRIFT, finding("error"), Stage.MODELING),
        (Kind.LABEL_QUALITY, finding("label", Effect.UNSEEN, share=1.0), Stage.LABELS),
        (Kind.OPERATIONS, finding("latency_ms"), Stage.DEPLOYMENT),
        (Kind.OPERATIONS, finding("failed"), Stage.DEPLOYMENT),
        (Kind.SILENCE, finding("predictions", Effect.SILENCE), Stage.DEPLOYMENT),
    ],
)
def test_where_to_go_back_to(kind: Kind, found: Finding, stage: Stage) -> None:
    assert stage_of(kind, [found]) is stage


@pytest.mark.parametrize(
    ("signal", "effect", "strand"),
    [
        ("features.a", Effect.SHIFT, Strand.MODEL),
        ("error", Effect.SHIFT, Strand.MODEL),
        ("label", Effect.UNSEEN, Strand.MODEL),
        ("labels.classes_swapped", Effect.LABELS, Strand.MODEL),
        ("labels.convention_changed", Effect.LABELS, Strand.MODEL),
        ("labels.labels_stopped", Effect.LABELS, Strand.LABELS),
        ("labels.corrections_rise", Effect.LABELS, Strand.LABELS),
        ("latency_ms", Effect.BURNS, Strand.SERVICE),
        ("predictions", Effect.SILENCE, Strand.SILENCE),
    ],
)
def test_what_can_be_one_story(signal: str, effect: Effect, strand: Strand) -> None:
    found = finding(signal, effect)
    assert strand_of(kind_of(found, False), found) is strand


@pytest.mark.parametrize(
    ("share", "severity"), [(0.001, Severity.INFO), (0.05, Severity.WARNING), (0.5, Severity.CRITICAL)]
)
def test_damage_is_as_severe_as_it_is_wide(share: float, severity: Severity) -> None:
    assert severity_of(Kind.DATA_QUALITY, finding(effect=Effect.MISSING, share=share), False) is severity
