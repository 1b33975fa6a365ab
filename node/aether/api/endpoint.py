"""One row of the management API's table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from aether.api.call import Handler, Sift

Role = Literal["viewer", "operator", "admin"]
Method = Literal["GET", "POST", "PUT", "DELETE"]

SMALL_BODY_BYTES = 64 * 1024
"""Largest body of a call that needs none, or a few values."""

LIST: Mapping[str, str] = {
    "limit": "most items, 1 to 1000; 100 when left out",
    "cursor": "`next` of the page before",
}
"""Query of every list."""
FRESH: Mapping[str, str] = {
    "consistency": "`linearizable` (default) or `stale`: what this node knows"
}
"""Query of every read."""
PAST: Mapping[str, str] = {
    "at": "as it was then: a revision, an RFC 3339 time, or an age such as `-15m`"
}
"""Query of every read that the chronicle can answer too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call of the API. In `path`, `{name}` is one segment and `{name...}` the rest."""

    method: Method
    path: str
    name: str
    handler: Handler
    answers: str
    role: Role = "viewer"
    """Least role that may call it, once roles are checked."""
    leader_only: bool = False
    sift: Sift | None = None
    """How another node than the leader looks at a call before it forwards it; None: reads its JSON."""
    takes: str = ""
    model: type[BaseModel] | None = None
    query: Mapping[str, str] | None = None
    status: int = 200
    """Status of success."""
    body_limit: int = SMALL_BODY_BYTES
    """Largest request body, in bytes."""


def v1(path: str) -> str:
    """Return the path of a call below the API's present version."""
    return f"/api/v1/{path}"
