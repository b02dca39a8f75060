"""`driftd status`: how a running daemon is, and what is open now."""

from pathlib import Path

from driftd.cli.output import Format, say, say_json, table
from driftd.cli.running import (
    INCIDENT_HEADERS,
    REQUEST_HEADERS,
    SHARD_HEADERS,
    Seen,
    connect,
    counted_states,
    incident_rows,
    look,
    plain,
    request_rows,
    shard_rows,
)
from driftd.errors import EXIT_FINDINGS, EXIT_OK


def status(*, config: Path | None = None, url: str | None = None, format: Format = "text") -> int:
    """Show how a running daemon is, and what is open now; exits 1 where the daemon is not ready.

    Parameters
    ----------
    config
        The configuration file: it says where the daemon listens, and which variable holds its token.
    url
        Another address, like http://127.0.0.1:9464.
    format
        text for a person, json for a program.
    """
    seen = look(connect(config, url))
    if format == "json":
        say_json(seen.document())
    else:
        say("\n".join(status_lines(seen)))
    return EXIT_OK if seen.worker["ready"] else EXIT_FINDINGS


def status_lines(seen: Seen) -> list[str]:
    """All of it as text."""
    worker = seen.worker
    lines = [head(seen), *(f"  {plain(reason)}" for reason in worker["reasons"])]
    if worker["shards"]:
        lines += ["", table(SHARD_HEADERS, shard_rows(worker))]
    lines += ["", counted_states(seen.models), ""]
    if seen.incidents is None or seen.requests is None or seen.silences is None:
        return [*lines, f"what is open is not known yet: {seen.why_not}"]
    if seen.stale is not None:
        lines += [f"STALE: {seen.stale}; this is the last that was known.", ""]
    incidents, requests = incident_rows(seen.incidents), request_rows(seen.requests)
    lines += [table(INCIDENT_HEADERS, incidents)] if incidents else ["no incident is open"]
    lines += ["", table(REQUEST_HEADERS, requests)] if requests else ["no retraining is asked for"]
    silences = len(seen.silences["silences"])
    return [*lines, f"{silences} silences"] if silences else lines


def head(seen: Seen) -> str:
    """The worker in one line."""
    worker = seen.worker
    state = "not ready" if not worker["ready"] else "a ready stand-by" if worker["stand_by"] else "ready"
    return f"driftd {worker['version']} at {seen.url}: {state}"
