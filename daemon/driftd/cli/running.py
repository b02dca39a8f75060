"""Where the daemon is that a command asks, and what it says. Rule: --url, else the address in the configuration."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from driftd.cli.config_file import read_config
from driftd.contract.cloudevents import rfc3339
from driftd.errors import BadInput
from driftd.shells.api_client import ApiClient, NotYet

Json: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = list[tuple[str, ...]]

SEVERITIES: Final = ("critical", "warning", "info")
STATES: Final = ("cannot_judge", "incident", "partly_judged", "quiet")
"""As the API names them, in the order in which they are looked at."""
ALL_ADDRESSES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  not to listen on: to ask elsewhere
FIGURES: Final = ("accuracy", "mae", "word_error_rate", "cost_total")
"""What tells best how a model does, one for each kind of prediction."""
SHOWN_MAX: Final = 100
CONTRIBUTORS_SHOWN: Final = 2


def connect(config: Path | None, url: str | None) -> ApiClient:
    """The client, with the token where `http.token_env` names one that is set. Raises BadInput, ConfigError."""
    http = read_config(config).http
    if url is None:
        if not http.enabled or not http.port:
            what = "http.port is 0, a free port" if http.enabled else "http.enabled is false"
            raise BadInput(f"{what}: name the address, like --url http://127.0.0.1:9464.")
        host = ALL_ADDRESSES.get(http.host, http.host).strip("[]")
        url = f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"
    return ApiClient(url, os.environ.get(http.token_env or "") or None)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a daemon. What is open is None where it is not known yet, and `why_not` says why."""

    url: str
    worker: Json
    models: Json
    incidents: Json | None
    requests: Json | None
    silences: Json | None
    why_not: str | None

    def document(self) -> dict[str, object]:
        """All of it for a program."""
        open_now = {"incidents": self.incidents, "requests": self.requests, "silences": self.silences}
        return {"worker": self.worker, "models": self.models, **open_now}

    @property
    def stale(self) -> str | None:
        """Since when what is open is only the last that was known, in words; None where it is current."""
        since_ms = self.worker["open_now"]["stale_since_ms"]
        return None if since_ms is None else f"the brokers have not answered since {minute(since_ms)} UTC"


def look(client: ApiClient) -> Seen:
    """Ask for everything. Raises DaemonUnavailable, BadInput."""
    worker, models = client.get("/status"), client.get("/models")
    try:
        incidents, requests, silences = map(client.get, ("/incidents", "/requests", "/silences"))
    except NotYet as error:
        return Seen(client.url, worker, models, None, None, None, str(error))
    return Seen(client.url, worker, models, incidents, requests, silences, None)


def minute(time_ms: int) -> str:
    """A time to the minute; it is UTC, and who shows it says so."""
    return rfc3339(time_ms)[:16].replace("T", " ")


def plain(text: str) -> str:
    """`text` without what could steer a terminal: names of features are whatever producers send."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shard_rows(worker: Json) -> Rows:
    """The worker's shards."""
    return [
        (
            str(shard["shard"]),
            shard["phase"],
            f"{shard['lag_records']:,}",
            f"{sum(shard['records'].values()):,}",
            f"{shard['commits']:,}",
            str(shard["restarts"]),
            f"{shard['state_bytes'] / 1000:,.0f} kB",
            minute(shard["clock_ms"]) if shard["clock_ms"] else "-",
        )
        for shard in worker["shards"]
    ]


SHARD_HEADERS: Final = (
    "shard",
    "phase",
    "lag",
    "applied",
    "commits",
    "restarts",
    "stored",
    "event time (UTC)",
)


def incident_rows(incidents: Json) -> Rows:
    """Open incidents, the most severe first, then by when they began."""

    def rank(one: Json) -> tuple[int, int]:
        severity = one.get("severity")
        return (SEVERITIES.index(severity) if severity in SEVERITIES else 9), one.get("opened_at_ms", 0)

    return [
        (
            str(one.get("severity", "")),
            plain(str(one.get("kind", ""))),
            plain(one["model"]),
            minute(one["onset"]["at_ms"]) if "onset" in one else "-",
            _in_hand(one),
            plain(changed(one)),
            plain(str(one.get("incident_id", ""))),
        )
        for one in sorted(incidents["incidents"], key=rank)[:SHOWN_MAX]
    ]


