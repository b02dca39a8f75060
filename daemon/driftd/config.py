"""The configuration: what config.toml means.

Rules: a `Config` that exists is right; `Config()` works without a file.
"""

from pydantic import Field, PrivateAttr, model_validator

from driftd.config_fields import Problem, Table, refuse
from driftd.config_labels import Labels
from driftd.config_life import Incidents, Operations, Retraining, Silence
from driftd.config_models import (
    Budget,
    DetectorSettings,
    Features,
    ModelConfig,
    ModelSettings,
    Panes,
    Reference,
)
from driftd.config_notify import Notifier, Notify
from driftd.config_tables import Http, Kafka, Limits, Log, Topics

__all__ = [
    "Budget",
    "Config",
    "DetectorSettings",
    "Features",
    "Http",
    "Incidents",
    "Kafka",
    "Labels",
    "Limits",
    "Log",
    "ModelConfig",
    "ModelSettings",
    "Notifier",
    "Notify",
    "Operations",
    "Panes",
    "Reference",
    "Retraining",
    "Silence",
    "Topics",
]


class Config(Table):
    """All of config.toml."""

    kafka: Kafka = Field(default_factory=Kafka)
    topics: Topics = Field(default_factory=Topics)
    http: Http = Field(default_factory=Http)
    log: Log = Field(default_factory=Log)
    limits: Limits = Field(default_factory=Limits)
    notifier: Notifier = Field(default_factory=Notifier)
    notify: tuple[Notify, ...] = Field(
        default=(), strict=False, description="Whom `driftd notify` tells, one entry each."
    )
    defaults: ModelSettings = Field(default_factory=ModelSettings)
    models: tuple[ModelConfig, ...] = Field(
        default=(), strict=False, description="Models that differ from [defaults]."
    )

    _settings: dict[str, ModelSettings] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> "Config":
        problems = settings_problems(("defaults",), self.defaults)
        for index, model in enumerate(self.models):
            if model.name in self._settings:
                problems.append(
                    Problem(("models", index, "name"), f'"{model.name}" is named twice. Join both entries.')
                )
            settings = model.over(self.defaults)
            self._settings[model.name] = settings
            if settings.reference != self.defaults.reference or settings.panes != self.defaults.panes:
                problems += settings_problems(("models", index), settings)
        names = [receiver.name for receiver in self.notify]
        problems += [
            Problem(("notify", index, "name"), f'"{name}" is the name of another receiver. Name each once.')
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        if problems:
            refuse(problems)
        return self

    def for_model(self, name: str) -> ModelSettings:
        """How the model called `name` is monitored: [defaults], and its own entry over it."""
        return self._settings.get(name, self.defaults)


def settings_problems(location: tuple[str | int, ...], settings: ModelSettings) -> list[Problem]:
    """What does not fit together in the settings that hold for a model, key by key already right."""
    reference, panes = settings.reference, settings.panes
    problems = []
    if reference.reference_events <= reference.learn_events:
        problems.append(
            Problem(
                (*location, "reference", "reference_events"),
                f"{reference.reference_events} must be more than learn_events ({reference.learn_events}).",
            )
        )
    if reference.reference_events < panes.window_events:
        problems.append(
            Problem(
                (*location, "reference", "reference_events"),
                f"{reference.reference_events} events are fewer than the {panes.window_events}"
                " of one window (panes.window_events).",
            )
        )
    if panes.events == 1:
        problems.append(
            Problem(
                (*location, "panes", "events"), "1 event is no pane; 0 chooses by traffic, or 2 and more."
            )
        )
    return problems
