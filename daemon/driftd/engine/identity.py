"""Identities. Rule: an id is a hash of what it names and of the record that decided it, so a repeat has the same id."""

import hashlib
from typing import Final

from driftd.reference.panes import Place

ID_CHARACTERS: Final = 32
SOURCE: Final = "urn:driftd"
"""Who publishes, as all events say that come out."""


def derived_id(prefix: str, *parts: str | int) -> str:
    """A stable id of `parts`, such as "inc-3f...": 128 bits of their SHA-256.

    >>> derived_id("inc", "churn", "data_drift", 7) == derived_id("inc", "churn", "data_drift", 7)
    True
    """
    joined = "\x1f".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.sha256(joined.encode()).hexdigest()[:ID_CHARACTERS]}"


def incident_id(model: str, kind: str, signal: str, place: Place) -> str:
    """The id of the incident of `kind` that `signal` began in `model`, decided by the record at `place`."""
    return derived_id("inc", model, kind, signal, place.topic, place.partition, place.offset)
