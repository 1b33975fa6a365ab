"""Addresses of others that people configure: what may be called at all."""

from urllib.parse import urlsplit


def is_http_url(text: str) -> bool:
    """Whether `text` is an http(s) URL with a host, and no user, query or fragment in it.

    >>> is_http_url("https://advisor.example.org/slices")
    True
    >>> is_http_url("file:///etc/passwd")
    False
    """
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    fits = port_fits and text.isprintable() and " " not in text
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and fits
