"""`driftd version`: what a bug report needs to know. Rule: out of the metadata, nothing is imported."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from driftd import __version__
from driftd.cli.output import Format, say, say_json, table

LIBRARIES = (
    "aiokafka",
    "cyclopts",
    "faust-streaming",
    "kafka-python",
    "mode-streaming",
    "msgspec",
    "numpy",
    "pydantic",
    "river",
    "structlog",
)


def version(*, format: Format = "text") -> None:
    """Print the versions of driftd, Python and the libraries.

    Parameters
    ----------
    format
        text for people, json for machines.
    """
    versions = {"driftd": __version__, "python": platform.python_version()}
    versions |= {library: _version(library) for library in LIBRARIES}
    if format == "json":
        say_json(versions)
    else:
        say(table(("name", "version"), list(versions.items())))


def _version(library: str) -> str:
    try:
        return installed_version(library)
    except PackageNotFoundError:
        return "not installed"
