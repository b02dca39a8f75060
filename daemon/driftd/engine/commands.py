"""What people and pipelines say to driftd. Rule: a word that cannot be followed is given back as rejected.

Commands are followed in the order of the log, like all else that comes in: a replay follows them again.
"""

from collections.abc import Callable, Iterable, Mapping

from driftd.contract.events_in import Command, Deployment, RetrainingReply
from driftd.contract.rejection import RejectionReason
from driftd.decode.rejections import Rejection
from driftd.engine.incident import Incident
from driftd.engine.monitor import Monitor
from driftd.engine.outputs import OutputEvent
from driftd.engine.request import RequestPhase, Step
from driftd.engine.silence_telling import silence_begun, silence_ended
from driftd.engine.silences import SILENCES_MAX, Silences, kind_named, silence_of
from driftd.reference.panes import Place

NAMED_MAX = 5


class Refused(Exception):
    """A command that cannot be followed: `reason` is one of the fixed set, the message says what would be right."""

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def take_reply(
    reply: RetrainingReply, place: Place, monitors: Iterable[Monitor]
) -> tuple[list[OutputEvent], Rejection | None]:
    """Hand `reply` to the model whose request it answers; what is told, or the rejection where it cannot be taken."""
    why = f"no model has a request {reply.request_id}; `driftd tail retraining` shows those there are"
    for monitor in monitors:
        if not monitor.retraining.knows(reply.request_id):
            continue
        told = monitor.life.reply(reply, Step(reply.status), place)
        if told is not None:
            return told, None
        phase = monitor.retraining.phase_of(reply.request_id)
        why = f"request {reply.request_id} of model {monitor.name} is {phase}, so it cannot be {reply.status}"
    return [], Rejection(0, RejectionReason.UNKNOWN_REQUEST, why, None)


def deploy(event: Deployment, place: Place, monitor: Monitor) -> tuple[list[OutputEvent], Rejection | None]:
    """Let the version of `event` run; what is told, and the rejection of what of it cannot be taken.

    One that names a request that is not in flight is out all the same: its request is refused, not the deployment.
    """
    refused = None
    request_id = event.request_id
    request = monitor.retraining.current
    if request_id is not None and (request is None or request.request_id != request_id):
        phase = monitor.retraining.phase_of(request_id)
        why = "is none of this model" if phase is None else f"is {phase.value}"
        detail = f"version {event.model_version} runs now, but request {request_id} {why}: it answers none"
        if phase is not RequestPhase.VERIFIED or monitor.version != event.model_version:
            refused = Rejection(0, RejectionReason.UNKNOWN_REQUEST, detail, event.model)
    if monitor.version == event.model_version:
        return [], refused
    if event.model_version in monitor.past_versions and event.at_ms <= monitor.deployed_at_ms:
        detail = (
            f"version {event.model_version} was replaced by version {monitor.version}, which was deployed later, at "
            f"{monitor.deployed_at_ms}; to go back to it, deploy it with the time of that"
        )
        return [], Rejection(0, RejectionReason.STALE_DEPLOYMENT, detail, event.model)
    return monitor.deploy(event.model_version, place), refused


def obey(
    command: Command, place: Place, monitors: Mapping[str, Monitor], silences: Silences, now_ms: int
) -> tuple[list[OutputEvent], Rejection | None]:
    """Follow `command`; what is to be told of it, and the rejection where it cannot be followed."""
    try:
        if command.action in ("silence", "maintenance"):
            return _silence(command, place, monitors, silences, now_ms), None
        if command.action == "expire":
            return _expire(command, place, monitors, silences), None
        return _obey_model(command, place, _named(command, monitors)), None
    except Refused as refusal:
        return [], Rejection(0, refusal.reason, str(refusal), command.model)


def _silence(
    command: Command, place: Place, monitors: Mapping[str, Monitor], silences: Silences, now_ms: int
) -> list[OutputEvent]:
    if len(silences.by_id) >= SILENCES_MAX:
        raise Refused(RejectionReason.OUT_OF_RANGE, f"there are {SILENCES_MAX} silences already; expire some")
    try:
        one = silence_of(command, place, now_ms)
    except ValueError as error:
        raise Refused(RejectionReason.OUT_OF_RANGE, str(error)) from None
    silences.by_id[one.silence_id] = one
    return [silence_begun(one, place), *_hushed(monitors, place)]


def _expire(
    command: Command, place: Place, monitors: Mapping[str, Monitor], silences: Silences
) -> list[OutputEvent]:
    one = silences.by_id.pop(command.silence_id or "", None)
    if one is None:
        known = ", ".join(list(silences.by_id)[:NAMED_MAX]) or "none"
        raise Refused(
            RejectionReason.OUT_OF_RANGE,
            f"there is no silence {command.silence_id!r}; those that hold: {known}",
        )
    return [silence_ended(one, place), *_hushed(monitors, place)]


def _hushed(monitors: Mapping[str, Monitor], place: Place) -> list[OutputEvent]:
    return [event for name in sorted(monitors) for event in monitors[name].life.hush(place)]


def _named(command: Command, monitors: Mapping[str, Monitor]) -> Monitor:
    """The model that `command` is about: by its name, or by its incident."""
    if command.model is None and command.incident_id is not None:
        for monitor in monitors.values():
            if any(one.incident_id == command.incident_id for one in monitor.incidents.open_incidents()):
                return monitor
        raise Refused(RejectionReason.OUT_OF_RANGE, f"no incident {command.incident_id} is open")
    named = monitors.get(command.model or "")
    if named is None:
        raise Refused(
            RejectionReason.UNKNOWN_MODEL,
            f"model {command.model!r} is not known; a command names the model, or the incident, that it is about",
        )
    return named


def _obey_model(command: Command, place: Place, monitor: Monitor) -> list[OutputEvent]:
    if command.action == "reset":
        return monitor.reset(place)
    meant = _meant(command, monitor)
    follow: Callable[[list[Incident]], list[OutputEvent]] = (
        (lambda incidents: monitor.resolve(incidents, place))
        if command.action == "resolve"
        else (lambda incidents: monitor.life.acknowledge(incidents, command.who, place))
    )
    return follow(meant)


def _meant(command: Command, monitor: Monitor) -> list[Incident]:
    try:
        kind = None if command.kind is None else kind_named(command.kind)
    except ValueError as error:
        raise Refused(RejectionReason.OUT_OF_RANGE, str(error)) from None
    open_now = monitor.incidents.open_incidents()
    meant = [
        incident
        for incident in open_now
        if command.incident_id in (None, incident.incident_id) and (kind is None or kind in incident.kinds)
    ]
    if not meant:
        known = ", ".join(f"{one.incident_id} ({one.kind.value})" for one in open_now[:NAMED_MAX]) or "none"
        raise Refused(
            RejectionReason.OUT_OF_RANGE,
            f"no open incident of {monitor.name} is meant by this; open are: {known}",
        )
    return meant
