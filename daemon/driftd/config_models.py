"""What can be set for all models in [defaults] and for one in [[models]].

Rule: a model's entry holds only what differs.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import Field, model_validator

from driftd.config_fields import (
    Problem,
    Table,
    number,
    number_from,
    option,
    quoted,
    refuse,
    several,
    show,
    whole,
    whole_or_none,
)
from driftd.config_labels import Labels
from driftd.config_life import Incidents, Operations, Retraining, Silence
from driftd.config_tables import Name
from driftd.suggestion import suggestion

OptionValue: TypeAlias = bool | int | float | str


class Features(Table):
    """Which features are monitored, and as what."""

    ignore: tuple[Name, ...] = several((), "Features never looked at, as patterns with * and ?.")
    include: tuple[Name, ...] = several(
        (), "Features looked at, as patterns; none given: all that are not ignored."
    )


class Reference(Table):
    """What normal is learned from, for each version of a model."""

    learn_events: int = whole(
        500,
        1,
        1_000_000,
        "events",
        "First events of a model that its features, their types and bins are learned from.",
    )
    reference_events: int = whole(
        5_000,
        2,
        100_000_000,
        "events",
        "First events of a version that make its reference, the learned ones included.",
    )
    grow_days: float = number_from(
        15.0,
        0.0,
        3_650.0,
        "days",
        "While nothing is found the reference goes on growing for so long, to see signals wander and the week's hours.",
    )
    independent_events_min: int = whole(
        250,
        0,
        1_000_000,
        "events",
        "What a reference must be worth: its events by how much more they scatter than independent ones.",
    )
    cycle: Literal["none", "day", "week"] = option(
        "week",
        "What signals may follow in UTC: hours that the reference has not seen are judged with more caution.",
    )
    file: Name | None = option(
        None, "A reference made by `driftd reference build`, used instead of learning one."
    )


class Panes(Table):
    """How the stream is cut: shorter panes see changes sooner, longer ones take less time to compute."""

    events: int = whole(
        0, 0, 1_000_000, "events", "Events in one pane; 0: about a second of traffic, 16 to 256 events."
    )
    window_events: int = whole(
        1_024, 2, 10_000_000, "events", "Latest events that figures and the detector `distance` look at."
    )


class Budget(Table):
    """How often a model may cry wolf, over all of its signals together."""

    false_alarms: int = whole(1, 1, 1_000_000, "false alarms", "False alarms expected in `per_days` at most.")
    per_days: float = number(
        30.0, 0.0, 36_500.0, "days", "The days, of event time, that `false_alarms` is counted over."
    )
    per_events: int | None = whole_or_none(
        1, 10**15, "events", "Events that `false_alarms` is counted over, instead of days."
    )


class DetectorSettings(Table):
    """One detector and the signals it watches; further keys of its table are the detector's own `options`."""

    name: Name = Field(description="The detector's name, as in `driftd.detectors.registry.DETECTORS`.")
    signals: tuple[Name, ...] = several(("*",), "Signals watched, as patterns with * and ?.", at_least=1)
    options: Mapping[str, OptionValue] = Field(
        default_factory=dict, description="The detector's own options."
    )

    @model_validator(mode="before")
    @classmethod
    def _collect_options(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            return data
        own = {key: value for key, value in data.items() if key not in ("name", "signals", "options")}
        if isinstance(data.get("options"), Mapping):  # as `model_dump` writes it
            own = {**data["options"], **own}
        problems = detector_problems(data["name"], own)
        if problems:
            refuse(problems)
        return {**{key: data[key] for key in ("name", "signals") if key in data}, "options": own}


def detector_problems(name: str, options: Mapping[str, object]) -> list[Problem]:
    """What is wrong with `name` and its `options`, measured by the one list of detectors."""
    from driftd.detectors.registry import DETECTORS  # noqa: PLC0415 - late: reading the models needs no numpy

    if name not in DETECTORS:
        return [Problem(("name",), f"no detector is called {quoted(name)}. {suggestion(name, DETECTORS)}")]
    known, sensitivity = DETECTORS[name].options, DETECTORS[name].sensitivity
    chosen = sensitivity.option if sensitivity is not None and options.get("calibrate") is True else None
    problems = []
    for key, value in options.items():
        if key not in known:
            there_is = suggestion(key, known) if known else "It has none."
            problems.append(Problem((key,), f'not an option of the detector "{name}". {there_is}'))
            continue
        if key == chosen:
            told = "is chosen where calibrate is true. Leave out one of both."
            problems.append(Problem((key,), told))
            continue
        right = _right_value(value, known[key].default, known[key].low, known[key].high)
        if right is not None:
            about = known[key].description.rstrip(".")
            problems.append(Problem((key,), f"{show(value)} should be {right} ({about})."))
    return problems


def _right_value(value: object, default: OptionValue, low: float | None, high: float | None) -> str | None:
    """What should stand instead of `value`, None if it is right. A whole number may stand for any number."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, str):
        return None if isinstance(value, str) else "a text"
    bounds = " and ".join(
        f"{word} {limit:.12g}" for word, limit in (("at least", low), ("at most", high)) if limit is not None
    )
    right = ("a whole number " if isinstance(default, int) else "a number ") + bounds
    if isinstance(value, bool) or not isinstance(value, int | float):
        return right.rstrip()
    if isinstance(default, int) and isinstance(value, float):
        return right.rstrip()
    inside = (low is None or value >= low) and (high is None or value <= high) and abs(value) < float("inf")
    return None if inside else right.rstrip()


def default_detectors() -> tuple[DetectorSettings, ...]:
    """Evidence, on all signals and on what labels tell."""
    return (DetectorSettings(name="evidence"),)


class ModelSettings(Table):
    """All that can be said about how one model is monitored."""

    features: Features = Field(default_factory=Features)
    reference: Reference = Field(default_factory=Reference)
    panes: Panes = Field(default_factory=Panes)
    budget: Budget = Field(default_factory=Budget)
    detectors: tuple[DetectorSettings, ...] = Field(
        default_factory=default_detectors, strict=False, description="Which detectors watch which signals."
    )
    labels: Labels = Field(default_factory=Labels)
    incidents: Incidents = Field(default_factory=Incidents)
    retraining: Retraining = Field(default_factory=Retraining)
    silence: Silence = Field(default_factory=Silence)
    operations: Operations = Field(default_factory=Operations)


class ModelConfig(ModelSettings):
    """An entry of [[models]]: a model's name and what differs from [defaults]."""

    name: Name = Field(description="The model's name, as its events give it.")

    def over(self, defaults: ModelSettings) -> ModelSettings:
        """`defaults` with all keys of this entry put over them; its list of detectors replaces theirs."""
        changed: dict[str, object] = {}
        for table in self.model_fields_set - {"name"}:
            value = getattr(self, table)
            if isinstance(value, Table):
                own = {key: getattr(value, key) for key in value.model_fields_set}
                value = getattr(defaults, table).model_copy(update=own)
            changed[table] = value
        return defaults.model_copy(update=changed)
