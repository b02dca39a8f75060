"""`driftd models`: how the models of a running daemon are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from driftd.cli.output import Format, say, say_json, table
from driftd.cli.running import (
    FIGURES,
    MODEL_HEADERS,
    connect,
    counted_states,
    interval,
    minute,
    model_rows,
    plain,
)
from driftd.errors import EXIT_OK

PERIODS_SHOWN = 7


def models(
    name: str | None = None, /, *, config: Path | None = None, url: str | None = None, format: Format = "text"
) -> int:
    """Show how the models of a running daemon are.

    Parameters
    ----------
    name
        One model, to be told all of it.
    config
        The configuration file: it says where the daemon listens, and which variable holds its token.
    url
        Another address, like http://127.0.0.1:9464.
    format
        text for a person, json for a program.
    """
    client = connect(config, url)
    found = client.get("/models" if name is None else f"/models/{quote(name, safe='')}")
    if format == "json":
        say_json(found)
    elif name is None:
        say("\n".join([counted_states(found), *_table(found)]))
    else:
        say("\n".join(model_lines(found)))
    return EXIT_OK


def model_lines(model: Mapping[str, Any]) -> list[str]:
    """One model as text."""
    state = model["state"].replace("_", " ")
    lines = [
        f"{plain(model['name'])}, version {plain(model['version'] or '-')}: {state} ({model['phase']})",
        f"open incidents  {', '.join(model['open_incidents']) or 'none'}",
        f"retraining      {model['request'] or 'not asked for'}",
        f"predictions     {model['predictions']:,}, of which {model['waiting_predictions']:,} wait for a label",
        f"labels joined   {model['labels_joined']:,}; {model['waiting_labels']:,} wait for their prediction",
    ]
    lines += [f"cannot judge    {plain(one['what'])}: {plain(one['why'])}" for one in model["cannot_judge"]]
    lines += [
        f"unstable        {plain(signal)} changed while the reference was counted, {minute(at_ms)} UTC"
        for signal, at_ms in model["unstable"].items()
    ]
    lines += [f"over budget     {plain(one)}" for one in model["over_budget"]]
    lines += [f"not watched     {plain(one)}: the reference does not have it" for one in model["newcomers"]]
    periods = model["periods"][-PERIODS_SHOWN:]
    return [*lines, "", table(PERIOD_HEADERS, [_period(one) for one in periods])] if periods else lines


PERIOD_HEADERS = ("begins (UTC)", "predictions", "labels", "realised", "estimated without labels")


def _period(period: Mapping[str, Any]) -> tuple[str, ...]:
    realised = [f"{name} {interval(f)}" for name, f in period["realised"].items() if name in FIGURES]
    estimated = [f"{name} {interval(figure)}" for name, figure in period["estimated"].items()][:1]
    return (
        minute(period["start_ms"]),
        f"{period['predictions']:,}",
        f"{period['labels']:,}",
        ", ".join(realised) or f"cannot judge: {period['immature']}",
        ", ".join(estimated) or "-",
    )


def _table(found: Mapping[str, Any]) -> list[str]:
    rows = model_rows(found)
    return ["", table(MODEL_HEADERS, rows)] if rows else []
