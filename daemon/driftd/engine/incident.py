"""An incident's life. Rule: every change of an incident's phase is a row of TRANSITIONS; nothing else changes it.

An incident is one story: it has a part for each kind of finding in it, and what leads it, how bad it is and where to
go back to follow from its parts. It is over when all of its parts are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from driftd.detectors.base import Finding
from driftd.engine.kinds import LEADS, LOSSES, Kind, Severity, Stage, Strand, stage_of
from driftd.engine.stream import StreamName
from driftd.reference.panes import Place

NOBODY_PAGED: Final = -1


class Phase(StrEnum):
    """Where an incident is in its life."""

    SUSPECTED = "suspected"
    """Findings came, but have not held yet; nobody was told."""
    OPEN = "open"
    """Subscribers were told."""
    RESOLVED = "resolved"
    """The signals came back, a new version replaced the model, or a person said so."""


class Cause(StrEnum):
    """Why an incident changed, as its alert says."""

    FINDING = "finding"
    HELD = "held"
    REOPENED = "reopened"
    SEVERITY_RAISED = "severity_raised"
    KIND_CHANGED = "kind_changed"
    SIGNALS_JOINED = "signals_joined"
    STILL_OPEN = "still_open"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    SILENCE_OVER = "silence_over"
    QUIET = "quiet"
    NEW_VERSION = "new_version"
    PERSON = "person"


class IllegalTransition(Exception):
    """A change of phase that TRANSITIONS does not have: a bug of driftd."""


TRANSITIONS: Final[Mapping[tuple[Phase, Cause], Phase]] = {
    (Phase.SUSPECTED, Cause.FINDING): Phase.SUSPECTED,
    (Phase.SUSPECTED, Cause.HELD): Phase.OPEN,
    (Phase.SUSPECTED, Cause.REOPENED): Phase.OPEN,
    (Phase.SUSPECTED, Cause.QUIET): Phase.RESOLVED,
    (Phase.SUSPECTED, Cause.NEW_VERSION): Phase.RESOLVED,
    (Phase.OPEN, Cause.FINDING): Phase.OPEN,
    (Phase.OPEN, Cause.SEVERITY_RAISED): Phase.OPEN,
    (Phase.OPEN, Cause.KIND_CHANGED): Phase.OPEN,
    (Phase.OPEN, Cause.SIGNALS_JOINED): Phase.OPEN,
    (Phase.OPEN, Cause.STILL_OPEN): Phase.OPEN,
    (Phase.OPEN, Cause.ACKNOWLEDGED): Phase.OPEN,
    (Phase.OPEN, Cause.SILENCED): Phase.OPEN,
    (Phase.OPEN, Cause.SILENCE_OVER): Phase.OPEN,
    (Phase.OPEN, Cause.QUIET): Phase.RESOLVED,
    (Phase.OPEN, Cause.NEW_VERSION): Phase.RESOLVED,
    (Phase.OPEN, Cause.PERSON): Phase.RESOLVED,
}


def next_phase(phase: Phase, cause: Cause) -> Phase:
    """The phase after `cause`. Raises IllegalTransition, and changes nothing, where the table has no row."""
    try:
        return TRANSITIONS[phase, cause]
    except KeyError:
        raise IllegalTransition(f"no incident can go on from {phase} by {cause}") from None


@dataclass(slots=True)
class Part:
    """What findings of one kind say in a story.

    `findings` holds the strongest finding per key (its signal, mostly). `stream` is the one that spoke of it last, and
    whose quiet ends it. `held_panes` counts panes with findings, `quiet_panes` panes without since the last one,
    `open_panes` panes since it has held.
    """

    kind: Kind
    stream: StreamName
    onset: Place
    severity: Severity = Severity.INFO
    findings: dict[str, Finding] = field(default_factory=dict)
    is_held: bool = False
    is_over: bool = False
    held_panes: int = 0
    quiet_panes: int = 0
    open_panes: int = 0

    def take(self, finding: Finding, severity: Severity) -> None:
        """Let `finding` join: the strongest of each signal is kept, and the earliest onset."""
        known = self.findings.get(finding.key)
        if known is None or finding.strength > known.strength:
            self.findings[finding.key] = finding
        # what ticks tell is since the begin of a window, which says less than what is there already
        if finding.onset.at_ms < self.onset.at_ms and not finding.words:
            self.onset = finding.onset
        if severity.rank > self.severity.rank:
            self.severity = severity


@dataclass(slots=True)
class Incident:
    """One change in one model's life.

    `silent_panes` counts panes since subscribers heard of it, `young_panes` those since it opened, up to the bound
    within which a change can still be of the same story: one whose onset is before `joins_until_ms`. What subscribers
    heard last is in `severity`, `told_kind`, `told_signals` and `told_claims`; `number` counts their alerts.
    `paged_rank` is the rank of the severity at which somebody was woken, `paged_stage` for what stage. `opened_at_ms`
    stays what it was when the incident is opened again.
    """

    incident_id: str
    strand: Strand
    phase: Phase
    detected: Place
    parts: dict[Kind, Part] = field(default_factory=dict)
    severity: Severity = Severity.INFO
    told_kind: Kind | None = None
    told_signals: int = 0
    told_claims: int = 0
    opened_at_ms: int = 0
    silent_panes: int = 0
    young_panes: int = 0
    joins_until_ms: int = 0
    number: int = 0
    reopened: int = 0
    paged_rank: int = NOBODY_PAGED
    paged_stage: Stage | None = None
    acknowledged_by: str | None = None
    silenced_by: str | None = None

    def move(self, cause: Cause) -> None:
        """Go on to the next phase by `cause`; raises IllegalTransition."""
        self.phase = next_phase(self.phase, cause)

    def told_parts(self) -> list[Part]:
        """The parts that have held, the leading one first; while none has, all of them."""
        held = [part for part in self.parts.values() if part.is_held]
        return sorted(held or self.parts.values(), key=lambda part: LEADS.index(part.kind))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of the story, the leading one first."""
        return tuple(part.kind for part in self.told_parts())

    @property
    def kind(self) -> Kind:
        """The kind that leads the story."""
        return self.kinds[0]

    @property
    def stage(self) -> Stage:
        """Where to go back to."""
        return stage_of(self.kind, self.findings)

    @property
    def findings(self) -> list[Finding]:
        """The findings of the story, those of the leading kind first, and of a kind the strongest."""
        return [
            finding
            for part in self.told_parts()
            for finding in sorted(
                part.findings.values(), key=lambda finding: (-finding.strength, finding.key)
            )
        ]

    @property
    def claims(self) -> int:
        """How many of its findings say themselves what is wrong."""
        return sum(finding.claim is not None or bool(finding.words) for finding in self.findings)

    @property
    def onset(self) -> Place:
        """Where the change began: periods, which are long, only tell it where nothing else does."""
        parts = self.told_parts()
        fine = [part for part in parts if part.stream is not StreamName.PERIODS]
        return min((part.onset for part in fine or parts), key=lambda onset: onset.at_ms)

    @property
    def asks_since(self) -> Place:
        """Since when there is data to train on: since the model errs more, if it does, not since its inputs moved."""
        losses = [part.onset for part in self.told_parts() if part.kind in LOSSES]
        return min(losses or [self.onset], key=lambda onset: onset.at_ms)

    @property
    def pace(self) -> StreamName:
        """The stream whose panes are counted: the inputs, where they are in it."""
        streams = [part.stream for part in self.parts.values()]
        return StreamName.INPUTS if StreamName.INPUTS in streams else streams[0]

    def worst(self) -> Severity:
        """The severity that its parts give it: damage or drift is critical once performance is lost."""
        return max((part.severity for part in self.told_parts()), key=lambda severity: severity.rank)

    def has(self, kinds: tuple[Kind, ...]) -> bool:
        """Whether one of `kinds` has held in it."""
        return any(part.is_held and part.kind in kinds for part in self.parts.values())

    def wakes(self, cause: Cause) -> bool:
        """Whether the alert by `cause` wakes somebody; from then on it is known for what somebody was woken.

        Somebody is again if it is more severe, or there is another stage to go back to: other people, mostly.
        """
        is_news = self.severity.rank > self.paged_rank or self.stage is not self.paged_stage
        if not is_news or self.severity is Severity.INFO or self.phase is not Phase.OPEN:
            return False
        if self.silenced_by is not None or cause is Cause.ACKNOWLEDGED:
            return False
        self.paged_rank, self.paged_stage = max(self.severity.rank, self.paged_rank), self.stage
        return True
