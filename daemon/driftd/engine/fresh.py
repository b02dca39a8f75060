"""What is new among records. Rule: a record is applied once; what was applied before is skipped, and counted."""

from collections.abc import Iterable, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from driftd.contract.record import Record, Source
from driftd.engine.marks import MARK_RECORDS


class Cut(NamedTuple):
    """Where a mark is made: after how many records, the timestamp of the last one, and the offsets reached by then."""

    end: int
    at_ms: int
    offsets: Mapping[Source, int]


def take_fresh(
    records: Iterable[Record],
    offsets: MutableMapping[Source, int],
    counters: MutableMapping[str, int],
    inputs: AbstractSet[str],
) -> tuple[list[Record], list[Cut]]:
    """Those of `records` that are beyond `offsets`, which move on; `counters` count them, and what was skipped.

    And where among them marks are made, with the offsets of the topics `inputs` that were reached then.
    """
    fresh: list[Record] = []
    marks: list[Cut] = []
    until_mark = MARK_RECORDS - counters.get("records", 0) % MARK_RECORDS
    skipped = absent = 0
    source, last = None, -1
    for record in records:
        if source is None or record.partition != source.partition or record.topic != source.topic:
            if source is not None:
                offsets[source] = last
            source = Source(record.topic, record.partition)
            last = offsets.get(source, -1)
        if record.offset <= last:
            skipped += 1
            continue
        if record.offset > last + 1 and last >= 0:
            absent += record.offset - last - 1
        last = record.offset
        fresh.append(record)
        if len(fresh) == until_mark:
            until_mark += MARK_RECORDS
            reached = {**offsets, source: last}
            known = {one: n for one, n in reached.items() if one.topic in inputs}
            marks.append(Cut(len(fresh), record.timestamp_ms, known))
    if source is not None:
        offsets[source] = last
    for name, number in (("offsets_without_record", absent), ("records_skipped", skipped)):
        if number:
            counters[name] = counters.get(name, 0) + number
    counters["records"] = counters.get("records", 0) + len(fresh)
    return fresh, marks
