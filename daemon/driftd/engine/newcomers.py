"""Features that come after the signals of a version were fixed. Rule: they are not watched, but they are told.

They come where a reference from a file is of another schema, or where whoever sends events has added one. Each is
made known to the decoders, so that the events that have it are decoded the fast way again.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from driftd.config import Features
from driftd.decode.schema import Schema
from driftd.engine.learner import is_wanted

NEWCOMERS_MAX: Final = 100
"""So many names are kept; events with others are decoded the slow way, and these are not told."""


class Newcomers:
    """The features of one version that its signals do not include; `names` are those that are wanted, in order."""

    def __init__(self, features: Features) -> None:
        self.names: tuple[str, ...] = ()
        self._features = features

    def met(self, schema: Schema, unknown: Iterable[str]) -> Schema:
        """Take note of `unknown` features; the schema that knows them."""
        for name in unknown:
            if len(self.names) == NEWCOMERS_MAX:
                break
            schema = replace(schema, others=(*schema.others, name))
            if is_wanted(name, self._features):
                self.names = (*self.names, name)
        return schema
