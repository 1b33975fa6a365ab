"""What a route mark may ask of routers, checked while the author's module is imported.

Bounds and forms are those of `aether.core.model.route_policy`, which the control plane keeps.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypedDict, Unpack

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_BODY_LIMIT = 16 * 1024 * 1024
DEFAULT_ATTEMPTS = 3
MAX_TIMEOUT_S = 3600.0
MAX_BODY_LIMIT = 2**53
"""Bytes: what JSON carries without loss; no body is as large."""
MAX_ATTEMPTS = 10
MAX_RATE = 1_000_000.0
MAX_BURST = 1_000_000
MAX_HOST_CHARS = 253
MAX_NUMBER = 1e15
"""No option is as large as this: what is larger may not even fit a float."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_HOST = re.compile(
    r"(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_API_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class RouteOptions(TypedDict, total=False):
    """Keywords of `@get` and the others; a length of time is seconds or text as `"500ms"`, `"5s"`."""

    timeout: float | str
    """Longest silence of the slice before and within its answer; 30 s."""
    body_limit: int
    """Largest request body, in bytes; 16 MiB."""
    attempts: int
    """Most times one request is written to an instance; 3. With 1 it is never repeated."""
    hedge_after: float | str
    """For GET: ask a second instance too after so long without an answer."""
    rate: float
    """Requests a second each router lets through."""
    burst: int
    """Requests it lets through at once after a pause; as many as in a second when left out."""
    host: str
    """Answer for this host only: `"shop.example.org"` or `"*.example.org"`."""
    internal: bool
    """Answer slices of this cluster only; everybody else hears 404."""
    api_version: str
    """Sent with each answer as `x-api-version`."""
    deprecated: str
    """Date from which callers should go elsewhere, as `"2026-12-31"`."""
    sunset: str
    """Date from which the route may be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The keywords of one mark, read: times in seconds, sizes in bytes, the host in lower case."""

    timeout_s: float = DEFAULT_TIMEOUT_S
    body_limit: int = DEFAULT_BODY_LIMIT
    attempts: int = DEFAULT_ATTEMPTS
    hedge_after_s: float = 0.0
    rate: float = 0.0
    burst: int = 0
    host: str = ""
    internal: bool = False
    api_version: str = ""
    deprecated: str = ""
    sunset: str = ""


def read_options(method: str, **given: Unpack[RouteOptions]) -> Options:
    """Read the keywords of a mark for the verb `method`; raise ValueError saying all that is wrong.

    >>> read_options("GET", timeout="500ms", host="Shop.example.org").host
    'shop.example.org'
    """
    problems = list(_problems(method, given))
    if problems:
        raise ValueError("; ".join(problems))
    read = {_FIELDS.get(name, name): _READ[name](value) for name, value in given.items()}
    return Options(**read)  # type: ignore[arg-type] # each was checked to be what its field holds


def _problems(method: str, given: Mapping[str, object]) -> Iterator[str]:
    for name, value in given.items():
        check = _CHECKS.get(name)
        if check is None:
            yield f"there is no option {name!r}; those are {', '.join(_CHECKS)}"
        elif problem := check(value):
            yield f"{name}={_shown(value)} {problem}"
    if "hedge_after" in given:
        yield from _hedge_problems(method, given)
    if given.get("burst") and not given.get("rate"):
        yield f"burst={_shown(given['burst'])} is a burst of no rate: give rate too"
    first, last = given.get("deprecated"), given.get("sunset")
    if _is_date(first) and _is_date(last) and str(last) < str(first):
        yield f"sunset={last!r} is before deprecated={first!r}"


def _hedge_problems(method: str, given: Mapping[str, object]) -> Iterator[str]:
    after = _seconds(given["hedge_after"])
    timeout = _seconds(given.get("timeout", DEFAULT_TIMEOUT_S))
    if method != "GET":
        yield f"hedge_after={_shown(given['hedge_after'])} is for GET only"
    if after is not None and timeout is not None and after >= timeout > 0:
        yield f"hedge_after={_shown(given['hedge_after'])} must be shorter than the time-out"


def _seconds(value: object) -> float | None:
    """Return a length of time in seconds; None for what is none."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value) if len(value) <= 20 else None
        return float(found[1]) * _UNITS[found[2]] if found else None
    return float(value) if _is_number(value) else None  # type: ignore[arg-type] # just checked


def _is_number(value: object) -> bool:
    """Whether `value` is a number that a float can hold, neither infinite nor `nan`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER <= value <= MAX_NUMBER


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_host(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= MAX_HOST_CHARS
        and _HOST.fullmatch(value.lower()) is not None
    )


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _time_problem(value: object) -> str:
    seconds = _seconds(value)
    if seconds is None:
        return 'is no length of time: write seconds, "500ms" or "5s"'
    within = 0 < seconds <= MAX_TIMEOUT_S
    return "" if within else f"must be above 0 and at most {MAX_TIMEOUT_S:g} s"


def _count_problem(low: int, high: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        fits = _is_count(value) and low <= value <= high  # type: ignore[operator] # a number
        return "" if fits else f"must be a whole number from {low} to {high}"

    return check


def _rate_problem(value: object) -> str:
    fits = _is_number(value) and 0 < value <= MAX_RATE  # type: ignore[operator] # a number
    return "" if fits else f"must be a number above 0 and at most {MAX_RATE:g}"


def _host_problem(value: object) -> str:
    return "" if _is_host(value) else 'should look like "shop.example.org" or "*.example.org"'


def _flag_problem(value: object) -> str:
    return "" if isinstance(value, bool) else "must be True or False"


def _version_problem(value: object) -> str:
    fits = isinstance(value, str) and _API_VERSION.fullmatch(value)
    return "" if fits else "must be letters, digits, `.`, `_` and `-`, at most 64"


def _date_problem(value: object) -> str:
    return "" if _is_date(value) else 'is not a date as "2026-12-31"'


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_CHECKS: Mapping[str, Callable[[object], str]] = {
    "timeout": _time_problem,
    "body_limit": _count_problem(0, MAX_BODY_LIMIT),
    "attempts": _count_problem(1, MAX_ATTEMPTS),
    "hedge_after": _time_problem,
    "rate": _rate_problem,
    "burst": _count_problem(0, MAX_BURST),
    "host": _host_problem,
    "internal": _flag_problem,
    "api_version": _version_problem,
    "deprecated": _date_problem,
    "sunset": _date_problem,
}
"""What is wrong with the value of each keyword; nothing when it is in order."""

_FIELDS = {"timeout": "timeout_s", "hedge_after": "hedge_after_s"}


def _as_is(value: object) -> object:
    return value


_READ: Mapping[str, Callable[[object], object]] = {
    **dict.fromkeys(_CHECKS, _as_is),
    "timeout": _seconds,
    "hedge_after": _seconds,
    "rate": float,  # type: ignore[dict-item] # a number, as checked
    "host": lambda value: str(value).lower(),
}
