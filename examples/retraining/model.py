"""The price model of the elec2 stream in River, and how it is trained. Rule: nothing here knows driftd or Kafka.

Features are those of examples/elec2: numbers from 0 to 1, `period` is the time of the day.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from river import linear_model, optim, preprocessing

UP, DOWN = "UP", "DOWN"
PASSES: Final = 5
"""How often each example is learned: a logistic regression that sees a thousand of them once has hardly begun."""
LEARNING_RATE: Final = 0.02
RIDGE: Final = 1e-4


class Example(NamedTuple):
    """What a model was asked, and what would have been right."""

    features: Mapping[str, float]
    answer: str


class Model(Protocol):
    """What answers."""

    def scores(self, features: Mapping[str, float]) -> dict[str, float]:
        """How likely each answer is, 0 to 1."""
        ...


class PriceModel:
    """A logistic regression on standardised features."""

    def __init__(self) -> None:
        regression = linear_model.LogisticRegression(optimizer=optim.SGD(LEARNING_RATE), l2=RIDGE)
        self._pipeline: Any = preprocessing.StandardScaler() | regression

    def learn(self, example: Example) -> None:
        """Learn one example."""
        self._pipeline.learn_one(example.features, example.answer == UP)

    def scores(self, features: Mapping[str, float]) -> dict[str, float]:
        """How likely each answer is, 0 to 1."""
        up = round(float(self._pipeline.predict_proba_one(features)[True]), 4)
        return {UP: up, DOWN: round(1 - up, 4)}


def train(examples: Sequence[Example]) -> PriceModel:
    """A new model out of `examples`, the same for the same ones."""
    model = PriceModel()
    for _ in range(PASSES):
        for example in examples:
            model.learn(example)
    return model


def best(scores: Mapping[str, float]) -> str:
    """The likeliest answer."""
    return max(scores, key=lambda answer: scores[answer])
