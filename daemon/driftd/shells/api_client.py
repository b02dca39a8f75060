"""Asks a running daemon's API, for the command line. Rule: answers are JSON of driftd, or errors that say what it is.

No proxy of the environment is used and no redirect followed: the token is for the address that was named.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final

from driftd.errors import BadInput, DaemonUnavailable

ANSWER_SECONDS_MAX: Final = 10.0
PREFIX: Final = "/api/v1"


class NotYet(Exception):
    """The daemon cannot answer this one now; the message says why."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none."""


class ApiClient:
    """The API at one address."""

    def __init__(self, url: str, token: str | None) -> None:
        """`url` as http://127.0.0.1:9464. Raises BadInput where it is none."""
        self.url = url.rstrip("/")
        if not self.url.lower().startswith(("http://", "https://")):
            raise BadInput(f'--url "{url}" is no address of the API. Write it like http://127.0.0.1:9464.')
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())

    def get(self, path: str) -> Mapping[str, Any]:
        """The document of a page. Raises NotYet, BadInput where the daemon refuses, DaemonUnavailable."""
        try:
            request = urllib.request.Request(self.url + PREFIX + path, headers=self._headers)  # noqa: S310  see __init__
            with self._opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
                return self._document(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                detail = str(self._document(error.read()).get("detail", error.reason))
            if error.code == 503:
                raise NotYet(detail) from None
            raise BadInput(f"{self.url}: {detail}") from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise DaemonUnavailable(
                f"no driftd answers at {self.url}: {reason}. Is `driftd run` running? --url names another address."
            ) from None

    def _document(self, body: bytes) -> Mapping[str, Any]:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise DaemonUnavailable(
                f"what answers at {self.url} is no driftd of this version. --url names another address."
            )
        return document
