"""Asks for further nodes over HTTP: whatever runs the machines answers at the other end.

`POST {url}` with JSON `{"node", "join", "cluster_id"}` and a bearer token; any 2xx means that the node is
being started. Redirects are not followed: the token is for the host that was configured.
"""

from collections.abc import Callable, Sequence

import aiohttp
import msgspec

from aether.config.node import ProviderConfig
from aether.core.model.ids import NodeId
from aether.errors import AetherError, Conflict, Unavailable
from aether.node.token_file import bearer

MAX_ANSWER_BYTES = 4096
"""Of an answer that says why not; the rest is not read."""
MAX_JOIN = 5
"""Addresses handed to a new node: any live one is enough."""
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class HttpNodeProvider:
    """`ports.NodeProvider` over HTTP. `join` says where members of the cluster can be reached now."""

    def __init__(
        self, config: ProviderConfig, cluster_id: str, join: Callable[[], Sequence[str]]
    ) -> None:
        self._config = config
        self._cluster_id = cluster_id
        self._join = join

    async def provide(self, node: NodeId) -> None:
        """Have the node started; raises Unavailable when nobody answers in time, Conflict when refused."""
        body = msgspec.json.encode(
            {
                "node": node,
                "join": list(self._join())[:MAX_JOIN],
                "cluster_id": self._cluster_id,
            }
        )
        headers = {
            "content-type": "application/json",
            **await bearer(self._config.token_file, "the provider"),
        }
        timeout = aiohttp.ClientTimeout(total=self._config.timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._config.url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                told = await response.content.read(MAX_ANSWER_BYTES)
                status = response.status
        except TimeoutError as late:  # an OSError too, so it comes first
            raise Unavailable(
                f"the provider at {self._config.url} did not answer in {self._config.timeout_s:g} s"
            ) from late
        except (aiohttp.ClientError, OSError) as problem:
            raise Unavailable(
                f"the provider at {self._config.url} cannot be reached: {problem}"
            ) from problem
        if not 200 <= status < 300:
            raise _refusal(self._config.url, node, status, told)


def _refusal(url: str, node: NodeId, status: int, told: bytes) -> AetherError:
    said = " ".join(told.decode(errors="replace").split())[:300]
    text = f"the provider at {url} answered {status} for {node}: {said or 'no reason given'}"
    refused = _CLIENT_ERROR <= status < _SERVER_ERROR
    return Conflict(text) if refused else Unavailable(text)
