"""Heads that came before: a router sends mostly the same header lines, request after request.

What differs from one request of a client to the next is often its id and its trace alone, and
routers put those last. The lines before them are as sound as they were the first time, byte for
byte: the parser read them then, and need not again. Only requests without a body are known this way.
"""

import re

_BEFORE_ID = b"\r\nx-request-id: "
_HEAD_END = b"\r\n\r\n"
_MOST_BYTES = 4096
"""Longest head that is kept."""
_VARYING = re.compile(
    rb"([!-~]{1,128})(?:\r\ntraceparent: ([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}))?\r\n\r\n"
)

Fields = list[tuple[bytes, bytes]]


class KnownHead:
    """One head that was read, up to the value of its request's id."""

    __slots__ = ("_begin", "_fields", "method", "path", "query")

    def __init__(self, begin: bytes, fields: Fields, target: tuple[str, bytes, bytes]) -> None:
        """Keep the bytes before the id, the headers read from them, and method, path and query."""
        self._begin = begin
        self._fields = fields
        self.method, self.path, self.query = target

    def fields_of(self, data: bytes) -> Fields | None:
        """Return the headers of a request that begins like this one; None when `data` is not that alone."""
        if not data.startswith(self._begin):
            return None
        varying = _VARYING.fullmatch(data, len(self._begin))
        if varying is None:
            return None
        request_id, trace = varying.groups()
        fields = [*self._fields, (b"x-request-id", request_id)]
        if trace is not None:
            fields.append((b"traceparent", trace))
        return fields


def known_head(data: bytes, fields: Fields, target: tuple[str, bytes, bytes]) -> KnownHead | None:
    """Return what to keep of a head that was read from `data` alone; None when it does not end as those of routers do.

    `fields` are all its headers in order; `target` is method, path and query.
    """
    if len(data) > _MOST_BYTES or data.find(_HEAD_END) != len(data) - len(_HEAD_END):
        return None
    before = data.rfind(_BEFORE_ID)
    begin = data[: before + len(_BEFORE_ID)]
    varying = _VARYING.fullmatch(data, len(begin)) if before >= 0 else None
    if varying is None:
        return None
    kept = fields[: -1 if varying[2] is None else -2]
    return KnownHead(begin, kept, target)
