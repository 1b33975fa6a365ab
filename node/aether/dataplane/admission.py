"""How many connections one address may hold, and whose word on other addresses counts.

One client must not take every connection the router can hold. An IPv6 client is counted by its
/64, of which it has every address; an IPv4 address written as IPv6 is the IPv4 address.
"""

import ipaddress
from collections.abc import Iterable

import structlog

from aether.core.dataplane.crowds import Crowds

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOG_EACH_S = 10.0
_IPV6_CLIENT_BITS = 64

log = structlog.get_logger()


class Admission:
    """The connections each address holds now, and the bound on them."""

    def __init__(self, most: int, trusted: Iterable[str] = ()) -> None:
        """Allow `most` connections an address; networks in `trusted` are not bounded.

        Raises ValueError for what is not a network, as `10.0.0.0/8` or `::1`.
        """
        self._most = most
        self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in trusted)
        self._held: dict[str, int] = {}
        self.crowds: Crowds | None = None
        """Connections at the node's other router processes; None when there are none."""
        self.refused = 0
        """Connections refused since the start."""
        self._logged_at = float("-inf")

    def enter(self, address: str) -> str | None:
        """Count a connection in; return what to give `leave`, None when there are too many.

        An address that is none, as of a Unix socket, and a trusted one are not counted: empty.
        """
        parsed = _parse(address)
        if parsed is None or self._is_trusted(parsed):
            return ""
        key = _client(parsed)
        held, crowds = self._held.get(key, 0), self.crowds
        elsewhere = 0 if crowds is None else crowds.elsewhere(key)
        if held + elsewhere >= self._most:
            self.refused += 1
            return None
        self._held[key] = held + 1
        if crowds is not None:
            crowds.enter(key)
        return key

    def leave(self, key: str) -> None:
        """Count out what `enter` counted in, once."""
        held = self._held.get(key, 0)
        if held and self.crowds is not None:
            self.crowds.leave(key)
        if held > 1:
            self._held[key] = held - 1
        elif held:
            del self._held[key]

    def is_trusted(self, address: str) -> bool:
        """Whether an address is a proxy whose word on client, protocol and host counts."""
        if not self._trusted:
            return False
        parsed = _parse(address)
        return parsed is not None and self._is_trusted(parsed)

    def log_refusal(self, address: str, now: float) -> None:
        """Say that connections are refused, at most once in ten seconds."""
        if now - self._logged_at >= _LOG_EACH_S:
            self._logged_at = now
            log.warning(
                "an address holds as many connections as it may",
                address=address,
                limit=self._most,
                refused=self.refused,
            )

    @property
    def held(self) -> int:
        """How many connections are counted now."""
        return sum(self._held.values())

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _parse(address: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _client(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_CLIENT_BITS), strict=False))
