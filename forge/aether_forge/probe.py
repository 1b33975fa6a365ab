"""Asks a node whether it is ready."""

import asyncio
import http.client
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

PROBE_S = 1.0

Probe = Callable[[str], Awaitable[bool]]
"""Takes a management URL."""


async def is_ready(management_url: str) -> bool:
    """Whether the node answers 200 to `/health/ready` within a second."""
    return await asyncio.to_thread(_ask, management_url)


def _ask(management_url: str) -> bool:
    parts = urlsplit(management_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PROBE_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
