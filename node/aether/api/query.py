"""The query of a call: each parameter known, and given once."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aether.api.endpoint import Endpoint
from aether.api.problems import Malformed
from aether.config.guess import did_you_mean
from aether.errors import Invalid

MAX_QUERY_FIELDS = 32


def read_query(text: str, endpoint: Endpoint) -> Mapping[str, str]:
    """Return the parameters of a query, decoded.

    Raises Malformed when it cannot be read, and Invalid, naming them all, when the call has no such
    parameters or one is given twice: a mistyped condition must not be a change without it.
    """
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError as problem:
        raise Malformed(f"the query cannot be read: {problem}") from problem
    found: dict[str, str] = {}
    problems: list[str] = []
    for name, value in pairs:
        if name in found:
            problems.append(f"query parameter {name[:40]!r} is given twice")
        elif name not in (endpoint.query or {}):
            problems.append(_unknown(name, endpoint))
        found[name] = value
    if problems:
        told = list(dict.fromkeys(problems))
        raise Invalid("\n".join(told), fields={"problems": told})
    return found


def _unknown(name: str, endpoint: Endpoint) -> str:
    if not endpoint.query:
        return f"{endpoint.method} {endpoint.path} takes no query parameter, got {name[:40]!r}"
    guess = did_you_mean(name, endpoint.query)
    return f"{endpoint.method} {endpoint.path} has no query parameter {name[:40]!r}{guess}"
