"""Durations as people write them. Rule: a whole number and its unit, nothing else.

>>> parse_duration("30m")
1800000
"""

import re
from collections.abc import Mapping
from typing import Final

UNITS_MS: Final[Mapping[str, int]] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)", re.ASCII)


def parse_duration(text: str) -> int:
    """The duration in milliseconds. Raises ValueError saying how to write one."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'"{text}" is no duration. Write a number and its unit: 500ms, 30s, 30m, 2h or 1d')
    return int(found[1]) * UNITS_MS[found[2]]
