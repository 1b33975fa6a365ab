"""When a certificate ends, read from its DER bytes (X.509, RFC 5280); nothing else of it is looked at."""

import base64
import binascii
from datetime import UTC, datetime

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED = 0x30, 0xA0, 0x17, 0x18


def not_after(pem: str) -> float:
    """Return when the first certificate of a PEM text ends, in seconds since 1970.

    Raises ValueError when there is none or it cannot be read.
    """
    body = pem.partition(_BEGIN)[2].partition(_END)[0]
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as problem:
        raise ValueError(f"not a PEM certificate: {problem}") from problem
    _, whole, _ = _next(der)
    _, signed, _ = _next(whole)
    tag, _, rest = _next(signed)
    if tag == _VERSION:
        _, _, rest = _next(rest)  # the serial number
    _, _, rest = _next(rest)  # how it is signed
    _, _, rest = _next(rest)  # by whom
    tag, validity, _ = _next(rest)
    if tag != _SEQUENCE:
        raise ValueError("not a certificate: it says nothing of its validity")
    _, _, rest = _next(validity)
    return _moment(*_next(rest)[:2])


def _next(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and content of the first element, and what comes after it."""
    if len(data) < 2:
        raise ValueError("not a certificate: it is cut off")
    size, at = data[1], 2
    if size & 0x80:
        at = 2 + (size & 0x7F)
        size = int.from_bytes(data[2:at], "big")
    if at + size > len(data):
        raise ValueError("not a certificate: it is cut off")
    return data[0], data[at : at + size], data[at + size :]


def _moment(tag: int, content: bytes) -> float:
    text = content.decode("ascii", "replace")
    if tag == _UTC_TIME:
        century = "19" if text[:2] >= "50" else "20"
        text = century + text
    elif tag != _GENERALIZED:
        raise ValueError("not a certificate: its end is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
