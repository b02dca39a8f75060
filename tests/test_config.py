"""The configuration: what it defaults to, what a model's entry changes, and what a wrong one is told."""

import re
import tomllib
from pathlib import Path

import pytest

from driftd.config import Config
from driftd.config_fields import Table
from driftd.config_text import LINES_MAX, load_config
from driftd.detectors.registry import DETECTORS
from driftd.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "config.toml"


def messages(text: str) -> list[str]:
    """What a wrong configuration is told."""
    with pytest.raises(ConfigError) as raised:
        load_config(text, "config.toml")
    assert str(raised.value).splitlines() == list(raised.value.messages)
    return list(raised.value.messages)


WRONG = {
    "an unknown key": (
        "[[models]]\nname = 'a'\n[models.budget]\nper_day = 3\n",
        'config.toml:4: models[0].budget.per_day: unknown key. Did you mean "per_days"?',
    ),
    "an unknown table": (
        "[kafak]\nbrokers = []\n",
        'config.toml:1: kafak: unknown key. Did you mean "kafka"?',
    ),
    "a key in the wrong table": (
        'brokers = ["a:1"]\n',
        "config.toml:1: brokers: unknown key. Did you mean kafka.brokers?",
    ),
    "a key like nothing else": (
        "[log]\nzzz = 1\n",
        "config.toml:2: log.zzz: unknown key. There is: format, level.",
    ),
    "a quoted key over two lines of output": (
        '"a\\nb" = 1\n',
        r'config.toml:1: "a\nb": unknown key. There is: '
        "defaults, http, kafka, limits, log, models, notifier, notify, topics.",
    ),
    "a text for a number": (
        '[kafka]\n\ncommit_interval_ms = "1s"\n',
        'config.toml:3: kafka.commit_interval_ms: "1s" should be a whole number of milliseconds'
        " from 10 to 3600000 (How long changes may wait for a commit when there is nothing to tell).",
    ),
    "true for a number": (
        "[kafka]\nbatch_records_max = true\n",
        "config.toml:2: kafka.batch_records_max: true should be a whole number of records from 1 to 1000000"
        " (The most records applied in one go).",
    ),
    "a fraction for a whole number": (
        "[http]\nport = 80.5\n",
        "config.toml:2: http.port: 80.5 should be a whole number from 0 to 65535"
        " (Port to listen on; 0 takes a free one and logs it).",
    ),
    "a number out of range": (
        "[defaults.budget]\nper_days = 0\n",
        "config.toml:2: defaults.budget.per_days: 0 should be a number of days above 0,"
        " at most 36500 (The days, of event time, that `false_alarms` is counted over).",
    ),
    "a budget of no false alarms": (
        "[defaults.budget]\nfalse_alarms = 0\n",
        "config.toml:2: defaults.budget.false_alarms: 0 should be a whole number of false alarms"
        " from 1 to 1000000 (False alarms expected in `per_days` at most).",
    ),
    "nan": (
        "[defaults.budget]\nper_days = nan\n",
        "config.toml:2: defaults.budget.per_days: nan should be a number of days above 0,"
        " at most 36500 (The days, of event time, that `false_alarms` is counted over).",
    ),
    "a number of thousands of digits": (
        f"[http]\nport = 0x{'f' * 9000}\n",
        "config.toml:2: http.port: a huge whole number should be a whole number from 0 to 65535"
        " (Port to listen on; 0 takes a free one and logs it).",
    ),
    "a choice in lower case": (
        '[kafka]\nsecurity_protocol = "plaintext"\n',
        'config.toml:2: kafka.security_protocol: "plaintext" should be one of "PLAINTEXT", "SSL",'
        ' "SASL_PLAINTEXT", "SASL_SSL"; did you mean "PLAINTEXT"? (How brokers are spoken to).',
    ),
    "a list for a table": (
        "kafka = []\n",
        "config.toml:1: kafka: a list should be a table.",
    ),
    "a table for a list of tables": (
        "[models]\nname = 'a'\n",
        "config.toml:1: models: a table should be a list of tables (Models that differ from [defaults]).",
    ),
    "a number within a list over several lines": (
        '[topics]\nlabels = [\n  "a",  # ]\n  7,\n]\n',
        "config.toml:4: topics.labels[1]: 7 should be a text (In: topics with labels; may be none).",
    ),
    "no broker": (
        "[kafka]\nbrokers = []\n",
        "config.toml:2: kafka.brokers: should have at least one entry"
        ' (Brokers to ask first, each "host:port").',
    ),
    "a broker without its port": (
        '[kafka]\nbrokers = ["kafka"]\n',
        'config.toml:2: kafka.brokers[0]: "kafka" is no address. Write "host:port", like "127.0.0.1:9092".',
    ),
    "a name that Kafka refuses": (
        '[topics]\nalerts = "my alerts"\n',
        'config.toml:2: topics.alerts: "my alerts" should be a name of letters, digits, ".", "_"'
        ' and "-" only (Out: alerts opened, updated, resolved).',
    ),
    "one topic for two things": (
        '[topics]\nlabels = ["driftd.state"]\n',
        'config.toml:1: topics.state: "driftd.state" is the name of topics.labels.0 already. Name each once.',
    ),
    "an API that anybody could use": (
        '[http]\nhost = "0.0.0.0"\n',
        "config.toml:2: http.host: 0.0.0.0 can be reached from outside, and the API takes commands. Name the "
        'environment variable that holds its bearer token, as in token_env = "DRIFTD_TOKEN", or use 127.0.0.1.',
    ),
    "a login without a name": (
        '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_password_env = "SECRET"\n',
        'config.toml:2: kafka.security_protocol: "SASL_SSL" needs sasl_username as well.',
    ),
    "a model without a name": (
        "[[models]]\n[models.panes]\nevents = 64\n",
        "config.toml:1: models[0].name: missing (The model's name, as its events give it).",
    ),
    "a model twice": (
        "[[models]]\nname = 'a'\n\n[[models]]\nname = 'a'\n",
        'config.toml:5: models[1].name: "a" is named twice. Join both entries.',
    ),
    "a reference no longer than what is learned first": (
        "[[models]]\nname = 'a'\n[models.reference]\nlearn_events = 5000\n",
        "config.toml:3: models[0].reference.reference_events: 5000 must be more than learn_events (5000).",
    ),
    "a reference shorter than one window": (
        "[defaults.panes]\nwindow_events = 8000\n",
        "config.toml:1: defaults.reference.reference_events: 5000 events are fewer than the 8000"
        " of one window (panes.window_events).",
    ),
    "a pane of one event": (
        "[defaults.panes]\nevents = 1\n",
        "config.toml:2: defaults.panes.events: 1 event is no pane; 0 chooses by traffic, or 2 and more.",
    ),
    "a budget of no events": (
        "[defaults.budget]\nper_events = 0\n",
        "config.toml:2: defaults.budget.per_events: 0 should be a whole number of events from 1 to"
        " 1000000000000000 (Events that `false_alarms` is counted over, instead of days).",
    ),
    "a negative budget": (
        "[defaults.budget]\nfalse_alarms = -1\n",
        "config.toml:2: defaults.budget.false_alarms: -1 should be a whole number of false alarms from 1 to"
        " 1000000 (False alarms expected in `per_days` at most).",
    ),
    "an unknown detector": (
        "[[defaults.detectors]]\nname = 'distance'\n[[defaults.detectors]]\nname = 'adwinn'\n",
        'config.toml:4: defaults.detectors[1].name: no detector is called "adwinn". Did you mean "adwin"?',
    ),
    "an unknown option of a detector": (
        "[[models]]\nname = 'a'\n[[models.detectors]]\nname = 'adwin'\ndeltas = 1\n",
        'config.toml:5: models[0].detectors[0].deltas: not an option of the detector "adwin".'
        ' Did you mean "delta"?',
    ),
    "a sensitivity that is chosen and given": (
        "[[defaults.detectors]]\nname = 'adwin'\ncalibrate = true\ndelta = 0.01\n",
        "config.toml:4: defaults.detectors[0].delta: is chosen where calibrate is true. Leave out one of both.",
    ),
    "a calibration of what needs none": (
        "[[defaults.detectors]]\nname = 'evidence'\ncalibrate = true\n",
        'config.toml:3: defaults.detectors[0].calibrate: not an option of the detector "evidence". It has none.',
    ),
    "no TOML": (
        "[kafka]\nbrokers = \n",
        "config.toml:2: not valid TOML: invalid value (column 11).",
    ),
    "a text without its end": (
        '[kafka]\ninstance = "driftd\n\n',
        "config.toml:2: not valid TOML: illegal character '\\n' (column 19).",
    ),
    "a list without its end": (
        "[kafka]\nbrokers = [\n",
        "config.toml:3: not valid TOML: invalid value.",
    ),
    "a key twice": (
        "[http]\nport = 1\nport = 2\n",
        "config.toml:3: not valid TOML: cannot overwrite a value (column 9).",
    ),
    "3,000 brackets": (
        "a = " + "[" * 3000,
        "config.toml: nested too deeply to be a configuration.",
    ),
    "half a surrogate pair": (
        "a = '\ud800'",
        "config.toml: not a UTF-8 text.",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_configuration_is_told_where_what_and_what_would_be_right(text: str, message: str) -> None:
    assert messages(text) == [message]


def test_a_detectors_option_out_of_its_range_is_told_the_range() -> None:
    delta = DETECTORS["adwin"].options["delta"]
    (message,) = messages("[[defaults.detectors]]\nname = 'adwin'\ndelta = 7\n")
    assert message.startswith(
        "config.toml:3: defaults.detectors[0].delta: 7 should be a number"
        f" at least {delta.low:.12g} and at most {delta.high:.12g} ("
    )


def test_many_mistakes_cost_six_lines_in_the_order_of_the_file() -> None:
    text = "[http]\n" + "".join(f"zz{index} = 1\n" for index in range(20))
    lines = messages(text)
    assert len(lines) == LINES_MAX
    assert [line.split(":")[1] for line in lines[:-1]] == ["2", "3", "4", "5", "6"]
    assert lines[-1] == "... and 15 more"


def test_the_shipped_file_is_the_defaults() -> None:
    assert load_config(SHIPPED.read_text(encoding="utf-8"), "config.toml") == Config()


def options(table: type[Table], name: str) -> list[tuple[str, str, str]]:
    """Every option below `table`: the table's name in TOML, the key, what it is for."""
    found = []
    for key, field in table.model_fields.items():
        inner = field.annotation
        path = f"{name}.{key}".removeprefix(".")
        if isinstance(inner, type) and issubclass(inner, Table):
            found += options(inner, path)
        elif key not in ("models", "detectors", "notify"):
            found.append((name, key, (field.description or "").rstrip(".")))
    return found


@pytest.mark.parametrize(("table", "key", "about"), options(Config, ""), ids=lambda part: str(part)[:30])
def test_the_shipped_file_explains_every_option(table: str, key: str, about: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    section = re.search(rf"^\[{re.escape(table)}\]\n(.*?)(?=^#? ?\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"config.toml has no [{table}]"
    entry = re.search(rf"((?:^# .*\n)+?)^(?:# )?{key} = ", section[1], re.MULTILINE)
    assert entry, f"config.toml has no {table}.{key}"
    words = " ".join(section[1][: entry.end()].replace("# ", " ").split())
    assert about in words, f"config.toml does not say of {table}.{key}: {about}"


@pytest.mark.parametrize("name", DETECTORS)
def test_the_shipped_file_names_every_detector_and_its_options(name: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    section = re.search(rf"^#   {name}\n((?:#       .*\n)*)", text, re.MULTILINE)
    assert section
    shown = tomllib.loads(re.sub("^#", "", section[1], flags=re.MULTILINE))
    assert shown == {key: option.default for key, option in DETECTORS[name].options.items()}


def test_the_shipped_example_of_a_model_is_right() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    example = text[text.index("# [[models]]") :].replace("\n# ", "\n").removeprefix("# ").replace("\n#", "\n")
    (model,) = load_config(example, "config.toml").models
    assert model.model_fields_set > {"name"}
