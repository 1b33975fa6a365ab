"""One POST to a webhook: http or https, no redirects, nothing of the answer but its status."""

from collections.abc import Mapping

import aiohttp

from aether.errors import Unavailable


async def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Return the status of the answer; raises Unavailable when there is none within `timeout_s`.

    Redirects are not followed: what is signed is for the host that was named.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status
    except TimeoutError as late:  # an OSError too, so it comes first
        raise Unavailable(f"{url} did not answer within {timeout_s:g} s") from late
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise Unavailable(f"{url} cannot be reached: {problem}") from problem
