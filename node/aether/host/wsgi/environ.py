"""The environ of a request: what PEP 3333 and CGI (RFC 3875) want, from what the router sends.

The only clients of a host are routers of its node, so what they say of the client is true:
`x-forwarded-proto`, `x-forwarded-host`, and the last address of `x-forwarded-for`, which is
whoever connected to the first router.
"""

import sys
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from aether.host.exchange import Exchange

Environ = dict[str, Any]  # as PEP 3333 has it

PORTS = {"http": "80", "https": "443"}
# Transfer-Encoding has been undone by whoever reads; HTTP_PROXY would be taken for a setting.
_LEFT_OUT = frozenset({b"transfer-encoding", b"proxy"})
_MOST_NAMES = 1024
_LONGEST_KEPT = 64


def path_info(path: bytes, prefix: str) -> str | None:
    """Return the path below `prefix`, decoded to bytes and those read as Latin-1; None elsewhere.

    The prefix alone becomes "/": applications would redirect or deny an empty path.

    >>> path_info(b"/shop/caf%C3%A9", "/shop")
    '/cafÃ©'
    """
    whole = unquote_to_bytes(path).decode("latin-1")
    if whole == prefix:
        return "/"
    return whole[len(prefix) :] if whole.startswith(f"{prefix}/") else None


def environ_of(exchange: Exchange, prefix: str, below: str) -> Environ:
    """Return the environ but for its body: `wsgi.input` and, of a chunked body, CONTENT_LENGTH."""
    headers = _headers(exchange)
    scheme = "https" if headers.get("HTTP_X_FORWARDED_PROTO") == "https" else "http"
    server, port = _server(headers, scheme)
    query = exchange.query.decode("latin-1")
    target = exchange.path.decode("latin-1")
    return {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": prefix,
        "PATH_INFO": below,
        "QUERY_STRING": query,
        "REQUEST_URI": f"{target}?{query}" if query else target,
        "SERVER_PROTOCOL": "HTTP/1.0" if exchange.http_1_0 else "HTTP/1.1",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": headers.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip(),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        **headers,
    }


def _headers(exchange: Exchange) -> dict[str, str]:
    """Return the headers under their names of CGI; repeated ones are joined.

    A name with an underscore is left out: it would stand for the one with a hyphen.
    """
    found: dict[str, str] = {}
    for raw, value in exchange.headers:
        name = _kept_name(raw) if len(raw) <= _LONGEST_KEPT else _name(raw)
        text = value.decode("latin-1")
        if not name:
            continue
        if name in found:
            text = f"{found[name]}{'; ' if raw == b'cookie' else ','}{text}"
        found[name] = text
    return found


def _name(raw: bytes) -> str:
    """Return the name of CGI; an empty one for what is left out."""
    if b"_" in raw or raw in _LEFT_OUT:
        return ""
    name = raw.decode("latin-1").upper().replace("-", "_")
    return name if raw in (b"content-type", b"content-length") else f"HTTP_{name}"


_kept_name = lru_cache(maxsize=_MOST_NAMES)(_name)


def _server(headers: dict[str, str], scheme: str) -> tuple[str, str]:
    """Return host and port as the client named them."""
    host = headers.get("HTTP_X_FORWARDED_HOST") or headers.get("HTTP_HOST") or "localhost"
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return name or "localhost", port
    return host, PORTS[scheme]
