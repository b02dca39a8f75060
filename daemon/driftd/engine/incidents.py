"""The incidents of one model. Rule: a finding belongs to one story, by the rules of `_story_of`, and to no other.

What is found of a signal joins the story that has this signal. A loss of performance joins the story of the loss, else
that of the inputs or labels that it may come from. Anything else joins a story of its strand if it began before that
one was `join_panes` panes old; what begins later is another change, and a story of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftd.config import Incidents as IncidentSettings
from driftd.detectors.base import Effect, Finding
from driftd.engine.harm import Moved
from driftd.engine.identity import incident_id
from driftd.engine.incident import Cause, Incident, Part, Phase
from driftd.engine.kinds import (
    INPUT_KINDS,
    LABEL_SIGNAL,
    LOSS_SIGNALS,
    LOSSES,
    STORIES_MAX,
    Kind,
    Stage,
    kind_of,
    severity_of,
    strand_of,
)
from driftd.engine.silences import Silences
from driftd.engine.stream import Evaluation, StreamName

PAST_MAX: Final = 8
"""So many incidents that are over are remembered, to be opened again."""
PAST_KEYS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Change:
    """Something about an incident that subscribers are told. `evaluation` decided it, None where no stream did."""

    incident: Incident
    cause: Cause
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """An incident whose signals came back at `ended_ms`: if they leave again soon, it is the same one."""

    incident_id: str
    kind: Kind
    keys: tuple[str, ...]
    opened_at_ms: int
    ended_ms: int
    number: int
    reopened: int
    paged_rank: int
    paged_stage: Stage | None


class Incidents:
    """The incidents of one model: suspected and open ones, the oldest first; and some that are over."""

    def __init__(self, model: str, settings: IncidentSettings) -> None:
        self.model = model
        self.settings = settings
        self.current: list[Incident] = []
        self.past: list[Past] = []

    def open_incidents(self) -> list[Incident]:
        """The incidents that subscribers know of, the oldest first."""
        return [incident for incident in self.current if incident.phase is Phase.OPEN]

    def find(self, kind: Kind) -> Part | None:
        """The part of `kind` in the first incident that has one."""
        return next((incident.parts[kind] for incident in self.current if kind in incident.parts), None)

    def is_open(self, *kinds: Kind) -> bool:
        """Whether subscribers were told of one of `kinds`, and not yet of its end."""
        return any(incident.has(kinds) for incident in self.open_incidents())

    def moved(self, changes: Sequence[Change] = ()) -> Moved:
        """What incidents that change, and those that are open beside them, say has moved."""
        told = [*(change.incident for change in changes), *self.open_incidents()]
        inputs = any(
            finding.signal != LABEL_SIGNAL
            for one in told
            for part in one.told_parts()
            if part.kind in INPUT_KINDS
            for finding in part.findings.values()
        )
        return Moved(inputs, True if any(kind in LOSSES for one in told for kind in one.kinds) else None)

    def step(self, evaluation: Evaluation, harmless: bool = False) -> list[Change]:
        """What `evaluation` changes, in the order in which subscribers are told.

        `harmless`: the inputs' drift is to inform only, because the model does not err more.
        """
        lost = self.is_open(*LOSSES)
        spoke: dict[tuple[int, Kind], bool] = {}
        for finding in evaluation.findings:
            kind = self._kind(finding)
            incident = self._story_of(kind, finding) or self._suspect(kind, finding, evaluation)
            part = incident.parts.get(kind)
            if part is None:
                part = incident.parts[kind] = Part(kind, evaluation.stream, finding.onset)
            part.take(finding, severity_of(kind, finding, lost, harmless))
            key = (id(incident), kind)
            spoke[key] = spoke.get(key, False) or finding.weighed
        changes: list[Change] = []
        for incident in list(self.current):
            weighed = {kind: spoke[id(incident), kind] for kind in Kind if (id(incident), kind) in spoke}
            changes += self._lives(incident, weighed, evaluation)
        return changes

    def close_all(self) -> list[Change]:
        """A new version replaced the model: whatever was open is resolved, and nothing is opened again."""
        self.past = []
        return self._end(self.current, Cause.NEW_VERSION)

    def resolve(self, incidents: Sequence[Incident], now_ms: int) -> list[Change]:
        """A person resolves open `incidents`; with signals still away they are opened again, and wake nobody."""
        for incident in incidents:
            self._remember(incident, now_ms)
        return self._end(incidents, Cause.PERSON)

    def acknowledge(self, incidents: Sequence[Incident], who: str) -> list[Change]:
        """`who` is at work on `incidents`."""
        for incident in incidents:
            incident.move(Cause.ACKNOWLEDGED)
            incident.acknowledged_by = who
        return [Change(incident, Cause.ACKNOWLEDGED) for incident in incidents]

    def hush(self, silences: Silences, now_ms: int) -> list[Change]:
        """Which open incidents a silence begins to cover, or covers no longer."""
        changes: list[Change] = []
        for incident in self.open_incidents():
            silence_id = silences.covering(self.model, incident, now_ms)
            if silence_id == incident.silenced_by:
                continue
            cause = Cause.SILENCE_OVER if silence_id is None else Cause.SILENCED
            incident.silenced_by = silence_id
            incident.move(cause)
            changes.append(Change(incident, cause))
        return changes

    def _end(self, incidents: Sequence[Incident], cause: Cause) -> list[Change]:
        changes = [Change(incident, cause) for incident in incidents if incident.phase is Phase.OPEN]
        for incident in list(incidents):
            incident.move(cause)
            self.current.remove(incident)
        return changes

    def _kind(self, finding: Finding) -> Kind:
        """A loss stays of the kind that it was told as, whatever the inputs do meanwhile."""
        if finding.signal in LOSS_SIGNALS or finding.effect is Effect.DIVERGES:
            for kind in LOSSES:
                if self.find(kind) is not None:
                    return kind
        return kind_of(finding, self.is_open(*INPUT_KINDS))

    def _story_of(self, kind: Kind, finding: Finding) -> Incident | None:
        """The incident that `finding` belongs to; None where it is one of its own."""
        strand = strand_of(kind, finding)
        stories = [incident for incident in self.current if incident.strand is strand]
        for incident in stories:
            if kind in incident.parts and (kind in LOSSES or finding.key in incident.parts[kind].findings):
                return incident
        if kind in LOSSES:
            for incident in reversed(stories):
                if incident.has((*INPUT_KINDS, Kind.LABEL_QUALITY)):
                    return incident
        for incident in stories:
            if incident.phase is Phase.SUSPECTED or finding.onset.at_ms <= incident.joins_until_ms:
                return incident
        return stories[-1] if len(stories) >= STORIES_MAX[strand] else None

    def _suspect(self, kind: Kind, finding: Finding, evaluation: Evaluation) -> Incident:
        identity = incident_id(self.model, kind, finding.signal, evaluation.place)
        incident = Incident(identity, strand_of(kind, finding), Phase.SUSPECTED, evaluation.place)
        self.current.append(incident)
        return incident

    def _lives(self, incident: Incident, spoke: dict[Kind, bool], evaluation: Evaluation) -> list[Change]:
        """What `evaluation`, with findings of the kinds that `spoke`, makes of `incident`."""
        for kind, weighed in spoke.items():
            self._speaks(incident.parts[kind], weighed, evaluation)
        if any(part.is_held for part in incident.parts.values()):
            # that something has changed is known; what else is found at the same time says what
            for kind in spoke:
                incident.parts[kind].is_held = True
        if evaluation.pane_done:
            for part in list(incident.parts.values()):
                if (
                    part.stream is evaluation.stream
                    and part.kind not in spoke
                    and self._is_dropped(part, evaluation)
                ):
                    del incident.parts[part.kind]
        if spoke:
            incident.move(Cause.FINDING)
        if incident.phase is Phase.SUSPECTED:
            return self._suspected(incident, evaluation)
        if evaluation.pane_done and incident.pace is evaluation.stream:
            incident.silent_panes += 1
            self._age(incident, evaluation)
        if all(part.is_over for part in incident.told_parts()):
            incident.move(Cause.QUIET)
            self.current.remove(incident)
            self._remember(incident, evaluation.place.at_ms)
            return [Change(incident, Cause.QUIET, evaluation)]
        return self._still_open(incident, evaluation) if spoke else []

    def _speaks(self, part: Part, weighed: bool, evaluation: Evaluation) -> None:
        if part.kind in LOSSES:
            # panes and periods both tell of a loss: it is over when those say so who spoke of it last
            part.stream = evaluation.stream
        part.quiet_panes, part.is_over = 0, False
        part.held_panes += self.settings.hold_panes if weighed else 1
        part.open_panes += evaluation.pane_done and part.is_held
        part.is_held = part.is_held or part.held_panes >= self.settings.hold_panes

    def _is_dropped(self, part: Part, evaluation: Evaluation) -> bool:
        """Count the quiet of `part`; whether it is dropped, because it never held."""
        if not part.is_held:
            return True
        part.open_panes += 1
        if not (evaluation.elevated and part.kind in LOSSES):
            part.quiet_panes += 1
        # one event that comes ends a silence, and what periods tell is weighed over many: it needs no time to show
        at_once = part.kind is Kind.SILENCE or part.stream is StreamName.PERIODS
        part.is_over = part.quiet_panes >= (1 if at_once else self.settings.keep_open_panes)
        return False

    def _suspected(self, incident: Incident, evaluation: Evaluation) -> list[Change]:
        if not incident.parts:
            incident.move(Cause.QUIET)
            self.current.remove(incident)
            return []
        if not any(part.is_held for part in incident.parts.values()):
            return []
        place = evaluation.place
        incident.detected, incident.opened_at_ms = place, place.at_ms
        incident.joins_until_ms = place.at_ms
        past = self._past_of(incident, place.at_ms)
        cause = Cause.HELD if past is None else Cause.REOPENED
        if past is not None:
            self.past.remove(past)
            incident.incident_id, incident.opened_at_ms = past.incident_id, past.opened_at_ms
            incident.number, incident.reopened = past.number, past.reopened + 1
            incident.paged_rank, incident.paged_stage = past.paged_rank, past.paged_stage
        return [self._tell(incident, cause, evaluation)]

    def _age(self, incident: Incident, evaluation: Evaluation) -> None:
        if incident.young_panes < self.settings.join_panes:
            incident.young_panes += 1
            incident.joins_until_ms = evaluation.place.at_ms

    def _still_open(self, incident: Incident, evaluation: Evaluation) -> list[Change]:
        joined = len(incident.findings) > incident.told_signals
        # what says itself what is the matter is not waited for
        explained = incident.claims > incident.told_claims
        if incident.worst().rank > incident.severity.rank:
            cause = Cause.SEVERITY_RAISED
        elif incident.kind is not incident.told_kind:
            cause = Cause.KIND_CHANGED
        elif explained or (joined and incident.silent_panes >= self.settings.keep_open_panes):
            cause = Cause.SIGNALS_JOINED
        elif incident.silent_panes >= self.settings.update_panes:
            cause = Cause.STILL_OPEN
        else:
            return []
        return [self._tell(incident, cause, evaluation)]

    def _tell(self, incident: Incident, cause: Cause, evaluation: Evaluation) -> Change:
        incident.move(cause)
        incident.silent_panes, incident.told_signals = 0, len(incident.findings)
        incident.told_claims = incident.claims
        incident.told_kind, worst = incident.kind, incident.worst()
        incident.severity = max(incident.severity, worst, key=lambda severity: severity.rank)
        return Change(incident, cause, evaluation)

    def _remember(self, incident: Incident, now_ms: int) -> None:
        keys = tuple(finding.key for finding in incident.findings[:PAST_KEYS_MAX])
        past = Past(
            incident.incident_id, incident.kind, keys, incident.opened_at_ms, now_ms,
            incident.number + 1, incident.reopened, incident.paged_rank, incident.paged_stage,
        )  # fmt: skip
        self.past = [*self.past, past][-PAST_MAX:]

    def _past_of(self, incident: Incident, now_ms: int) -> Past | None:
        """The latest incident that `incident` is again: it was led by the same kind, and had one of its signals."""
        keys = {finding.key for finding in incident.findings}
        for past in reversed(self.past):
            is_recent = now_ms - past.ended_ms <= self.settings.reopen_ms
            if is_recent and past.kind is incident.kind and keys & set(past.keys):
                return past
        return None
