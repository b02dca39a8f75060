"""`driftd schema`: the generated files of the contract. Rule: what `render()` returns is right, bytes and all."""

from pathlib import Path

from driftd.cli.output import note, say
from driftd.contract.schemas import render
from driftd.errors import EXIT_FINDINGS, EXIT_OK, BadInput
from driftd.suggestion import suggestion

DIRECTORY = Path("schemas")


def write(directory: Path = DIRECTORY, /) -> None:
    """Write the schemas of all events to a directory.

    Parameters
    ----------
    directory
        Where to; made if it is not there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in render().items():
            (directory / name).write_text(text, encoding="utf-8", newline="\n")
            say(str(directory / name))
    except OSError as error:
        raise BadInput(f"{error.filename or directory}: cannot be written: {error.strerror}.") from None


def check(directory: Path = DIRECTORY, /) -> int:
    """Check that a directory holds the schemas of this version; exits with 1 if it does not.

    Parameters
    ----------
    directory
        Where the schemas are.
    """
    if not directory.is_dir():
        raise BadInput(f"{directory}: no such directory. `driftd schema write {directory}` makes it.")
    rendered = render()
    found = {path.name: path.read_bytes() for path in directory.glob("*.json")}
    wrong = [f"{directory / name}: missing" for name in rendered if name not in found]
    wrong += [f"{directory / name}: not one of this version" for name in found if name not in rendered]
    wrong += [
        f"{directory / name}: differs from this version"
        for name, text in rendered.items()
        if name in found and found[name] != text.encode()
    ]
    for line in sorted(wrong):
        say(line)
    if wrong:
        note(f"`driftd schema write {directory}` makes them anew.")
        return EXIT_FINDINGS
    say(f"{directory}: {len(rendered)} files, as of this version")
    return EXIT_OK


def show(event: str, /) -> None:
    """Print the schema of one event.

    Parameters
    ----------
    event
        The event's name, like prediction or label, or asyncapi.
    """
    rendered = {name.removesuffix(".json"): text for name, text in render().items()}
    if event not in rendered:
        raise BadInput(f'no schema is called "{event}". {suggestion(event, rendered)}')
    say(rendered[event].rstrip("\n"))
