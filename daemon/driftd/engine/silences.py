"""Silences and maintenance windows. Rule: they change who is woken, never what is found.

A silenced incident lives on as it would, and its alerts say by which silence nobody is woken. During maintenance no
retraining is asked for either. Both hold from a time to a time, of the events' own clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from driftd.contract.events_in import Command
from driftd.engine.identity import derived_id
from driftd.engine.incident import Incident
from driftd.engine.kinds import Kind
from driftd.reference.cycle import DAY_MS
from driftd.reference.panes import Place

SILENCES_MAX: Final = 1_000
LONGEST_MS: Final = 90 * DAY_MS
"""Who wants to hear nothing for longer than that should change the configuration, where others see it."""
SIGNALS_MAX: Final = 100
BRACKETS: Final = frozenset("[]")


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence, or with `maintenance` one maintenance window; `model` and `signals` are patterns with * and ?."""

    silence_id: str
    maintenance: bool
    model: str
    kind: Kind | None
    signals: tuple[str, ...]
    incident_id: str | None
    from_ms: int
    until_ms: int
    who: str
    why: str | None

    def holds(self, model: str, now_ms: int) -> bool:
        """Whether it is about `model`, now."""
        return self.from_ms <= now_ms < self.until_ms and fnmatchcase(model, self.model)

    def covers(self, incident: Incident) -> bool:
        """Whether it is about `incident` of such a model: by its id, its leading kind, and all of its signals."""
        return (
            self.incident_id in (None, incident.incident_id)
            and self.kind in (None, incident.kind)
            and all(
                any(fnmatchcase(finding.signal, pattern) for pattern in self.signals)
                for finding in (incident.findings if self.signals else ())
            )
        )


class Silences:
    """All silences of a shard by id, the oldest first."""

    def __init__(self) -> None:
        self.by_id: dict[str, Silence] = {}

    def covering(self, model: str, incident: Incident, now_ms: int) -> str | None:
        """The id of the first silence that covers `incident` of `model`, None where none does."""
        return next(
            (
                one.silence_id
                for one in self.by_id.values()
                if one.holds(model, now_ms) and one.covers(incident)
            ),
            None,
        )

    def is_maintained(self, model: str, now_ms: int) -> bool:
        """Whether `model` is in maintenance."""
        return any(one.maintenance and one.holds(model, now_ms) for one in self.by_id.values())

    def over(self, now_ms: int) -> list[Silence]:
        """Forget the silences whose time is over; which they are."""
        ended = [one for one in self.by_id.values() if one.until_ms <= now_ms]
        for one in ended:
            del self.by_id[one.silence_id]
        return ended

    def to_json(self) -> dict[str, object]:
        """All of them as an object."""
        return {"silences": [asdict(one) | {"signals": list(one.signals)} for one in self.by_id.values()]}

    def fill(self, document: Mapping[str, Any]) -> None:
        """Put those of `to_json` back."""
        for own in document["silences"]:
            kind = None if own["kind"] is None else Kind(own["kind"])
            one = Silence(**{**own, "kind": kind, "signals": tuple(own["signals"])})
            self.by_id[one.silence_id] = one


def silence_of(command: Command, place: Place, now_ms: int) -> Silence:
    """The silence, or maintenance, that `command` asks for.

    Raises ValueError, which says what is wrong with it and what would be right.
    """
    from_ms = command.at_ms if command.from_ms is None else command.from_ms
    if command.until_ms is None:
        raise ValueError(f"a {command.action} needs until_ms, the time when it ends")
    if command.until_ms <= max(now_ms, command.at_ms):
        raise ValueError(
            f"until_ms ({command.until_ms}) lies in the past: it is {max(now_ms, command.at_ms)} now"
        )
    if command.until_ms <= from_ms:
        raise ValueError(f"until_ms ({command.until_ms}) is not after from_ms ({from_ms})")
    if command.until_ms - from_ms > LONGEST_MS or from_ms - command.at_ms > LONGEST_MS:
        raise ValueError(
            f"a {command.action} begins and ends within {LONGEST_MS // DAY_MS} days; what nobody wants to hear of for "
            "longer is switched off in the configuration"
        )
    model = _pattern("model", "*" if command.model is None else command.model)
    signals: Sequence[str] = command.signals or ()
    if command.action == "maintenance" and (signals or command.kind or command.incident_id):
        raise ValueError(
            "maintenance is of a whole model; a silence may be of kinds, signals, or an incident"
        )
    if len(signals) > SIGNALS_MAX:
        raise ValueError(f"a silence has {SIGNALS_MAX} patterns of signals at most, not {len(signals)}")
    return Silence(
        derived_id("sil", command.action, place.topic, place.partition, place.offset),
        command.action == "maintenance",
        model,
        None if command.kind is None else kind_named(command.kind),
        tuple(_pattern("signals", signal) for signal in signals),
        command.incident_id,
        from_ms,
        command.until_ms,
        command.who,
        command.why,
    )


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises ValueError, which lists the kinds."""
    try:
        return Kind(name)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise ValueError(f"there is no kind {name!r}; kinds are {known}") from None


def _pattern(field: str, pattern: str) -> str:
    if BRACKETS & set(pattern):
        raise ValueError(
            f"{field}: {pattern!r} is no pattern; only * (any characters) and ? (one) are special"
        )
    return pattern
