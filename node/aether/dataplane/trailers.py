"""Trailers: which of them may travel on (RFC 9110 §6.5.1).

Only announced ones do, and none that says how to read, route or trust a message: such a line
would come after everything was decided.
"""

import re

NO_TRAILERS: frozenset[bytes] = frozenset()
MAX_TRAILERS = 32
"""Most names one `trailer` header announces; more are not passed on."""

_NAME = re.compile(rb"[!#-'*+.0-9a-z^`|~-]{1,128}")  # no `_`: gateways read it as `-`
_FORBIDDEN = frozenset(
    {
        b"age",
        b"authorization",
        b"cache-control",
        b"connection",
        b"cookie",
        b"date",
        b"expect",
        b"expires",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"location",
        b"max-forwards",
        b"pragma",
        b"range",
        b"retry-after",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"vary",
        b"warning",
        b"www-authenticate",
        b"x-real-ip",
        b"x-request-id",
    }
)
_FORBIDDEN_BEGINS = (b"content-", b"if-", b"proxy-", b"x-aether-", b"x-forwarded-")


def trailer_names(announced: bytes | None) -> frozenset[bytes]:
    """Return the names a `trailer` header announces, in lower case, without those that must not be."""
    if not announced:
        return NO_TRAILERS
    names = [each.strip(b" \t") for each in announced.lower().split(b",", MAX_TRAILERS)]
    return frozenset(name for name in names[:MAX_TRAILERS] if _may_pass(name))


def _may_pass(name: bytes) -> bool:
    return (
        _NAME.fullmatch(name) is not None
        and name not in _FORBIDDEN
        and not name.startswith(_FORBIDDEN_BEGINS)
    )
