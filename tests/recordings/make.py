"""Writes the recordings of accidents, and beside each what `driftd replay --format json` says of it. Deterministic.

`make recordings` runs it. What changed in the expected output is then read in the diff, before it is believed:
`tests/test_recordings.py` has a table of what a person expects, and compares every byte.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import zstandard

from driftd.cli.app import main as driftd
from driftd.shells.recording import encode_line
from recordings.accidents import ACCIDENTS, Accident

FOLDER = Path(__file__).parent
CONFIG = FOLDER / "config.toml"
LEVEL = 19
"""Packed a fifth smaller than what `driftd record` writes in passing; the bytes may differ with zstd's version."""
WIDTH = 150


def main() -> None:
    """Write everything anew."""
    for accident in ACCIDENTS.values():
        path = recording_of(accident.name)
        path.write_bytes(zstandard.ZstdCompressor(level=LEVEL).compress(content(accident)))
        printed = io.StringIO()
        with redirect_stdout(printed):
            driftd(["replay", str(path), "--config", str(CONFIG), "--format", "json"])
        expected_of(accident.name).write_text(laid_out(printed.getvalue()), encoding="utf-8")


def recording_of(name: str) -> Path:
    """Where the recording of an accident is."""
    return FOLDER / f"{name}.jsonl.zst"


def expected_of(name: str) -> Path:
    """Where it stands what is said of it."""
    return FOLDER / f"{name}.json"


def content(accident: Accident) -> bytes:
    """The recording before it is packed."""
    return b"".join(encode_line(record) for record in accident.records())


def laid_out(printed: str) -> str:
    """What was printed, a JSON document a line, broken into lines for a reader of a diff; see `as_printed`."""
    return "".join(_broken(json.loads(line)) + "\n" for line in printed.splitlines())


def as_printed(text: str) -> str:
    """What was printed, of what `laid_out` made of it: the same characters."""
    return "".join(
        json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n" for document in documents(text)
    )


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents in `text`, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        at += 1  # its newline


def _broken(value: object, indent: str = "", name: str = "") -> str:
    """`value`, which has a `name`, on as many lines as it takes to keep them short."""
    line = indent + name + json.dumps(value, ensure_ascii=False)
    if len(line) <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts: Sequence[str] = [_broken(one, inner, f"{json.dumps(key)}: ") for key, one in value.items()]
    else:
        parts = [_broken(one, inner) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{indent}{name}{begin}\n" + ",\n".join(parts) + f"\n{indent}{end}"


if __name__ == "__main__":
    main()
