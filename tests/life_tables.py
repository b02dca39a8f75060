"""The tables and diagrams of docs/incidents.md. Rule: each is made of the table in the code that decides it.

python tests/life_tables.py      # writes them anew
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from architecture import ROOT
from driftd.engine import incident, request
from driftd.engine.kinds import BROKEN_STAGES, LEADS, SEVERITIES, STAGES, STORIES_MAX
from driftd.engine.sentences import ADVICE, KINDS

PAGE = ROOT / "docs" / "incidents.md"
BLOCK = "<!-- made of {name} -->\n{text}\n<!-- end -->"
FOUND = re.compile(r"<!-- made of ([a-z ]+) -->\n.*?\n<!-- end -->", re.DOTALL)


def diagram(transitions: Mapping[tuple[Any, Any], Any], first: StrEnum) -> str:
    """A Mermaid diagram of states: an arrow per pair of phases, with all that leads from one to the other."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (phase, cause), after in transitions.items():
        arrows.setdefault((phase.value, after.value), []).append(cause.value)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.value}"]
    lines += [f"    {a} --> {b}: {', '.join(causes)}" for (a, b), causes in arrows.items()]
    ends = {b for _, b in arrows} - {a for a, _ in arrows}
    lines += [f"    {end} --> [*]" for end in sorted(ends)]
    return "\n".join([*lines, "```"])


def kinds() -> str:
    """A row per kind and stage: what it says, how urgent it is by itself, where to go back to, what to do first."""
    rows = ["| Kind | It says | By itself | Go back to | What to do first |", "|---|---|---|---|---|"]
    for kind in LEADS:
        for stage in dict.fromkeys((STAGES[kind], BROKEN_STAGES.get(kind, STAGES[kind]))):
            broken = " where an input is broken" if stage is not STAGES[kind] else ""
            rows.append(
                f"| `{kind.value}` | {KINDS[kind]} | {SEVERITIES[kind].value} | {stage.value}{broken} | "
                f"{ADVICE[kind, stage]} |"
            )
    return "\n".join(rows)


def strands() -> str:
    """How many stories of each strand may be open at a time."""
    rows = ["| Strand | Open at a time |", "|---|---|"]
    return "\n".join([*rows, *(f"| {strand.value} | {most} |" for strand, most in STORIES_MAX.items())])


TEXTS = {
    "incidents": diagram(incident.TRANSITIONS, incident.Phase.SUSPECTED),
    "requests": diagram(request.TRANSITIONS, request.RequestPhase.REQUESTED),
    "kinds": kinds(),
    "strands": strands(),
}


def rendered(page: str) -> str:
    """`page` with each block made anew. Raises KeyError where the code has no such table."""
    return FOUND.sub(lambda found: BLOCK.format(name=found[1], text=TEXTS[found[1]]), page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
