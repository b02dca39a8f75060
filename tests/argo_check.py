"""Runs in Hera's environment: whether manifests, JSON on stdin, fit the types of Argo Events, and no field more."""

import json
import sys

from hera.events.models import EventSource, Sensor

KINDS = {"EventSource": EventSource, "Sensor": Sensor}


def main() -> None:
    """Raises pydantic.ValidationError."""
    for manifest in json.load(sys.stdin):
        assert manifest.pop("apiVersion") == "argoproj.io/v1alpha1"
        KINDS[manifest.pop("kind")].model_validate(manifest, extra="forbid")


if __name__ == "__main__":
    main()
