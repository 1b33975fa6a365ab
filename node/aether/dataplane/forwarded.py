"""What a request's head says of who asked: `x-forwarded-…` and `forwarded` (RFC 7239).

To what a client from outside claims, its address is appended; protocol and host are ours to tell,
unless a proxy that is trusted asks, which knows them better. Another router or a host of this
cluster is passed on as it says.
"""

from collections.abc import Mapping

from aether.dataplane.header_lines import HeaderLines

_NOTHING: frozenset[bytes] = frozenset()
_FOR_HOSTS = frozenset({b"x-aether-slice", b"x-aether-idempotent"})
_CLAIMS = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


class Door:
    """By which door the requests of one connection come, and from whom.

    `client` is the address of a client from outside; `is_trusted` says that it is a proxy whose
    word on protocol and host counts. `keep` names headers passed on here and cut at other doors.
    """

    __slots__ = ("_host", "_said", "client", "is_public", "is_trusted", "keep", "scheme")

    def __init__(
        self,
        *,
        is_public: bool = False,
        client: str = "",
        scheme: str = "http",
        is_trusted: bool = False,
    ) -> None:
        self.is_public = is_public
        self.client = client.encode("ascii", "replace") or b"unknown"
        self.scheme = scheme.encode("ascii")
        self.is_trusted = is_trusted
        self.keep = _NOTHING if is_public else _FOR_HOSTS | _CLAIMS
        self._host = b""
        self._said = b""

    def said(self, host: bytes) -> bytes:
        """Return what is said of a client that claims nothing: mostly what was said before."""
        if host != self._host or not self._said:
            self._host, self._said = host, _said(self, {}, host)
        return self._said


INSIDE = Door()


def said_of_client(door: Door, found: HeaderLines, host: bytes) -> bytes:
    """Return the lines to add to a head; none for a request from inside."""
    if not door.is_public:
        return b""
    values = found.values
    if _CLAIMS.isdisjoint(values):
        return door.said(host)
    return _said(door, values, host)


def _said(door: Door, values: Mapping[bytes, bytes], host: bytes) -> bytes:
    client, scheme = door.client, door.scheme
    if door.is_trusted:
        scheme = values.get(b"x-forwarded-proto", scheme)
        host = values.get(b"x-forwarded-host", host)
    chain, claimed = values.get(b"x-forwarded-for"), _sound(values.get(b"forwarded"))
    ours = b'for="[%b]"' % client if b":" in client else b"for=" + client
    if host and b'"' not in host and b"\\" not in host:
        ours += b';host="%b"' % host
    return b"".join(
        (
            b"x-forwarded-for: ",
            b"%b, %b" % (chain, client) if chain else client,
            b"\r\nx-forwarded-proto: ",
            scheme,
            b"\r\nx-forwarded-host: ",
            host,
            b"\r\nforwarded: ",
            claimed + b", " if claimed else b"",
            ours,
            b";proto=",
            scheme if scheme.isalnum() else b"http",
            b"\r\n",
        )
    )


def _sound(claimed: bytes | None) -> bytes:
    """Return what a client claims unless an open quotation in it would swallow what we append."""
    if not claimed or b"\\" in claimed or claimed.count(b'"') % 2:
        return b""
    return claimed
