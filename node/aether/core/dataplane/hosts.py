"""Which route answers a host and a path: the most specific host first, then the path within it.

A route for the very host beats one for `*.` and a suffix of it, of those the longest suffix wins,
and a route for any host comes last. `*.example.org` takes `a.example.org` and `a.b.example.org`,
not `example.org`. Where the routes of a host do not answer a path, or not by that method, the next
host is looked at; "not allowed" is what is left when all that fit host and path refuse the method.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from aether.core.dataplane.match import Matcher, NotAllowed, Routed

MAX_HOST = 255
"""Longest name that is compared with those of routes; a longer one is of no route's host."""


class Hosted(Routed, Protocol):
    """What is needed of a row."""

    @property
    def host(self) -> str:
        """Lower-case name, `*.` and a suffix, or empty for any host."""
        ...


_Row = TypeVar("_Row", bound=Hosted)


class HostMatcher(Generic[_Row]):
    """Routes by host, and by method and path within each. Raises PatternError for a bad pattern."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        by_host: dict[str, list[_Row]] = {}
        for row in rows:
            by_host.setdefault(row.host, []).append(row)
        self._anywhere: Matcher[_Row] = Matcher(by_host.pop("", []))
        self._by_host: dict[str, Matcher[_Row]] = {
            host: Matcher(some) for host, some in by_host.items()
        }

    def find(self, method: str, path: str, host: str) -> _Row | NotAllowed | None:
        """Return the row for a request, NotAllowed, or None; `host` as in the Host header."""
        if not self._by_host:
            return self._anywhere.find(method, path)
        allow: set[str] = set()
        for matcher in self._fitting(host_name(host)):
            found = matcher.find(method, path)
            if isinstance(found, NotAllowed):
                allow.update(found.allow)
            elif found is not None:
                return found
        return NotAllowed(tuple(sorted(allow))) if allow else None

    def _fitting(self, name: str) -> Iterator[Matcher[_Row]]:
        """Yield the routes of each host that fits, most specific first."""
        if 0 < len(name) <= MAX_HOST:
            matcher = self._by_host.get(name)
            if matcher is not None:
                yield matcher
            dot = name.find(".", 1)
            while dot > 0:
                matcher = self._by_host.get(f"*{name[dot:]}")
                if matcher is not None:
                    yield matcher
                dot = name.find(".", dot + 1)
        yield self._anywhere


def host_name(host: str) -> str:
    """Return the lower-case name in a Host header, without port and closing dot.

    >>> host_name("Example.org.:8080"), host_name("[::1]:8080")
    ('example.org', '[::1]')
    """
    if host.startswith("["):
        return "".join(host.partition("]")[:2]).lower()
    return host.partition(":")[0].lower().removesuffix(".")
