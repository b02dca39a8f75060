"""The pages of the API under /api/v1. Rule: a page is a row of PAGES; answers are JSON, and refusals problems.

The pages read views and write to the control topic; they never ask an engine, and nothing waits for them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from pydantic import BaseModel

from driftd.api.access import check_access
from driftd.api.board import Board
from driftd.api.changes import json_list
from driftd.api.commands import BODY_BYTES_MAX, control_value, model_of, read_event
from driftd.api.documents import Accepted, Placed
from driftd.api.openapi import PAGES, Page, PageFacts, openapi_document
from driftd.api.problems import CONTENT_TYPE, ApiProblem
from driftd.api.standing import Standing
from driftd.api.telling import model_document, models_document, open_now_document, worker_document
from driftd.config import Http
from driftd.contract.events_in import Command
from driftd.contract.standing import Subject
from driftd.errors import BrokerUnavailable
from driftd.shard_view import ServiceView

RETRY_AFTER: Final = {"Retry-After": "2"}
JSON: Final = "application/json"
SUBJECTS: Final[Mapping[Page, Subject]] = {
    Page.INCIDENTS: Subject.INCIDENT,
    Page.INCIDENT: Subject.INCIDENT,
    Page.REQUESTS: Subject.REQUEST,
    Page.REQUEST: Subject.REQUEST,
    Page.SILENCES: Subject.SILENCE,
    Page.SILENCE: Subject.SILENCE,
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Write = Callable[[bytes, bytes, Sequence[int | None]], Awaitable[list[Placed]]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Api:
    """What the pages are made of. `write` writes key and value to partitions of the control topic."""

    http: Http
    token: str | None
    view: ServiceView
    board: Board
    write: Write
    stream: Handler

    def application(self) -> web.Application:
        """The pages, with the guard before them."""
        site = web.Application(middlewares=[self._guard])
        openapi = msgspec.json.encode(openapi_document())
        for page, facts in PAGES.items():
            path = facts.path.replace("{name}", "{name:.+}")  # names of models may hold slashes
            site.router.add_route(facts.method, path, self._handler(page, facts, openapi))
        return site

    def _handler(self, page: Page, facts: PageFacts, openapi: bytes) -> Handler:
        async def events(request: web.Request) -> web.StreamResponse:
            self._standing()
            return await self.stream(request)

        async def handle(request: web.Request) -> web.StreamResponse:
            if facts.takes is not None:
                return await self._post(request, facts)
            if facts.many is not None:
                return self._many(request, SUBJECTS[page], facts)
            if page in SUBJECTS:
                return self._one(request, SUBJECTS[page])
            if page is Page.MODEL:
                return self._model(request.match_info["name"])
            if page is Page.MODELS:
                return answer(models_document(self.view))
            if page is Page.WORKER:
                open_now = open_now_document(self.board.standing, self.board.stale_since_ms)
                return answer(worker_document(self.view, open_now))
            return web.Response(body=openapi, content_type=JSON)

        return events if page is Page.EVENTS else handle

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check_access(self.http, self.token, request.headers)
            return await handler(request)
        except ApiProblem as problem:
            return refuse(problem)
        except web.HTTPRequestEntityTooLarge:
            return refuse(ApiProblem(413, f"At most {BODY_BYTES_MAX} bytes are taken."))
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"{request.method} does not go here. There is: {allowed}."
            return refuse(ApiProblem(405, detail, headers={"Allow": allowed}))
        except web.HTTPNotFound:
            detail = f"There is no page {request.path[:200]}. /api/v1/openapi.json describes all pages."
            return refuse(ApiProblem(404, detail))
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a page of the API failed", path=request.path)
            return refuse(ApiProblem(500, "This is a mistake of driftd; its log has the traceback."))

    def _standing(self) -> Standing:
        """What is open. Raises ApiProblem before it is known."""
        if self.board.standing is None:
            raise ApiProblem(
                503, "What is open is not read from the brokers yet. Ask again.", headers=RETRY_AFTER
            )
        return self.board.standing

    def _many(self, request: web.Request, subject: Subject, facts: PageFacts) -> web.Response:
        standing = self._standing()
        if unknown := sorted(set(request.query) - set(facts.filters)):
            there = ", ".join(facts.filters) or "none"
            raise ApiProblem(422, f'There is no filter "{unknown[0][:100]}". There is: {there}.')
        found = json_list(standing.matching(subject, request.query))
        rest = msgspec.json.encode(
            {
                "stale": self.board.stale_since_ms is not None,
                "stale_since_ms": self.board.stale_since_ms,
                "not_held": standing.not_held,
            }
        )
        body = b'{"%ss":%s,%s' % (subject.value.encode(), found, rest[1:])
        return web.Response(body=body, content_type=JSON)

    def _one(self, request: web.Request, subject: Subject) -> web.Response:
        entry_id = request.match_info["id"]
        entry = self._standing().find(subject, entry_id)
        if entry is None:
            raise ApiProblem(
                404,
                f"No {subject.value} {entry_id[:200]} is open now: it is over, or never was. /api/v1/{subject.value}s "
                "lists those that are.",
            )
        return web.Response(body=bytes(entry.data), content_type=JSON)

    def _model(self, name: str) -> web.Response:
        found = model_document(self.view, name)
        if found is None:
            raise ApiProblem(
                404,
                f"This worker watches no model {name[:100]}. /api/v1/models lists those that it does; those of other "
                "shards are at other workers.",
            )
        return answer(found)

    async def _post(self, request: web.Request, facts: PageFacts) -> web.Response:
        assert facts.takes is not None
        if request.content_type != JSON:
            raise ApiProblem(415, "Send the body as JSON, with Content-Type: application/json.")
        filled: dict[str, Any] = {"at_ms": time.time_ns() // 1_000_000}
        if facts.takes is Command:
            filled["who"] = f"HTTP from {request.remote}"
        event = read_event(facts.takes, await request.read(), filled)
        model = model_of(event, self.board.standing)
        shard_count = self.view.shard_count
        everywhere = model is None and isinstance(event, Command) and shard_count > 1
        partitions: Sequence[int | None] = range(shard_count) if everywhere else (None,)
        if isinstance(event, Command) and event.model is None and model is not None:
            event = event.model_copy(
                update={"model": model}
            )  # the incident's: whoever follows it needs to ask nobody
        try:
            placed = await self.write((model or "-").encode(), control_value(event), partitions)
        except BrokerUnavailable as error:
            raise ApiProblem(503, f"{error}.", headers=RETRY_AFTER) from None
        return answer(Accepted(records=placed), 202)


def answer(document: BaseModel, status: int = 200) -> web.Response:
    """`document` as JSON."""
    return web.Response(body=document.model_dump_json().encode(), content_type=JSON, status=status)


def refuse(problem: ApiProblem) -> web.Response:
    """`problem` as RFC 9457 wants it."""
    body = problem.problem.model_dump_json().encode()
    return web.Response(
        body=body, content_type=CONTENT_TYPE, status=problem.problem.status, headers=problem.headers
    )
