"""What the loops say, as a table, and docs/closed-loop.svg. Rule: the same streams, the same numbers and bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.closed_loop.loop import Lived, Loop, Told
from benchmarks.closed_loop.picture import draw
from benchmarks.closed_loop.streams import CONCEPTS, Subject, planes, prices
from benchmarks.report import Row, arguments, publish

AROUND_ROWS: Final = 1_000
"""Accuracy before a change, and after a new version is out, is that of so many predictions."""
PICTURE: Final = Path(__file__).parents[2] / "docs" / "closed-loop.svg"


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Measure as `argv` says, print, and draw; the rows of the table."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many streams of planes")
    parser.add_argument("--concepts", type=int, default=CONCEPTS, help="how many concepts each of them has")
    parser.add_argument("--no-prices", action="store_true", help="leave elec2 out")
    parser.add_argument("--svg", type=Path, metavar="FILE", default=PICTURE, help="the picture's file")
    options = parser.parse_args(argv)
    subjects = [planes(seed, options.concepts) for seed in range(options.seeds)]
    subjects += [] if options.no_prices else [prices()]
    lived = [(subject, Loop(subject).live()) for subject in subjects]
    rows = [row for subject, life in lived for row in rows_of(subject, life)]
    totals = {subject.name: total(life) for subject, life in lived}
    publish("closed loop", rows, {"seeds": options.seeds, **totals}, options.json)
    draw([lived[0], *(one for one in lived[1:] if not one[0].changes)], options.svg)
    return rows


def total(life: Lived) -> str:
    """How often the model was right, with and without the loop."""
    return f"{_share(life.is_right):.1%} right, {_share(life.is_frozen_right):.1%} without"


def rows_of(subject: Subject, life: Lived) -> list[Row]:
    """A row for each change; where those are not known, for each request, from the onset that it names."""
    if not subject.changes:
        rows = [_row(subject, life, _onset(subject, told), [told]) for told in life.requests]
        return [{**row, "outcome": _outcome(told)} for row, told in zip(rows, life.requests, strict=True)]
    ends = (*subject.changes[1:], len(subject.stream.examples))
    return [
        _row(subject, life, change, [told for told in life.requests if change <= told.requested < end])
        for change, end in zip(subject.changes, ends, strict=True)
    ]


def _row(subject: Subject, life: Lived, change: int, asked: Sequence[Told]) -> Row:
    """Delays in events since `change`; shares of right answers around it and around the new version."""
    told = asked[0] if asked else None
    deployed = None if told is None else told.deployed
    end = len(life.is_right) + life.begin if deployed is None else deployed
    after = slice(end - life.begin, end - life.begin + AROUND_ROWS)
    return {
        "stream": subject.name,
        "change": change,
        "found": None if told is None else told.detected - change,
        "requested": None if told is None else told.requested - change,
        "deployed": None if deployed is None else deployed - change,
        "ended": None if told is None or told.ended is None else told.ended - change,
        "outcome": "no request" if told is None else _outcome(told),
        "requests": len(asked),
        "before": _part(life, change - AROUND_ROWS, change),
        "meanwhile": None if deployed is None else _part(life, change, deployed),
        "after": None if deployed is None else _share(life.is_right[after]),
        "without": None if deployed is None else _share(life.is_replaced_right[after]),
    }


def _part(life: Lived, begin: int, end: int) -> float:
    return _share(life.is_right[max(begin - life.begin, 0) : end - life.begin])


def _outcome(told: Told) -> str:
    return f"{told.end}, stage {told.data.stage}" if told.data.attempt > 1 else told.end


def _onset(subject: Subject, told: Told) -> int:
    return subject.stream.row_at(told.data.data_range.from_at_ms)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else float("nan")
