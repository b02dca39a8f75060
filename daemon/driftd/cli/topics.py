"""`driftd topics create` and `driftd topics plan`."""

import os
from pathlib import Path

from driftd.cli.config_file import read_config
from driftd.cli.output import Format, say, say_json
from driftd.config import Config
from driftd.errors import EXIT_FINDINGS, EXIT_OK
from driftd.kafka_settings import kafka_settings
from driftd.shells.topics import Cluster, wanted_topics


def create(*, config: Path | None = None, format: Format = "text") -> int:
    """Create the topics that are missing; those that exist stay as they are.

    Parameters
    ----------
    config
        The configuration file.
    format
        text for a person, json for a program.
    """
    settings = read_config(config)
    with connect(settings) as cluster:
        made = cluster.create(settings.topics)
    if format == "json":
        say_json({"created": made})
        return EXIT_OK
    for name in made:
        say(f"created {name}")
    there = len(wanted_topics(settings.topics)) - len(made)
    say(f"{len(made)} topics created, {there} were there.")
    return EXIT_OK


def plan(*, config: Path | None = None, format: Format = "text") -> int:
    """Show which topics would be created, and which differ from what they should be; exits 1 where there are any.

    Parameters
    ----------
    config
        The configuration file.
    format
        text for a person, json for a program.
    """
    settings = read_config(config)
    with connect(settings) as cluster:
        found = cluster.plan(settings.topics)
    wanted = wanted_topics(settings.topics)
    if format == "json":
        say_json({"missing": list(found.missing), "differing": list(found.differing)})
    else:
        for name in found.missing:
            want = wanted[name]
            options = ", ".join(f"{key}={value}" for key, value in sorted(want.settings.items()))
            say(f"would create {name}: {want.partitions} partitions, {options}")
        for line in found.differing:
            say(f"differs: {line}")
        if not found.missing and not found.differing:
            say(f"All {len(wanted)} topics are as they should be.")
    return EXIT_FINDINGS if found.missing or found.differing else EXIT_OK


def connect(settings: Config) -> Cluster:
    """The cluster of the configuration. Raises ConfigError, BrokerUnavailable."""
    return Cluster(kafka_settings(settings.kafka, os.environ))
