"""What decoding is told from outside: which topics hold what, and what it is bounded by."""

from collections.abc import Sequence
from typing import Protocol

from driftd.contract.record import Record
from driftd.contract.rejection import RejectionReason
from driftd.decode.rejections import Refused


class Topics(Protocol):
    """Which topics hold what."""

    @property
    def predictions(self) -> Sequence[str]:
        """Topics of prediction events."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """Topics of label events."""
        ...


class Limits(Protocol):
    """What decoding is bounded by."""

    @property
    def event_bytes_max(self) -> int:
        """Length of a value, in bytes."""
        ...

    @property
    def event_features_max(self) -> int:
        """Features in one event."""
        ...

    @property
    def clock_skew_max_ms(self) -> int:
        """How long after its record's timestamp an event may say to be, in milliseconds."""
        ...


def check_time(at_ms: int, record: Record, limits: Limits, model: str | None) -> None:
    """Raises Refused where an event is said to be of a time long after its record. Unknown timestamps pass."""
    ahead_ms = at_ms - record.timestamp_ms
    if record.timestamp_ms >= 0 and ahead_ms > limits.clock_skew_max_ms:
        detail = (
            f"at_ms is {ahead_ms} ms after the record's timestamp; limits.clock_skew_max_ms is "
            f"{limits.clock_skew_max_ms}. Is at_ms in milliseconds?"
        )
        raise Refused(RejectionReason.EVENT_TIME_IN_FUTURE, detail, model)
