"""What is found in a stream of labels. Rule: a finding names who, since when, and says so in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class What(StrEnum):
    """What is wrong with the labels."""

    CLASSES_SWAPPED = "classes_swapped"
    """Classes go by each other's names: two of them, or more in a circle."""
    CLASS_RENAMED = "class_renamed"
    """A class goes by a name that the reference does not know."""
    CLASSES_MERGED = "classes_merged"
    """One class goes by the name of another one, which keeps it."""
    ANNOTATOR_DISAGREES = "annotator_disagrees"
    """An annotator agrees less than the others do."""
    ANNOTATOR_DRIFTS = "annotator_drifts"
    """An annotator agrees less, or more, than before, and the others do not."""
    CONVENTION_CHANGED = "convention_changed"
    """Texts are written in another style than before."""
    CONVENTION_MIXED = "convention_mixed"
    """The same thing is written in two styles."""
    ANNOTATOR_CONVENTION = "annotator_convention"
    """An annotator writes in another style than the others."""
    CORRECTIONS_RISE = "corrections_rise"
    LABELS_STOPPED = "labels_stopped"
    LABELS_THIN = "labels_thin"
    """Fewer predictions get a label."""
    DELAY_GROWS = "delay_grows"
    """Labels come later after their predictions."""


@dataclass(frozen=True, slots=True)
class LabelFinding:
    """A statement about the labels of one model.

    `parties` are named in order: classes, annotators, or an aspect of style and its styles. The onset is the number of
    a label (counted from 0) and its time. `strength` is the evidence over the budget (>= 1, bounded), `before` and
    `after` are the figure that the sentence tells, which rests on `labels` labels since the onset.
    """

    what: What
    parties: tuple[str, ...]
    onset_number: int
    onset_at_ms: int
    strength: float
    before: float
    after: float
    labels: int
    sentence: str


def finding_to_json(finding: LabelFinding) -> dict[str, object]:
    """A finding as an object."""
    document = {name: getattr(finding, name) for name in LabelFinding.__slots__}
    return document | {"what": finding.what.value, "parties": list(finding.parties)}


def finding_from_json(document: Mapping[str, Any]) -> LabelFinding:
    """The finding of `finding_to_json`."""
    own = dict(document)
    return LabelFinding(What(own.pop("what")), tuple(own.pop("parties")), **own)


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.0412), percent(1.0)
    ('4.12 %', '100 %')
    """
    return f"{share * 100:.3g} %"


def quoted(name: str) -> str:
    """A name as it stands in a sentence: what is long is cut.

    >>> quoted("cat")
    '"cat"'
    """
    return f'"{name}"' if len(name) <= QUOTED_MAX else f'"{name[: QUOTED_MAX - 1]}…"'


QUOTED_MAX = 40
