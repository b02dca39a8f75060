"""The named errors of driftd.

Rule: an error of this file reaches a person as one message and one exit code, without a traceback.

Whose fault is it? The configuration's: `ConfigError`. The caller's: `BadInput`, `RecordingError`. The
world's: `BrokerUnavailable`, `DaemonUnavailable`. What is wrong in the data is no exception but a `Rejected`
output; what is our own fault is any other exception and ends the process with `EXIT_INTERNAL`.
"""

from collections.abc import Sequence

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_WARNINGS = 3
EXIT_UNAVAILABLE = 69
EXIT_INTERNAL = 70
EXIT_CONFIG = 78
EXIT_INTERRUPTED = 130


class DriftdError(Exception):
    """An error that a person can act on: `str()` is the whole message, `exit_code` ends the process."""

    exit_code = EXIT_INTERNAL


class BadInput(DriftdError):
    """A file or an argument that cannot be used as it is."""

    exit_code = EXIT_USAGE


class RecordingError(BadInput):
    """A recording that cannot be read or written; the message names the file and the line."""


class BrokerUnavailable(DriftdError):
    """No broker answered, or it refused us; the message names the addresses that were tried."""

    exit_code = EXIT_UNAVAILABLE


class DaemonUnavailable(DriftdError):
    """No driftd answered at its HTTP port; the message names the address that was tried."""

    exit_code = EXIT_UNAVAILABLE


class ConfigError(DriftdError):
    """A configuration that does not stand: `messages`, one line each, in the order of the file."""

    exit_code = EXIT_CONFIG

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))
