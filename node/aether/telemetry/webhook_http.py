"""One POST to a webhook: http or https, no redirects, nothing of the answer but its status."""

from collections.abc import Mapping

import aiohttp

from aether.core.alerts.showing import host_of
from aether.errors import Unavailable


async def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Return the status of the answer; raises Unavailable when there is none within `timeout_s`.

    Redirects are not followed: what is signed is for the host that was named. The error names that host
    alone: path and query may hold a token, and what the client library says may repeat them.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status
    except TimeoutError as late:  # an OSError too, so it comes first
        raise Unavailable(f"{host_of(url)} did not answer within {timeout_s:g} s") from late
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        what = type(problem).__name__
        raise Unavailable(f"{host_of(url)} cannot be reached: {what}") from None
