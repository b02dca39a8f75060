"""[[notify]] in config.toml: what is wrong is told where, what and what would be right; every option is shown."""

import re
from typing import get_args

import pytest

from driftd.cli.check import warnings
from driftd.config_notify import KindName, Notify, SeverityName
from driftd.config_text import load_config
from driftd.engine.kinds import Kind, Severity
from driftd.errors import ConfigError
from test_config import SHIPPED

HOOK = '[[notify]]\nname = "a"\ntype = "webhook"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOOK, 'config.toml:1: notify[0].url: a receiver of type "webhook" needs url or url_env.'),
        (HOOK + 'url = "https://x.org"\nurl_env = "X"\n', "config.toml:5: notify[0].url_env: stands beside url."),
        (HOOK + 'url = "hooks.example.org"\n', "config.toml:4: notify[0].url: is no URL that can be sent to."),
        (HOOK + 'url = "file:///etc/passwd"\n', "config.toml:4: notify[0].url: is no URL that can be sent to."),
        (HOOK + 'url = "http://[::1]:80/x"\n', 'config.toml:4: notify[0].url: ::1 is a loopback address: add "::1"'),
        (HOOK + 'url = "http://localhost/x"\n', "config.toml:4: notify[0].url: 127.0.0.1 is a loopback address"),
        (HOOK + 'url = "https://x.org"\nallow = ["10.0.0.0/99"]\n', "config.toml:5: notify[0].allow[0]: "),
        (HOOK + 'url = "https://x.org"\nkinds = ["drift"]\n', 'notify[0].kinds[0]: "drift" should be one of'),
        (HOOK + 'url = "https://x.org"\nkinds = []\n', "config.toml:5: notify[0].kinds: should have at least one"),
        (HOOK.replace("webhook", "webhok"), 'did you mean "webhook"?'),
        (
            HOOK.replace("webhook", "pagerduty"),
            "config.toml:1: notify[0].secret_env: PagerDuty needs a routing key. Name the variable that holds it.",
        ),
        (
            HOOK.replace("webhook", "apprise") + 'url = "slack://a/b"\nsecret_env = "X"\n',
            'config.toml:5: notify[0].secret_env: a receiver of type "apprise" has none; put it into url_env.',
        ),
        (
            2 * (HOOK + 'url = "https://x.org"\n'),
            'config.toml:6: notify[1].name: "a" is the name of another receiver. Name each once.',
        ),
    ],
)  # fmt: skip
def test_a_wrong_receiver_is_told_where_and_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(text, "config.toml")
    assert told in str(caught.value)
    assert len(caught.value.messages) == 1


def test_a_listed_network_makes_an_inner_receiver_right() -> None:
    load_config(HOOK + 'url = "http://10.1.2.3:9093"\nallow = ["10.1.0.0/16"]\n', "config.toml")


def test_the_words_are_the_engines() -> None:
    assert get_args(KindName) == tuple(Kind)
    assert get_args(SeverityName) == tuple(Severity)


def test_the_shipped_file_shows_every_option_of_a_receiver_with_its_default() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    section = text[text.index("# [[notify]]") :].partition("\n\n")[0]
    for key, field in Notify.model_fields.items():
        entry = re.search(rf"((?:^# .*\n)+?)^# {key} = ", section, re.MULTILINE)
        assert entry, f"config.toml has no notify.{key}"
        words = " ".join(section[: entry.end()].replace("# ", " ").split())
        assert (field.description or "?").rstrip(".") in words, (
            f"config.toml does not say of {key}: {field.description}"
        )
    shown = re.sub(r"^# (?=\[\[|\w+ = )", "", section, flags=re.MULTILINE)
    kept = re.sub(r"^(?:url_env|secret_env) = .*\n", "", shown, flags=re.MULTILINE)
    (receiver,) = load_config(kept, "config.toml").notify
    plain = load_config(HOOK + 'url = "https://hooks.example.org/driftd"\n', "config.toml").notify[0]
    assert receiver == plain.model_copy(update={"name": "pipeline"})


def test_an_address_in_the_clear_is_warned_of() -> None:
    loaded = load_config(HOOK + 'url = "http://hooks.example.org/x"\n', "config.toml")
    assert warnings(loaded) == ["notify a: alerts go to hooks.example.org in the clear. Use https."]
    assert warnings(load_config(HOOK + 'url = "https://hooks.example.org/x"\n', "config.toml")) == []
