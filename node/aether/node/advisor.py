"""Asks an advisor over HTTP: the figures of the slices go out, proposals come back.

`POST {url}` with JSON and a bearer token. Only the URL of the node's configuration is ever called, and
redirects are not followed, so nothing that is read or answered decides where requests go.
"""

import aiohttp

from aether.config.advisor import AdvisorConfig
from aether.core.control.proposals import MAX_ANSWER_BYTES
from aether.errors import Unavailable
from aether.node.token_file import bearer

_OK = 200


class HttpAdvisor:
    """`ports.Advisor` over HTTP."""

    def __init__(self, config: AdvisorConfig) -> None:
        self._config = config

    async def advise(self, figures: bytes) -> bytes:
        """Return the answer; raises Unavailable when there is none in time, Conflict for a bad token."""
        url, limit_s = self._config.url, self._config.timeout_s
        headers = {
            "content-type": "application/json",
            **await bearer(self._config.token_file, "the advisor"),
        }
        timeout = aiohttp.ClientTimeout(total=limit_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=figures, headers=headers, allow_redirects=False) as response,
            ):
                told = await _read(response)
                status = response.status
        except TimeoutError as late:  # an OSError too, so it comes first
            raise Unavailable(f"the advisor at {url} did not answer in {limit_s:g} s") from late
        except (aiohttp.ClientError, OSError) as problem:
            raise Unavailable(f"the advisor at {url} cannot be reached: {problem}") from problem
        if status != _OK:
            raise Unavailable(f"the advisor at {url} answered {status}; 200 is expected")
        return told


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, one byte more than is allowed at most: whoever reads it says that it is too long."""
    parts: list[bytes] = []
    left = MAX_ANSWER_BYTES + 1
    async for part in response.content.iter_chunked(16 * 1024):
        parts.append(part[:left])
        left -= len(part)
        if left <= 0:
            break
    return b"".join(parts)
