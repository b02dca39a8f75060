"""What people and pipelines say to driftd. Rule: a word that cannot be followed is given back as rejected."""

from collections.abc import Iterable, Mapping

from driftd.contract.events_in import Command, RetrainingReply
from driftd.contract.rejection import RejectionReason
from driftd.decode.rejections import Rejection
from driftd.engine.kinds import Kind
from driftd.engine.monitor import Monitor
from driftd.engine.outputs import OutputEvent
from driftd.engine.retraining import Step
from driftd.reference.panes import Place


def take_reply(reply: RetrainingReply, monitors: Iterable[Monitor]) -> Rejection | None:
    """Hand `reply` to the model whose request it answers; the rejection where there is none, or it comes too late."""
    for monitor in monitors:
        if monitor.retraining.reply(reply.request_id, Step(reply.status), reply.reason):
            monitor.count(f"retraining_{reply.status}", 1)
            return None
    detail = f"no request {reply.request_id} is in flight that could be {reply.status}"
    return Rejection(0, RejectionReason.UNKNOWN_REQUEST, detail, None)


def obey(
    command: Command, place: Place, monitors: Mapping[str, Monitor]
) -> tuple[list[OutputEvent], Rejection | None]:
    """Follow `command`; what is to be told of it, and the rejection where it cannot be followed."""
    monitor = monitors.get(command.model or "")
    if monitor is None:
        detail = f"model {command.model!r} is not known; a command names the model that it is about"
        return [], Rejection(0, RejectionReason.UNKNOWN_MODEL, detail, command.model)
    if command.action == "reset":
        return monitor.reset(place), None
    if command.action == "resolve":
        kinds = [
            incident.kind
            for incident in monitor.incidents.open_incidents()
            if command.incident_id in (None, incident.incident_id) and command.kind in (None, incident.kind)
        ]
        if kinds:
            return monitor.resolve(kinds, place), None
        known = ", ".join(kind.value for kind in Kind)
        detail = f"no open incident of {command.model} is meant by this; kinds are {known}"
        return [], Rejection(0, RejectionReason.OUT_OF_RANGE, detail, command.model)
    detail = f"{command.action} is not followed by this version of driftd; resolve and reset are"
    return [], Rejection(0, RejectionReason.UNSUPPORTED, detail, command.model)
