"""What a finding is about, how bad it is, and where to go back to. Rule: these tables and nothing else decide it.

Findings of one strand can be of one story: what goes into the model, what comes out and whether that is right; how its
labels come; how it is served; what does not come at all. LEADS says which kind a story is called by.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from driftd.detectors.base import Effect, Finding
from driftd.labelling.finding import What


class Kind(StrEnum):
    """The kinds of incident."""

    DATA_DRIFT = "data_drift"
    CONCEPT_DRIFT = "concept_drift"
    PERFORMANCE = "performance"
    DATA_QUALITY = "data_quality"
    LABEL_QUALITY = "label_quality"
    OPERATIONS = "operations"
    SILENCE = "silence"


class Severity(StrEnum):
    """How urgent an incident is, in rising order."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least urgent."""
        return list(Severity).index(self)


class Stage(StrEnum):
    """The stage of the life cycle to go back to."""

    DATA = "data"
    LABELS = "labels"
    MODELING = "modeling"
    DEPLOYMENT = "deployment"


class Strand(StrEnum):
    """What can be one story."""

    MODEL = "model"
    LABELS = "labels"
    SERVICE = "service"
    SILENCE = "silence"


STORIES_MAX: Final[Mapping[Strand, int]] = {
    Strand.MODEL: 3,
    Strand.LABELS: 1,
    Strand.SERVICE: 1,
    Strand.SILENCE: 1,
}
"""So many stories of a strand may be open at a time; what comes beside them joins the latest."""

LEADS: Final = (
    Kind.LABEL_QUALITY,
    Kind.PERFORMANCE,
    Kind.CONCEPT_DRIFT,
    Kind.DATA_QUALITY,
    Kind.DATA_DRIFT,
    Kind.OPERATIONS,
    Kind.SILENCE,
)
"""Of a story's kinds the first of these leads: labels that are wrong make a right model look wrong, a loss is what
drift has come to, and a damage explains the drift that it looks like."""

LOSSES: Final = (Kind.PERFORMANCE, Kind.CONCEPT_DRIFT)
"""The two kinds that tell of a loss of performance; one loss is one of them, never both."""
INPUT_KINDS: Final = (Kind.DATA_QUALITY, Kind.DATA_DRIFT)

STAGES: Final[Mapping[Kind, Stage]] = {
    Kind.DATA_DRIFT: Stage.DATA,
    Kind.CONCEPT_DRIFT: Stage.MODELING,
    Kind.PERFORMANCE: Stage.DATA,
    Kind.DATA_QUALITY: Stage.DATA,
    Kind.LABEL_QUALITY: Stage.LABELS,
    Kind.OPERATIONS: Stage.DEPLOYMENT,
    Kind.SILENCE: Stage.DEPLOYMENT,
}
"""`performance` is a loss while the inputs moved too, so new data is what is missing; `concept_drift` is a loss
while the inputs stayed, so the same inputs want another model."""

BROKEN_STAGES: Final[Mapping[Kind, Stage]] = {
    Kind.PERFORMANCE: Stage.DEPLOYMENT,
    Kind.DATA_QUALITY: Stage.DEPLOYMENT,
}
"""Where to go back to instead when an input is broken in half of the events and more: what feeds the model in
production is, and no new data helps."""

SEVERITIES: Final[Mapping[Kind, Severity]] = {
    Kind.DATA_DRIFT: Severity.WARNING,
    Kind.CONCEPT_DRIFT: Severity.CRITICAL,
    Kind.PERFORMANCE: Severity.CRITICAL,
    Kind.DATA_QUALITY: Severity.WARNING,
    Kind.LABEL_QUALITY: Severity.WARNING,
    Kind.OPERATIONS: Severity.WARNING,
    Kind.SILENCE: Severity.WARNING,
}

QUALITY_INFO_BELOW: Final = 0.01
QUALITY_CRITICAL_FROM: Final = 0.5
"""Bad values in fewer than 1 % of the events inform, in half of them and more are critical."""

