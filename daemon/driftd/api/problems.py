"""What goes wrong with a request. Source: RFC 9457, "Problem Details for HTTP APIs".

Rule: `detail` says what is wrong and what would be right; a program tells problems apart by `type`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field of the body."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="The field, as a JSON pointer in a fragment.")
    detail: str = Field(description="What is wrong with it, and what would be right.")


class Problem(BaseModel):
    """Why a request was not followed."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="Which kind of problem it is.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, and what would be right.")
    errors: list[FieldProblem] = Field(
        description="The fields that are wrong, none where it is not one of these."
    )


TITLES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed", "The request cannot be read"),
    401: ("unauthorized", "A token is needed"),
    403: ("forbidden", "The request is not allowed"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method does not fit"),
    413: ("too-large", "The body is too large"),
    415: ("not-json", "The body has to be JSON"),
    422: ("invalid", "The body does not fit the contract"),
    429: ("too-many-streams", "There are too many streams"),
    500: ("internal", "This is a mistake of driftd"),
    503: ("not-ready", "This cannot be answered now"),
}
"""Of each status that is answered: the kind, and it in words."""


class ApiProblem(Exception):
    """A request that cannot be followed; `headers` go into the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        kind, title = TITLES[status]
        self.headers = dict(headers or {})
        self.problem = Problem(
            type=f"urn:driftd:problem:{kind}", title=title, status=status, detail=detail, errors=list(errors)
        )
