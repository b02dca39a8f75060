"""The code blocks of the documentation. Rule: a block says in what language it is, and is right in that language.

```toml loads as a configuration, ```json parses (one document, or one a line), ```python compiles (examples with >>>
are run as doctests), and in ```sh and ```console each `driftd ...` and `make ...` is a command that is understood.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from cyclopts import CycloptsError

from architecture import ROOT
from driftd.cli.app import build_app
from driftd.config_text import load_config
from driftd.errors import ConfigError

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UNCHECKED = frozenset({"text", "mermaid", "yaml", "dockerfile"})
PROGRAMS = frozenset({"driftd", ".venv/bin/driftd", "make"})
TARGETS = frozenset(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block and where it begins."""

    file: str
    line: int
    language: str
    text: str


def blocks(file: str, text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [
        Block(file, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


def complaints(block: Block) -> list[str]:
    """What is wrong with a block, each with its file and line."""
    check = CHECKS.get(block.language)
    if check is None:
        known = block.language in UNCHECKED
        found = (
            []
            if known
            else [f'"{block.language}" is no language that is checked; for none of them write ```text']
        )
    else:
        found = list(check(block.text))
    return [f"{block.file}:{block.line}: {one}" for one in found]


def toml_complaints(text: str) -> Iterator[str]:
    """A configuration that driftd would refuse."""
    try:
        load_config(text, "block")
    except ConfigError as error:
        yield str(error)


def json_complaints(text: str) -> Iterator[str]:
    """Text that is neither one JSON document nor one a line."""
    try:
        json.loads(text)
    except ValueError:
        for line in filter(None, text.splitlines()):
            try:
                json.loads(line)
            except ValueError as error:
                yield f"{line}: {error}"


def python_complaints(text: str) -> Iterator[str]:
    """Python that does not compile."""
    if ">>>" in text:
        return
    try:
        compile(text, "block", "exec")
    except SyntaxError as error:
        yield str(error)


def shell_complaints(text: str) -> Iterator[str]:
    """Command lines of driftd and make that are not understood."""
    for line in text.replace("\\\n", " ").splitlines():
        for words in commands(line.removeprefix("$ ")):
            yield from _command_complaints(words)


def commands(line: str) -> Iterator[list[str]]:
    """The commands of a line that PROGRAMS has, without redirections: `A=1 driftd x | jq . > y` has `driftd x`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # output of a command, in a console block
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= set("|&;<>"):
            command.append(word)
            continue
        while command and re.fullmatch(r"\w+=.*", command[0]):
            command.pop(0)
        if command and command[0] in PROGRAMS:
            yield command
        command = ["the file of"] if set(word) & set("<>") else []


def _command_complaints(words: list[str]) -> Iterator[str]:
    if words[0] == "make":
        for target in words[1:]:
            if "=" not in target and not target.startswith("-") and target not in TARGETS:
                yield f"make {target}: there is no such target"
        return
    try:
        build_app().parse_args(words[1:], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        yield f"{' '.join(words)}: {error}"


CHECKS = {
    "toml": toml_complaints,
    "json": json_complaints,
    "python": python_complaints,
    "sh": shell_complaints,
    "console": shell_complaints,
}