QUALITY_EFFECTS: Final = frozenset({Effect.MISSING, Effect.UNSEEN, Effect.OUTSIDE, Effect.INVALID})
OPERATIONS_EFFECTS: Final = frozenset({Effect.RATE, Effect.BURNS, Effect.BURNS_FAST})
OPERATIONS_SIGNALS: Final = frozenset({"latency_ms", "failed"})
LOSS_SIGNALS: Final = frozenset({"error", "loss"})
LABEL_SIGNAL: Final = "label"
WRONG_LABELS: Final = frozenset(
    f"labels.{what.value}"
    for what in (What.CLASSES_SWAPPED, What.CLASS_RENAMED, What.CLASSES_MERGED, What.ANNOTATOR_DRIFTS)
)
"""What is found of labels that makes right predictions look wrong."""
EXPLAIN_LOSSES: Final = WRONG_LABELS | {f"labels.{What.CONVENTION_CHANGED.value}", LABEL_SIGNAL}
"""What is found of labels that is of one story with a loss."""


def kind_of(finding: Finding, inputs_moved: bool) -> Kind:
    """The kind of incident that `finding` belongs to; `inputs_moved`: the inputs have an incident of their own."""
    if finding.effect is Effect.SILENCE:
        return Kind.SILENCE
    if finding.effect in OPERATIONS_EFFECTS:
        return Kind.OPERATIONS
    if finding.effect is Effect.LABELS:
        return Kind.LABEL_QUALITY
    if finding.effect is Effect.DIVERGES:
        return Kind.CONCEPT_DRIFT
    if finding.signal in LOSS_SIGNALS:
        return Kind.PERFORMANCE if inputs_moved else Kind.CONCEPT_DRIFT
    if finding.signal == LABEL_SIGNAL:
        # other answers have become frequent: that is the world; labels of another kind are the labelling
        return Kind.LABEL_QUALITY if finding.effect in QUALITY_EFFECTS else Kind.DATA_DRIFT
    if finding.signal in OPERATIONS_SIGNALS:
        return Kind.OPERATIONS
    return Kind.DATA_QUALITY if finding.effect in QUALITY_EFFECTS else Kind.DATA_DRIFT


def severity_of(kind: Kind, finding: Finding, performance_lost: bool, harmless: bool = False) -> Severity:
    """How urgent `finding` makes its incident. Drift of the data is critical once performance is lost too.

    `harmless`: drift that does no harm, as far as is known, and of which its user wants to be informed only.
    """
    if kind is Kind.DATA_QUALITY:
        if finding.share < QUALITY_INFO_BELOW:
            return Severity.INFO
        return Severity.CRITICAL if finding.share >= QUALITY_CRITICAL_FROM else Severity.WARNING
    if finding.effect is Effect.BURNS_FAST:
        return Severity.CRITICAL
    if kind is Kind.DATA_DRIFT and performance_lost:
        return Severity.CRITICAL
    if kind is Kind.DATA_DRIFT and harmless:
        return Severity.INFO
    return SEVERITIES[kind]


def strand_of(kind: Kind, finding: Finding) -> Strand:
    """The strand that `finding`, of `kind`, belongs to."""
    if kind is Kind.LABEL_QUALITY:
        return Strand.MODEL if finding.signal in EXPLAIN_LOSSES else Strand.LABELS
    if kind is Kind.OPERATIONS:
        return Strand.SERVICE
    return Strand.SILENCE if kind is Kind.SILENCE else Strand.MODEL


def is_broken(finding: Finding) -> bool:
    """Whether `finding` says that an input is no good in half of the events and more."""
    return finding.effect in QUALITY_EFFECTS and finding.share >= QUALITY_CRITICAL_FROM


def stage_of(kind: Kind, findings: Iterable[Finding]) -> Stage:
    """Where to go back to in a story that `kind` leads and that has `findings`."""
    if kind in BROKEN_STAGES and any(f.signal != LABEL_SIGNAL and is_broken(f) for f in findings):
        return BROKEN_STAGES[kind]
    return STAGES[kind]
