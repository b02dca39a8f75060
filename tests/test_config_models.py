"""What holds for a model: the defaults, and what its entry says otherwise."""

import pytest
from pydantic import ValidationError

from driftd.config import Config
from driftd.config_models import DetectorSettings, ModelSettings
from driftd.config_text import load_config
from driftd.detectors.registry import DETECTORS


def test_a_model_without_an_entry_has_the_defaults() -> None:
    config = load_config("[defaults.panes]\nevents = 64\n", "config.toml")
    assert config.for_model("any") == config.defaults
    assert config.for_model("any").panes.events == 64


def test_an_entry_changes_its_own_keys_and_no_others() -> None:
    config = load_config(
        """
        [defaults.budget]
        per_days = 90
        [defaults.labels]
        reorder_max = 0
        [[models]]
        name = "a"
        [models.budget]
        false_alarms = 2
        """,
        "config.toml",
    )
    assert config.for_model("a").budget.model_dump() == {
        "false_alarms": 2,
        "per_days": 90.0,
        "per_events": None,
    }
    assert config.for_model("a").labels == config.defaults.labels
    assert config.for_model("b").budget.false_alarms == 1


def test_a_key_set_to_its_default_still_overrides_defaults() -> None:
    text = "[defaults.panes]\nevents = 64\n[[models]]\nname = 'a'\n[models.panes]\nevents = 128\n"
    assert load_config(text, "config.toml").for_model("a").panes.events == 128


def test_a_models_list_of_detectors_replaces_the_default_list() -> None:
    text = "[[models]]\nname = 'a'\n[[models.detectors]]\nname = 'adwin'\nsignals = ['loss']\ndelta = 0.01\n"
    (detector,) = load_config(text, "config.toml").for_model("a").detectors
    assert (detector.name, detector.signals, dict(detector.options)) == ("adwin", ("loss",), {"delta": 0.01})


def test_settings_are_looked_up_and_not_made_again() -> None:
    config = load_config("[[models]]\nname = 'a'\n", "config.toml")
    assert config.for_model("a") is config.for_model("a")
    assert config.for_model("b") is config.for_model("c")


def test_what_was_dumped_can_be_loaded_again() -> None:
    config = load_config("[[models]]\nname = 'a'\n[[models.detectors]]\nname = 'adwin'\ndelta = 0.01\n", "")
    assert Config.model_validate(config.model_dump()).for_model("a") == config.for_model("a")


def test_a_configuration_does_not_change() -> None:
    settings = ModelSettings()
    for table in ModelSettings.model_fields:
        with pytest.raises(ValidationError):
            setattr(settings, table, getattr(settings, table))


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_can_be_configured_with_its_own_defaults(name: str) -> None:
    own = {key: option.default for key, option in DETECTORS[name].options.items()}
    assert dict(DetectorSettings.model_validate({"name": name, **own}).options) == own
