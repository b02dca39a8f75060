"""Who may use the API. Rule: with a token whoever shows it; without one, who calls this machine by its own name.

Without a token the port is on loopback, which pages of foreign sites in a browser here can reach too. A site that lets
its own name lead to 127.0.0.1 (DNS rebinding) is found by the Host header; one that only sends requests cannot read
answers (there are no CORS headers), and cannot post, for JSON bodies are not sent unasked.
"""

import hmac
from collections.abc import Mapping

from driftd.api.problems import ApiProblem
from driftd.config import Http
from driftd.config_tables import is_loopback
from driftd.errors import ConfigError


def bearer_token(http: Http, environment: Mapping[str, str]) -> str | None:
    """The token out of `environment`, None where there is to be none. Raises ConfigError."""
    if http.token_env is None:
        return None
    token = environment.get(http.token_env, "")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        wanted = "printable ASCII without spaces, best 32 random characters"
        raise ConfigError([f"http.token_env: {http.token_env} has to hold the token of the API: {wanted}."])
    return token


def check_access(http: Http, token: str | None, headers: Mapping[str, str]) -> None:
    """Whether a request with `headers` is allowed. Raises ApiProblem."""
    if token is not None:
        scheme, _, shown = headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(shown.strip().encode(errors="surrogateescape"), token.encode())
        if scheme.lower() != "bearer" or not same:
            what = "The token is not the right one." if shown else "There is no token."
            raise ApiProblem(
                401, f'{what} Send "Authorization: Bearer TOKEN".', headers={"WWW-Authenticate": "Bearer"}
            )
        return
    name = host_name(headers.get("Host", ""))
    if name != host_name(http.host) and not is_loopback(name):
        raise ApiProblem(
            403,
            f'The Host header names "{name[:100]}". Without a token only localhost, loopback addresses and '
            f"{http.host} are answered; set http.token_env to be called otherwise.",
        )


def host_name(authority: str) -> str:
    """The host of "host:port", without brackets of IPv6, in lower case.

    >>> [host_name(one) for one in ("LocalHost:9464", "[::1]:9464", "::1", "example.org")]
    ['localhost', '::1', '::1', 'example.org']
    """
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    name, colon, port = authority.rpartition(":")
    return (name if colon and ":" not in name and port.isdecimal() else authority).lower()
