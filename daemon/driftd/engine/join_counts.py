"""What the join counts, by name. Rule: each bound has its counter, and a counter is a metric of the same name."""

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class JoinCounts:
    """What the join counted since it was last asked; `shells/metrics.py` says what each name means."""

    labels_joined: int = 0
    labels_corrected: int = 0
    labels_agreed: int = 0
    labels_repeated: int = 0
    labels_too_late: int = 0
    labels_without_weight: int = 0
    labels_of_other_type: int = 0
    early_labels_evicted_by_count: int = 0
    early_labels_evicted_by_bytes: int = 0
    early_labels_evicted_by_window: int = 0
    predictions_unlabelled_evicted_by_count: int = 0
    predictions_unlabelled_evicted_by_bytes: int = 0
    predictions_unlabelled_evicted_by_window: int = 0
    predictions_unlabelled_evicted_by_version: int = 0
    predictions_repeated: int = 0
    out_of_order: int = 0

    def some(self) -> list[tuple[str, int]]:
        """What was counted at all."""
        return [(name, number) for name in NAMES if (number := getattr(self, name))]

    def add(self, name: str, number: int) -> None:
        """Count `number` more of `name`."""
        setattr(self, name, getattr(self, name) + number)


NAMES: Final = tuple(JoinCounts.__dataclass_fields__)
