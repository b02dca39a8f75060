"""What a benchmark prints. Rule: one table for people, one JSON document for programs, the same numbers."""

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = Mapping[str, Cell]
PACKAGES = ("aiokafka", "faust-streaming", "msgspec", "numpy", "river")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE")
    return parser


def publish(name: str, rows: Sequence[Row], settings: Mapping[str, object], file: Path | None) -> None:
    """Print `rows` as a table and, where `file` is given, write them with what they were measured on."""
    print(f"{name}  ({', '.join(f'{key}={value}' for key, value in settings.items())})")
    print(table(rows))
    if file is not None:
        document = {
            "benchmark": name,
            "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {"cpu": _cpu(), "python": platform.python_version(), "system": platform.system()},
            "packages": {package: metadata.version(package) for package in PACKAGES},
            "settings": {key: str(value) for key, value in settings.items()},
            "rows": [dict(row) for row in rows],
        }
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """`rows` in columns, numbers to the right."""
    if not rows:
        return "(nothing)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    right = [isinstance(rows[0].get(name), int | float) for name in names]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
