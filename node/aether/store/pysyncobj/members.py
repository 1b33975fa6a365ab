"""How a voter is named inside PySyncObj: `node@host:port`, so that all learn its address."""

from collections.abc import Iterable
from typing import Any

from pysyncobj.node import Node

from aether.core.model.ids import parse_node_id
from aether.ports import Member

MAX_NAME_BYTES = 400


def member_name(member: Member) -> str:
    """Return the name of a voter; raises ValueError when its address is not `host:port`."""
    name = f"{member.node}@{member.address}"
    parse_member(name)
    return name


def parse_member(name: str) -> Member:
    """Return the voter that `name` stands for; raises ValueError saying what is wrong."""
    node, at, address = name.partition("@")
    host, colon, port = address.rpartition(":")
    if len(name) > MAX_NAME_BYTES or not at or not host or not colon:
        raise ValueError(f"{name[:MAX_NAME_BYTES]!r} is not a voter: expected node@host:port")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"the port of voter {name!r} is not a number from 1 to 65535")
    return Member(parse_node_id(node), address)


class Voter(Node):  # type: ignore[misc]  # the library has no annotations
    """PySyncObj's view of one voter; equal by name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.member = parse_member(name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the name alone: the only object in what PySyncObj pickles locally."""
        return Voter, (self.id,)


def voters(members: Iterable[Member]) -> set[Voter]:
    """Return PySyncObj's view of `members`."""
    return {Voter(member_name(member)) for member in members}