INCIDENT_HEADERS: Final = ("severity", "kind", "model", "since (UTC)", "in hand", "what changed", "incident")


def changed(incident: Json) -> str:
    """What changed: of the strongest signals what it is, and how many more there are; else the summary."""
    contributors = incident.get("contributors", [])
    shown = [
        one["change"] if one.get("claim") is not None else f"{one['signal']} {one['change']}"
        for one in contributors[:CONTRIBUTORS_SHOWN]
    ]
    if not shown:
        return str(incident.get("summary", ""))
    more = incident.get("contributors_total", len(contributors)) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _in_hand(incident: Json) -> str:
    if incident.get("acknowledged_by"):
        return plain(f"by {incident['acknowledged_by']}")
    return "silenced" if incident.get("silenced_by") else ""


def request_rows(requests: Json) -> Rows:
    """Retraining requests in flight, by their deadline."""
    return [
        (
            plain(one["model"]),
            str(one.get("stage", "")),
            str(one.get("phase", "")),
            str(one.get("attempt", "")),
            minute(one["deadline_ms"]) if "deadline_ms" in one else "-",
            str(one.get("request_id", "")),
        )
        for one in sorted(requests["requests"], key=lambda one: one.get("deadline_ms", 0))[:SHOWN_MAX]
    ]


REQUEST_HEADERS: Final = ("model", "go back to", "phase", "attempt", "deadline (UTC)", "id")


def model_rows(models: Json) -> Rows:
    """The models, those that need somebody first."""

    def rank(one: Json) -> tuple[int, str]:
        return STATES.index(one["state"]) if one["state"] in STATES else -1, one["name"]

    return [
        (
            plain(one["name"]),
            plain(one["version"] or "-"),
            one["state"].replace("_", " "),
            counted(one["open_incidents"]) or "-",
            one["request"] or "-",
            f"{one['predictions']:,}",
            performance(one),
            plain(gaps(one["cannot_judge"])),
        )
        for one in sorted(models["models"], key=rank)[:SHOWN_MAX]
    ]


MODEL_HEADERS: Final = (
    "model", "version", "state", "open", "request", "predictions", "performance", "cannot judge",
)  # fmt: skip


def counted(kinds: Sequence[str]) -> str:
    """Kinds of incidents, each once.

    >>> counted(["data_drift", "silence", "data_drift"])
    'data_drift (2), silence'
    """
    return ", ".join(f"{kind} ({n})" if n > 1 else kind for kind, n in Counter(kinds).items())


def gaps(cannot_judge: Sequence[Json]) -> str:
    """What cannot be judged: the first of it, and how much more."""
    if not cannot_judge:
        return ""
    first = f"{cannot_judge[0]['what']}: {cannot_judge[0]['why']}"
    return first if len(cannot_judge) == 1 else f"{first}; and {len(cannot_judge) - 1} more"


def performance(model: Json) -> str:
    """The main figure of the latest period that is judged, else what is estimated of the latest."""
    period = model["performance"]
    if period is not None:
        for name in FIGURES:
            if name in period["realised"]:
                return f"{name} {interval(period['realised'][name])}"
    latest = model["latest"]
    for name, figure in (latest or {}).get("estimated", {}).items():
        return f"{name} {interval(figure)}"
    return "-"


def interval(figure: Json) -> str:
    """A figure with the ends of its interval."""
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['value']:.4g}"
    return f"{figure['value']:.4g} ({figure['low']:.4g} to {figure['high']:.4g})"


def counted_states(models: Json) -> str:
    """How many models are in which state, in words."""
    states = [one["state"] for one in models["models"]]
    told = {
        "incident": "with an incident",
        "cannot_judge": "cannot be judged",
        "partly_judged": "judged in part",
        "quiet": "quiet",
    }
    parts = [f"{states.count(state)} {words}" for state, words in told.items() if state in states]
    others = "" if len(models["shards"]) == models["shard_count"] else "; other shards are at other workers"
    count = "1 model" if len(states) == 1 else f"{len(states)} models"
    return (f"{count} here: {', '.join(parts)}" if states else "no models here yet") + others
