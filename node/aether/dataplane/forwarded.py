"""What a request's head says of who asked: `x-forwarded-…` and `forwarded` (RFC 7239).

To what a client from outside claims, its address is appended; protocol and host are ours to tell,
unless a proxy that is trusted asks, which knows them better. Another router or a host of this
cluster is passed on as it says.
"""

from dataclasses import dataclass

from aether.dataplane.header_lines import HeaderLines

_FOR_HOSTS = frozenset({b"x-aether-slice", b"x-aether-idempotent"})
_CLAIMS = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


@dataclass(frozen=True, slots=True)
class Door:
    """By which door the requests of one connection come, and from whom."""

    is_public: bool = False
    client: str = ""
    """Address of a client from outside."""
    scheme: str = "http"
    is_trusted: bool = False
    """Whether the client is a proxy whose word on protocol and host counts."""

    @property
    def keep(self) -> frozenset[bytes]:
        """Names of headers that are passed on through this door and are cut at others."""
        return frozenset() if self.is_public else _FOR_HOSTS | _CLAIMS


INSIDE = Door()


def said_of_client(door: Door, found: HeaderLines, host: bytes) -> bytes:
    """Return the lines to add to a head; none for a request from inside."""
    if not door.is_public:
        return b""
    values = found.values
    scheme = door.scheme.encode("ascii")
    client = door.client.encode("ascii", "replace")
    if door.is_trusted:
        scheme = values.get(b"x-forwarded-proto", scheme)
        host = values.get(b"x-forwarded-host", host)
    chain, claimed = values.get(b"x-forwarded-for"), _sound(values.get(b"forwarded"))
    ours = b'for="[%b]"' % client if b":" in client else b"for=%b" % (client or b"unknown")
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
