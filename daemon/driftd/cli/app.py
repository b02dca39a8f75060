"""The command line. Rule: a command is a row of COMMANDS; its module is imported only when it is called.

A command is a function with typed parameters; its docstring is its help. It prints its result, returns its
exit code (None is 0), and raises a `DriftdError` for what the user can mend.
"""

import os
import select
import sys
from collections.abc import Mapping, Sequence

from cyclopts import App, CycloptsError, Parameter

from driftd import __version__
from driftd.cli.output import note, report
from driftd.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from driftd.suggestion import suggestion

HELP = "Watches machine-learning models: inference events in, alerts and retraining requests out."

EPILOGUE = """`driftd COMMAND --help` tells more. --debug, anywhere, shows the traceback of an error.

Exit codes: 0 ok, 1 findings, 2 usage, 3 warnings with --strict,
69 broker or daemon unavailable, 70 internal error, 78 configuration,
130 interrupted."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": (
        "driftd.cli.demo:demo",
        "Replay a real stream that ships with driftd, and show what is found in it.",
    ),
    "check": ("driftd.cli.check:check", "Check the configuration and show what it means."),
    "status": ("driftd.cli.status:status", "Show how a running daemon is, and what is open now."),
    "models": ("driftd.cli.models:models", "Show how the models of a running daemon are."),
    "top": ("driftd.cli.top:top", "Show the same again and again, as it changes."),
    "run": ("driftd.cli.run:run", "Run the daemon: watch the topics of a Kafka cluster."),
    "notify": (
        "driftd.cli.notify:notify",
        "Tell people and programs what is published: webhooks, chat, pagers.",
    ),
    "replay": ("driftd.cli.replay:replay", "Run recordings through the same engine, without a broker."),
    "record": ("driftd.cli.record:record", "Write what is in the topics to a recording."),
    "import": (
        "driftd.cli.importing:import_file",
        "Make a recording from a CSV or Parquet file of predictions.",
    ),
    "topics create": ("driftd.cli.topics:create", "Create the topics that are missing."),
    "topics plan": ("driftd.cli.topics:plan", "Show which topics would be created, and which differ."),
    "tail": ("driftd.cli.tail:tail", "Show alerts, retraining requests or rejected events."),
    "explain": ("driftd.cli.explain:explain", "Tell the whole story of an incident or a request."),
    "ack": ("driftd.cli.incident:ack", "Say that somebody is at work on an incident."),
    "resolve": ("driftd.cli.incident:resolve", "Close an incident."),
    "reset": ("driftd.cli.incident:reset", "Learn a model anew."),
    "reply": ("driftd.cli.incident:reply", "Answer a retraining request."),
    "silence add": ("driftd.cli.silence:add", "Let incidents wake nobody for a time."),
    "silence list": ("driftd.cli.silence:list_silences", "Show the silences."),
    "silence expire": ("driftd.cli.silence:expire", "End a silence."),
    "maintenance add": (
        "driftd.cli.silence:add_maintenance",
        "Let models wake nobody, nor ask for retraining.",
    ),
    "maintenance list": ("driftd.cli.silence:list_maintenance", "Show the maintenance windows."),
    "maintenance expire": ("driftd.cli.silence:expire", "End a maintenance window."),
    "reference build": ("driftd.cli.reference:build", "Make a reference from a recording."),
    "reference show": (
        "driftd.cli.reference_show:show",
        "Show what a reference holds, and what it cannot judge.",
    ),
    "reference diff": ("driftd.cli.reference_show:diff", "Show how two references differ."),
    "reference merge": ("driftd.cli.reference:merge", "Make one reference of several."),
    "schema write": ("driftd.cli.schema:write", "Write the schemas of all events to a directory."),
    "schema check": ("driftd.cli.schema:check", "Check that a directory holds the schemas of this version."),
    "schema show": ("driftd.cli.schema:show", "Print the schema of one event."),
    "version": ("driftd.cli.version:version", "Print the versions of driftd, Python and the libraries."),
}
"""Name of the command, where its function is, and what it is for."""

GROUPS: Mapping[str, str] = {
    "topics": "The topics that driftd reads and writes.",
    "silence": "Incidents that wake nobody for a time.",
    "maintenance": "Models that wake nobody, nor ask for retraining, for a time.",
    "reference": "What is normal for a model.",
    "schema": "The contract: JSON Schema and AsyncAPI of all events.",
}


def build_app() -> App:
    """The command line as cyclopts knows it, with no command's module imported."""
    app = App(
        name="driftd",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="plaintext",  # markdown would cost 25 ms at each --help
        version=__version__,
        default_parameter=Parameter(negative=()),  # --strict, but no --no-strict
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    groups = {name: App(name=name, help=text, help_epilogue="") for name, text in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    for path, (where, text) in COMMANDS.items():
        group_name, _, name = path.rpartition(" ")
        (groups[group_name] if group_name else app).command(where, name=name, help=text, help_epilogue="")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `driftd ARGUMENTS...` and return its exit code."""
    tokens, debug = _without_debug(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(tokens)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is becomes a message and a code
        return EXIT_OK if _reader_is_gone(error) else report(error, debug=debug)
    return code


def _run(tokens: list[str]) -> int:
    if wrong := _unknown_command(tokens):
        note(f"driftd: {wrong}")
        return EXIT_USAGE
    try:
        result = build_app()(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        note(f"driftd: {str(error).strip()}\nTry `driftd {_command_help(tokens)}`.")
        return EXIT_USAGE
    return result if isinstance(result, int) else EXIT_OK


def _unknown_command(tokens: Sequence[str]) -> str | None:
    """What is wrong with the name of the command; cyclopts would import every command to suggest one."""
    words = [token for token in tokens[:2] if not token.startswith("-")]
    first = words[0] if words else None
    names = {path.partition(" ")[0] for path in COMMANDS}
    if first is None or tokens[0] != first:
        return None
    if first not in names:
        return f'there is no command "{first}". {suggestion(first, names)}'
    if first in GROUPS and len(words) == 2 and " ".join(words) not in COMMANDS:
        inner = [path.partition(" ")[2] for path in COMMANDS if path.startswith(f"{first} ")]
        return f'there is no command "{first} {words[1]}". {suggestion(words[1], inner)}'
    return None


def _command_help(tokens: Sequence[str]) -> str:
    """How to ask for the help of the command that `tokens` begin with."""
    known = {word for path in COMMANDS for word in (path, path.partition(" ")[0])}
    longest = next((" ".join(tokens[:n]) for n in (2, 1) if " ".join(tokens[:n]) in known), "")
    return f"{longest} --help".strip()


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`arguments` without the flag that every command knows, and whether it was among them."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    return [*options, *arguments[end:]], len(options) < end


def _reader_is_gone(error: Exception) -> bool:
    """Whether `error` says that nobody reads our stdout any more, as in `driftd ... | head`.

    A broken connection to a broker is the same exception, so the pipe itself is asked.
    """
    if not isinstance(error, BrokenPipeError):
        return False
    stdout = sys.stdout.fileno()
    question = select.poll()
    question.register(stdout, 0)
    if not any(answer & select.POLLERR for _, answer in question.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)  # else the interpreter complains once more at its end
    return True
