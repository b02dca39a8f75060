"""The rules of the layout, each a function from text to complaints. Rule: a complaint names the line and the remedy.

A rule sees only what it is given, so that the tests can give it an offender; which files there are, is asked of git.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "driftd"

# Folders and files that decide and measure: they get everything they know as arguments.
# fmt: off
PURE = (
    "alignment", "api", "config", "contract", "decode", "detectors", "engine", "errors", "journal", "labelling",
    "notify", "performance", "reference",
    "shard", "shard_alert", "shard_parts", "shard_view", "suggestion", "ticks",
)
# fmt: on
# fmt: off
WORLD = frozenset({
    "aiohttp", "aiokafka", "asyncio", "datetime", "faust", "io", "kafka", "logging", "os", "pathlib", "random",
    "socket", "structlog", "subprocess", "threading", "time", "uuid",
})
# fmt: on
SUBSCRIBE = ("subscribe",)
# a shell is one file of shells/, or the folder subscribe/, which users import
SHELLS = ("shells", *SUBSCRIBE)
WIRES = ("cli", "__main__")  # the command line puts the parts together; nothing else knows a shell
RIVER = "detectors.river_"

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
EMPTY_WORDS = frozenset({"helper", "helpers", "manager", "misc", "util", "utils"})
UNFINISHED = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b")
# Written so that they do not match themselves.
REGISTRY = re.compile(
    r"pypi\.(?:org|python)|python[h]osted\.|repo1?\.maven\.|registry\.npmjs|(?<!\w)crates\.i[o]|proxy\.golang|"
    r"(?:deb|security)\.debian\.org|archive\.ubuntu|docker\.i[o]|(?:ghcr|quay)\.i[o]"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:work|root|home|Users|opt/wheels|tmp/scratch)/[\w.]")
INDEX_OPTION = re.compile(
    r"^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", re.MULTILINE
)

# fmt: off
TOP_LEVEL = frozenset({
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
    "benchmarks", "config.toml", "daemon", "docker", "docs", "examples", "pyproject.toml", "requirements-dev.lock",
    "requirements-java.lock", "requirements.lock", "schemas", "tests",
})
# fmt: on
BINARY = frozenset({".gz", ".zst", ".parquet", ".png"})


def committed() -> list[Path]:
    """All files that git knows, relative to the root, which are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(name) for name in sorted(filter(None, listed.split("\0"))) if (ROOT / name).is_file()]


def python_files() -> list[Path]:
    """All committed Python, relative to the root."""
    return [path for path in committed() if path.suffix == ".py"]


def text_files() -> list[Path]:
    """All committed text, relative to the root."""
    return [path for path in committed() if path.suffix not in BINARY]


def module_name(path: Path) -> str | None:
    """`daemon/driftd/engine/join.py` is `engine.join`; None for what is not in the package."""
    if path.parts[:2] != ("daemon", PACKAGE):
        return None
    return ".".join(path.with_suffix("").parts[2:]).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that is imported, also inside of functions; relative ones begin with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield node.lineno, start
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def is_in(module: str, parts: tuple[str, ...]) -> bool:
    """Whether `module` is one of `parts` or below it; `config` stands for `config_text` and the other config_* too."""
    first = module.partition(".")[0]
    return first in parts or ("config" in parts and first.startswith("config_"))


def import_complaints(module: str, source: str) -> list[str]:
    """What is wrong with the imports of a module of the package (see PURE, WORLD, WIRES, RIVER)."""
    found: dict[str, None] = {}
    for line, name in imports(ast.parse(source)):
        own = name.removeprefix(f"{PACKAGE}.") if name.startswith(f"{PACKAGE}.") else None
        for complaint in _import_complaints(module, name, own):
            found[f"{module}:{line}: {complaint}"] = None
    return list(found)


def _import_complaints(module: str, name: str, own: str | None) -> Iterator[str]:
    if name.startswith("."):
        yield f"relative import of {name}. Write it from {PACKAGE} on"
    first = name.partition(".")[0]
    if is_in(module, PURE) and first in WORLD:
        yield f"pure code imports {first}. What it needs of the world comes as an argument"
    if first == "river" and not module.startswith(RIVER):
        yield f"imports river. Only {RIVER}* does"
    if own is None or is_in(module, WIRES):
        return
    if is_in(own, WIRES):
        yield f"imports {PACKAGE}.cli. Nothing but the command line does"
    if is_in(own, SHELLS):
        what = "a shell imports another" if is_in(module, SHELLS) else "imports a shell"
        if own not in ("shells", module) and not (is_in(own, SUBSCRIBE) and is_in(module, SUBSCRIBE)):
            yield f"{what} ({PACKAGE}.{own}). cli wires them together"


def size_complaints(path: str, source: str) -> list[str]:
    """Files and functions that are too long."""
    lines = source.count("\n") + (not source.endswith("\n"))
    found = [f"{path}: {lines} lines; at most {FILE_LINES_MAX}. Which is its second idea?"] * (
        lines > FILE_LINES_MAX
    )
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES_MAX}."
                )
    return found


def name_complaints(path: str, source: str) -> list[str]:
    """Names of files, classes and functions that say nothing."""
    names = [(1, part) for part in Path(path).with_suffix("").parts]
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names += [(node.lineno, node.name) for node in ast.walk(ast.parse(source)) if isinstance(node, named)]
    return [
        f"{path}:{line}: {name}: {word} says nothing. What is it?"
        for line, name in names
        for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
        if word in EMPTY_WORDS
    ]


def docstring_complaints(path: str, source: str) -> list[str]:
    """A file without a head."""
    return [] if ast.get_docstring(ast.parse(source)) else [f"{path}:1: no docstring. What is its one idea?"]


def text_complaints(path: str, text: str) -> list[str]:
    """Things that no committed file says: what is unfinished, where packages come from, whose machine it was."""
    rules = {
        "is unfinished": UNFINISHED,
        "is a registry's host": REGISTRY,
        "is a path of one machine": MACHINE_PATH,
    }
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()!r} {what}."
        for what, pattern in rules.items()
        for match in pattern.finditer(text)
    ]


def lock_complaints(name: str, text: str) -> list[str]:
    """A lock in which something is not pinned, has no hash, or says where packages come from."""
    found = [
        f"{name}: {match.group().strip()}: the machine's pip knows its index."
        for match in INDEX_OPTION.finditer(text)
    ]
    found += [f"{name}: an address: {line.strip()}" for line in text.splitlines() if "://" in line]
    for entry in re.split(r"(?<!\\)\n", text):
        wanted = entry.strip()
        if not wanted or wanted.startswith(("#", "-")):
            continue
        if not re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", wanted):
            found.append(f"{name}: {wanted.split()[0]} is not pinned.")
        if not re.search(r"--hash=sha256:[0-9a-f]{64}", wanted):
            found.append(f"{name}: {wanted.split()[0]} has no hash.")
    return found


def pinned(text: str) -> dict[str, set[str]]:
    """Name -> versions of what a lock pins (more than one where Python versions differ)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(normal(name), set()).add(version)
    return found


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(*extras: str) -> set[str]:
    """Names of the packages that pyproject.toml asks for, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in extras for one in project["optional-dependencies"][extra]),
    ]
    return {normal(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in wanted}
