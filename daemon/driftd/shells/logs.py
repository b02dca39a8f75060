"""The log: one line per event on stderr, for machines (json) or people (text).

Rules: set up once per process; what libraries log through `logging` comes out in the same form; nothing that
came in from outside can forge a line or move the cursor, because control characters are written as escapes.
"""

import logging
import sys
from typing import Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Form: TypeAlias = Literal["json", "text"]

TALKATIVE = ("aiokafka", "faust", "kafka", "mode")
"""Libraries whose info lines tell about themselves, not about models: warnings and worse are kept."""


def set_up_logs(level: Level, form: Form, stream: TextIO | None = None) -> None:
    """Send everything logged from now on to `stream`, by default stderr; a second call replaces the first."""
    target = sys.stderr if stream is None else stream
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *before],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(form, colours=target.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a logger made before a second set-up follows it
    )


def _renderers(form: Form, *, colours: bool) -> list[Processor]:
    """What makes one line out of an event; a traceback becomes a field in json and lines below in text.

    Neither shows local variables: a password may be among them.
    """
    if form == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=plain, timestamp_key="time", pad_event_to=0
    )
    return [escape_control, renderer]


def escape_control(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write control characters in texts as escapes: a model's name must not clear anybody's screen."""
    return {key: _escaped(value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
