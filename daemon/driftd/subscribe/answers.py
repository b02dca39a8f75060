"""What a subscriber says to driftd, as events of the control topic. Rule: the key is the model, as of all events."""

import time
from typing import Literal, NamedTuple, TypeAlias

from driftd.contract.events_in import Command, Deployment, RetrainingReply
from driftd.subscribe.events import Request

Status: TypeAlias = Literal["accepted", "rejected", "completed", "failed"]


class Place(NamedTuple):
    """Where a record was written."""

    topic: str
    partition: int
    offset: int


def time_or_now(at_ms: int | None) -> int:
    """`at_ms`, or the time now where that is None, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000 if at_ms is None else at_ms


def reply_to(
    request: Request, status: Status, at_ms: int, version: str | None, reason: str | None
) -> RetrainingReply:
    """The reply to `request`. Raises pydantic.ValidationError where an argument is out of its bounds."""
    return RetrainingReply(
        type="retraining_reply",
        request_id=request.data.request_id,
        status=status,
        at_ms=at_ms,
        model_version=version,
        reason=reason,
    )


def deployment_of(request: Request, version: str, at_ms: int, reference: str | None) -> Deployment:
    """That `version` now answers, made for `request`. Raises pydantic.ValidationError as `reply_to`."""
    return Deployment(
        type="deployment",
        model=request.data.model,
        model_version=version,
        at_ms=at_ms,
        request_id=request.data.request_id,
        reference=reference,
    )


def encode_control(event: Command | Deployment | RetrainingReply) -> bytes:
    """The value of the record."""
    return event.model_dump_json(exclude_none=True).encode()
