"""`driftd check`: whether a configuration stands, what it means for each model, and what in it is unwise.

Rule: a mistake is an error (78) and ends here; a warning is something that works and should not be wanted.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from driftd.cli.config_file import find_config, read_config
from driftd.cli.output import Format, note, say, say_json, table
from driftd.config import Budget, Config, ModelSettings
from driftd.config_tables import is_loopback
from driftd.errors import EXIT_OK, EXIT_WARNINGS


def check(*, config: Path | None = None, strict: bool = False, format: Format = "text") -> int:
    """Check the configuration and show what it means.

    Parameters
    ----------
    config
        File to check; else DRIFTD_CONFIG, else ./config.toml, else the defaults.
    strict
        Exit with 3 if there is a warning.
    format
        text for people, json for machines.
    """
    source = find_config(config)
    loaded = read_config(config)
    warned = warnings(loaded)
    if format == "json":
        say_json({"file": None if source is None else str(source), "warnings": warned, **effective(loaded)})
    else:
        say(f"{source or 'no file, all defaults'}: ok\n")
        say(_summary(loaded))
        for warning in warned:
            note(f"warning: {warning}")
    return EXIT_WARNINGS if strict and warned else EXIT_OK


def effective(config: Config) -> dict[str, object]:
    """The whole configuration as JSON-ready values, each model's with [defaults] laid under it."""
    document = config.model_dump(mode="json")
    document["models"] = {
        model.name: config.for_model(model.name).model_dump(mode="json") for model in config.models
    }
    return document


def warnings(config: Config) -> list[str]:
    """What works and should not be wanted, one sentence each."""
    found = []
    http = config.http
    if http.enabled and not is_loopback(http.host):
        found.append(
            f"http.host: {http.host} can be reached from outside: the token goes in the clear, and /metrics is open."
            " Use 127.0.0.1 and a proxy with TLS."
        )
    if http.enabled and http.token_env is not None and not os.environ.get(http.token_env):
        found.append(f"http.token_env: {http.token_env} is not set here; `driftd run` needs it.")
    remote = [broker for broker in config.kafka.brokers if not is_loopback(broker.rpartition(":")[0])]
    if config.kafka.security_protocol == "SASL_PLAINTEXT" and remote:
        found.append(f"kafka.security_protocol: the login goes to {remote[0]} in the clear. Use SASL_SSL.")
    for receiver in config.notify:
        parts = urlsplit(receiver.url or "")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            found.append(f"notify {receiver.name}: alerts go to {parts.hostname} in the clear. Use https.")
    named: dict[str, ModelSettings] = {"defaults": config.defaults}
    named |= {f"model {model.name}": config.for_model(model.name) for model in config.models}
    for where, settings in named.items():
        found += [f"{where}: {warning}" for warning in _model_warnings(settings)]
    return found


def _model_warnings(settings: ModelSettings) -> list[str]:
    found = []
    file = settings.reference.file
    if file is not None and not Path(file).is_file():
        found.append(f"reference.file: there is no {file}. Make it with `driftd reference build`.")
    both = set(settings.features.ignore) & set(settings.features.include)
    if both:
        found.append(f"features: {', '.join(sorted(both))} is both ignored and included; ignored wins.")
    if not settings.detectors:
        found.append("detectors: none, so nothing will ever be found.")
    return found


def _summary(config: Config) -> str:
    topics = config.topics
    rows = [_row("(any other)" if config.models else "(any)", config.defaults)]
    rows += [_row(model.name, config.for_model(model.name)) for model in config.models]
    headers = (
        "model",
        "reference",
        "pane",
        "window",
        "false alarms",
        "detectors",
        "labels within",
        "retraining",
    )
    return "\n".join(
        [
            f"brokers  {', '.join(config.kafka.brokers)} ({config.kafka.security_protocol})",
            f"in       {', '.join(topics.inputs)}",
            f"out      {topics.alerts}, {topics.retraining}, {topics.rejected}",
            f"notify   {', '.join(f'{one.name} ({one.type})' for one in config.notify) or 'nobody'}",
            f"http     {f'{config.http.host}:{config.http.port}' if config.http.enabled else 'off'}",
            "",
            table(headers, rows),
        ]
    )


def _span(budget: Budget) -> str:
    return f"{budget.per_days:g} days" if budget.per_events is None else f"{budget.per_events} events"


def _row(name: str, settings: ModelSettings) -> tuple[str, ...]:
    reference, panes, budget = settings.reference, settings.panes, settings.budget
    return (
        name,
        reference.file or f"{reference.reference_events} events",
        f"{panes.events} events" if panes.events else "by traffic",
        f"{panes.window_events} events",
        f"{budget.false_alarms} in {_span(budget)}",
        ", ".join(detector.name for detector in settings.detectors) or "none",
        f"{settings.labels.join_window_ms / 3_600_000:g} h",
        "yes" if settings.retraining.enabled else "no",
    )
