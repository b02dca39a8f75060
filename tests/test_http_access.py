"""Who may use the API: with a token, without one, and from a page of a foreign site."""

import pytest

from driftd.api.access import bearer_token
from driftd.config import Http
from driftd.errors import ConfigError
from driftd.shard_view import ServiceView
from http_api import OUTSIDE, Pages, ask

SILENCE = {"action": "silence", "model": "churn", "until_ms": 1_764_000_000_000, "who": "ann"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "sent",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}, {"Authorization": "Bearer é"}],
)
def test_with_a_token_nothing_is_told_to_who_does_not_show_it(method: str, sent: dict[str, str]) -> None:
    pages = Pages(http=OUTSIDE, token="right")
    path = "/api/v1/models" if method == "GET" else "/api/v1/commands"
    answer = ask(pages, path, method=method, headers=sent, body=SILENCE if method == "POST" else None)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert pages.written == []
    assert ask(pages, "/api/v1/nothing", headers=sent).status == 401


def test_with_the_token_all_is_told_under_any_name_and_probes_need_none() -> None:
    pages = Pages(http=OUTSIDE, token="right", view=ServiceView({}))
    shown = {"Authorization": "Bearer right", "Host": "driftd.example.org"}
    assert ask(pages, "/api/v1/models", headers=shown).status == 200
    assert ask(pages, "/api/v1/commands", method="POST", headers=shown, body=SILENCE).status == 202
    assert ask(pages, "/livez").status == ask(pages, "/readyz").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9464", 200),
        ("127.0.0.1", 200),
        ("[::1]:9464", 200),
        ("rebound.example.org", 403),
        ("localhost.example.org:9464", 403),
        ("127.0.0.1.example.org", 403),
        ("10.0.0.7:9464", 403),
    ],
)
def test_without_a_token_a_site_that_calls_us_by_its_own_name_is_refused(host: str, status: int) -> None:
    answer = ask(Pages(), "/api/v1/models", headers={"Host": host})
    assert answer.status == status
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("value", [None, "", "two words", "línea"])
def test_a_token_that_cannot_be_one_is_refused_at_the_start(value: str | None) -> None:
    environment = {} if value is None else {"TOKEN": value}
    with pytest.raises(ConfigError, match="TOKEN has to hold the token"):
        bearer_token(OUTSIDE, environment)
    assert bearer_token(OUTSIDE, {"TOKEN": "right"}) == "right"
    assert bearer_token(Http(), {}) is None
