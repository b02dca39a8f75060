"""Whom `driftd notify` tells, and how: the table [notifier] and the list [[notify]].

Rule: as in `config_tables`; the daemon itself reads none of it.
"""

from ipaddress import ip_network
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator

from driftd.config_fields import Problem, Table, option, quoted, refuse, several, whole
from driftd.config_tables import DAY_MS, HOUR_MS, InstanceName, Name
from driftd.notify.addresses import literal, refusal

ReceiverType: TypeAlias = Literal["webhook", "alertmanager", "pagerduty", "apprise"]
KindName: TypeAlias = Literal[
    "data_drift", "concept_drift", "performance", "data_quality", "label_quality", "operations", "silence"
]
SeverityName: TypeAlias = Literal["info", "warning", "critical"]

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"


class Notifier(Table):
    """The port of `driftd notify` for /livez, /readyz and /metrics; without authentication, so keep it on loopback."""

    enabled: bool = option(True, "Whether the notifier listens at all.")
    host: Name = option("127.0.0.1", "Address that the notifier listens on.")
    port: int = whole(9_465, 0, 65_535, "", "Port of the notifier; 0 takes a free one and logs it.")


class Notify(Table):
    """One receiver of `driftd notify`."""

    name: InstanceName = Field(description="What the receiver is called; its place in the log is kept by it.")
    type: ReceiverType = Field(description="How it is told.")
    url: Name | None = option(None, "Where it is: http or https; with apprise, a URL as Apprise has them.")
    url_env: Name | None = option(
        None, "Name of the environment variable that holds the URL, where it is a secret."
    )
    secret_env: Name | None = option(
        None,
        "Name of the environment variable that holds the secret: whsec_... that webhooks are signed with, "
        "or PagerDuty's routing key.",
    )
    models: tuple[Name, ...] = several(
        ("*",), "Of which models it is told, as patterns with * and ?.", at_least=1
    )
    kinds: tuple[KindName, ...] = Field(
        (
            "data_drift",
            "concept_drift",
            "performance",
            "data_quality",
            "label_quality",
            "operations",
            "silence",
        ),
        strict=False,
        description="Which kinds of incident it is told of.",
    )
    severities: tuple[SeverityName, ...] = Field(
        ("info", "warning", "critical"),
        strict=False,
        description="Which severities of incident it is told of.",
    )
    pages_only: bool = option(
        False, "Whether it is told only what is to wake somebody, and when that is over."
    )
    digest_ms: int = whole(
        300_000,
        0,
        DAY_MS,
        "milliseconds",
        "With apprise: what is not critical is collected for so long, into one message; 0 tells it at once.",
    )
    timeout_ms: int = whole(
        10_000,
        10,
        10 * 60_000,
        "milliseconds",
        "How long the receiver may take, from the look-up of its name on.",
    )
    retry_ms_max: int = whole(
        60_000,
        10,
        DAY_MS,
        "milliseconds",
        "The longest pause between two attempts; the first is half a second.",
    )
    resend_ms: int = whole(
        60_000,
        1_000,
        HOUR_MS,
        "milliseconds",
        "With alertmanager: how often open incidents are sent again; four times as long without, and they are over.",
    )
    allow: tuple[Name, ...] = several(
        (),
        "Addresses, networks and host names that it may have although they are not public, as 10.1.0.0/16.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Notify":
        problems = [*self._missing()]
        if self.url is not None:
            problems += [
                Problem(("url",), told) for told in [url_problem(self.type, self.url, self.allow)] if told
            ]
        for index, entry in enumerate(self.allow):
            if "/" in entry and not _is_network(entry):
                problems.append(
                    Problem(("allow", index), f'{quoted(entry)} is no network. Write it like "10.1.0.0/16".')
                )
        if problems:
            refuse(problems)
        return self

    def _missing(self) -> list[Problem]:
        problems = [
            Problem((key,), "should have at least one entry; leave it out for all.")
            for key in ("kinds", "severities")
            if not getattr(self, key)
        ]
        if self.url is not None and self.url_env is not None:
            problems.append(Problem(("url_env",), "stands beside url. Leave out one of both."))
        if self.url is None and self.url_env is None and self.type != "pagerduty":
            problems.append(Problem(("url",), f'a receiver of type "{self.type}" needs url or url_env.'))
        if self.secret_env is None and self.type == "pagerduty":
            problems.append(
                Problem(("secret_env",), "PagerDuty needs a routing key. Name the variable that holds it.")
            )
        if self.secret_env is not None and self.type in ("alertmanager", "apprise"):
            problems.append(
                Problem(("secret_env",), f'a receiver of type "{self.type}" has none; put it into url_env.')
            )
        return problems


def url_problem(kind: ReceiverType, url: str, allow: tuple[str, ...]) -> str | None:
    """What is wrong with the URL of a receiver, None where nothing is. It may hold a secret, so it is not repeated."""
    parts = _split(url)
    if kind == "apprise":
        if parts is None or not parts.scheme:
            return 'is no URL of Apprise\'s. Write it like "slack://..." or "mailto://...".'
    elif parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return 'is no URL that can be sent to. Write it like "https://hooks.example.org/driftd".'
    host = parts.hostname or ""
    address = "127.0.0.1" if host == "localhost" else literal(host)
    return None if address is None else refusal(host, address, allow)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is where a port that is none is found
    except ValueError:
        return None
    return parts


def _is_network(entry: str) -> bool:
    try:
        ip_network(entry, strict=False)
    except ValueError:
        return False
    return True
