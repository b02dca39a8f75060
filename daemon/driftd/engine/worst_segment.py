"""Which segment a loss is of. Rule: it is named only if most of the loss is its, and more than its part of the labels.

A segment's part of a loss is how many answers it has beyond what was expected of the whole model: labels times how much
worse these are. One that only is large has its part of everything.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from driftd.detectors.base import Finding
from driftd.engine.performance_columns import Columns
from driftd.performance.codes import OTHER
from driftd.performance.maturity import Maturity

PART_MIN: Final = 0.5
"""Its part of the loss is this at least,"""
TIMES_MIN: Final = 1.5
"""and so many times its part of the labels."""
LABELS_MIN: Final = 100
"""Of fewer labels nothing is said."""
HIGHER_IS_BETTER: Final = frozenset({"accuracy"})


def with_segment(
    finding: Finding, maturity: Maturity, columns: Columns, settled: AbstractSet[int]
) -> Finding:
    """`finding` of periods, and the segment that has most of the loss in those `settled` since its onset."""
    periods = maturity.periods
    first = finding.onset.at_ms // periods.settings.period_ms
    numbers = [number for number in sorted(settled & periods.held.rows.keys()) if number >= first]
    if finding.claim is None or not numbers or not periods.segment_rows:
        return finding
    claim = finding.claim
    segment = worst_segment(maturity, columns, numbers, claim.parties[0], claim.before)
    if segment is None:
        return finding
    sentence = f"{claim.sentence}, most of all where {segment}"
    return replace(finding, claim=replace(claim, sentence=sentence, segment=segment))


def worst_segment(
    maturity: Maturity, columns: Columns, numbers: Sequence[int], figure: str, expected: float
) -> str | None:
    """The name of the segment that has most of the loss in the periods `numbers`; None where it is not one segment's.

    The loss is of `figure`, such as "accuracy", of which `expected` was to be expected.
    """
    sign = -1.0 if figure in HIGHER_IS_BETTER else 1.0
    rows = maturity.periods.segment_rows
    whole = maturity.of(numbers)
    loss = whole.labels * sign * (whole.as_labelled.get(figure, expected) - expected)
    if loss <= 0 or not whole.labels:
        return None
    found: list[tuple[float, str]] = []
    for code in sorted({code for number, code in rows if number in numbers and code != OTHER}):
        own = maturity.of([number for number in numbers if (number, code) in rows], code)
        part = own.labels * sign * (own.as_labelled.get(figure, expected) - expected) / loss
        is_more = part >= PART_MIN and part >= TIMES_MIN * own.labels / whole.labels
        if is_more and own.labels >= LABELS_MIN:
            found.append((part, columns.segment_name(code)))
    return max(found)[1] if found else None
