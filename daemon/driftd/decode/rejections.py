"""A record that could not be taken, and why."""

from dataclasses import dataclass

from driftd.contract.rejection import RejectionReason

DETAIL_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class Rejection:
    """`position` is the record's index in its batch; `detail` says what is wrong and what would be right."""

    position: int
    reason: RejectionReason
    detail: str
    model: str | None


class Refused(Exception):
    """Raised and caught within `decode` only: the value at hand is no event that can be taken."""

    def __init__(self, reason: RejectionReason, detail: str, model: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail if len(detail) <= DETAIL_LENGTH_MAX else detail[: DETAIL_LENGTH_MAX - 3] + "..."
        self.model = model

    def at(self, position: int) -> Rejection:
        """The rejection of the record at `position`."""
        return Rejection(position, self.reason, self.detail, self.model)
