"""Streams to close the loop on. Rule: of the made ones it is known where the concept changes, of elec2 it is not."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from driftd.config import Config
from examples.elec2.make_recording import TRAIN_ROWS
from examples.retraining.model import DOWN, UP, Example
from examples.retraining.stream import Stream, elec2

DAY_MS: Final = 24 * 3_600_000
CONCEPTS: Final = 4
CONCEPT_ROWS: Final = 10_000
FEATURES: Final = 5
NOISE_SHARE: Final = 0.05
FIRST_MS: Final = 1_780_000_000_000
STEP_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Subject:
    """A stream whose first `training_rows` train version 1; `changes` are rows, none where they are not known."""

    name: str
    stream: Stream
    training_rows: int
    changes: tuple[int, ...]
    config: Config


PLANES_CONFIG: Final = Config()
ELEC2_CONFIG: Final = Config.model_validate(
    {
        "defaults": {
            "labels": {"period_ms": 7 * DAY_MS},
            "retraining": {"deadline_ms": 30 * DAY_MS, "verify_ms": 120 * DAY_MS},
        }
    }
)
"""48 predictions a day: a thousand labels take three weeks."""


def planes(seed: int, concepts: int = CONCEPTS) -> Subject:
    """Five numbers, and on which side of a plane they are, 5 % wrong; the plane turns by 60 degrees at each change."""
    rng = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(rng.normal(size=(FEATURES, CONCEPTS)))
    examples = []
    normal = directions[:, 0]
    for concept in range(concepts):
        if concept:
            normal = normal * np.cos(np.pi / 3) + directions[:, concept] * np.sin(np.pi / 3)
        values = np.round(rng.normal(size=(CONCEPT_ROWS, FEATURES)), 4)
        is_up = (values @ normal > 0) != (rng.random(CONCEPT_ROWS) < NOISE_SHARE)
        examples += [
            Example({f"x{i}": value for i, value in enumerate(row)}, UP if up else DOWN)
            for row, up in zip(values.tolist(), is_up.tolist(), strict=True)
        ]
    changes = tuple(range(CONCEPT_ROWS, concepts * CONCEPT_ROWS, CONCEPT_ROWS))
    stream = Stream(f"planes-{seed}", examples, FIRST_MS, STEP_MS)
    return Subject(stream.model, stream, 1_000, changes, PLANES_CONFIG)


def prices() -> Subject:
    """The electricity prices of examples/elec2."""
    return Subject("elec2", elec2(), TRAIN_ROWS, (), ELEC2_CONFIG)
