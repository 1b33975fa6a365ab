"""What two members say to each other before the first packet: who they are, and why not.

The dialling side says Hello; the other answers Welcome or Denial. Rules for this file: the prefix
(magic, then one byte of protocol) and the form of Denial never change, so that a member of any
version can tell a member of any other why it will not talk to it.
"""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from aether.core.model.ids import NodeId, parse_node_id

MAGIC = b"AeRaft"
PROTOCOL = 1
MAX_HELLO_BYTES = 4096
MAX_ADDRESS_CHARACTERS = 300

WRONG_PROTOCOL = "wrong_protocol"
WRONG_CLUSTER = "wrong_cluster"
WRONG_NODE = "wrong_node"
WRONG_CERTIFICATE = "wrong_certificate"
OLD_CONNECTION = "old_connection"
TOO_MANY = "too_many"
MALFORMED = "malformed"
TLS_UNEXPECTED = "tls_unexpected"
"""Codes of denials: what an operator searches the log for."""

_PREFIX = MAGIC + bytes([PROTOCOL])
_TLS_RECORDS = (b"\x14\x03", b"\x15\x03", b"\x16\x03")
"""How records of TLS begin: change of cipher, alert, handshake; then the version's first byte."""


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """The dialling member introduces itself and says whom it means to have reached."""

    cluster_id: str
    node: str
    to: str
    incarnation: str
    """Names one life of the member's process."""
    connection: int
    """Counts the connections dialled in this life: a smaller number is an older connection."""
    address: str
    """Where the member can be reached, for one that does not know it yet."""


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The accepting member lets the other speak."""

    node: str


class Denial(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The accepting member ends the connection: why, in one word and in a sentence."""

    code: str
    message: str


_hello = msgspec.msgpack.Decoder(Hello)
_answer = msgspec.msgpack.Decoder(Welcome | Denial)
_encoder = msgspec.msgpack.Encoder()


class Denied(ConnectionError):
    """One side of a connection will not talk to the other; `code` says why in one word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """How this member introduces itself, in every handshake of one life."""

    cluster_id: str
    node: NodeId
    incarnation: str
    address: str


def encode(said: Hello | Welcome | Denial) -> bytes:
    """Return the body of a handshake's frame."""
    return _PREFIX + _encoder.encode(said)


def decode_hello(body: bytes | memoryview) -> Hello:
    """Return what a dialling member says of itself; raises Denied when it makes no sense."""
    data = _unprefixed(bytes(body))
    try:
        hello = _hello.decode(data)
        parse_node_id(hello.node)
        parse_node_id(hello.to)
    except ValueError as problem:
        raise Denied(MALFORMED, f"the hello is malformed: {problem}") from problem
    if len(hello.address) > MAX_ADDRESS_CHARACTERS:
        raise Denied(MALFORMED, f"the hello's address has {len(hello.address)} characters")
    return hello


def check_answer(body: bytes | memoryview, expected: NodeId) -> None:
    """Return when the member dialled welcomes us and is the one meant; else raise Denied."""
    data = bytes(body)
    if data[: len(MAGIC)] != MAGIC:
        _unprefixed(data)
    # A denial is read whatever protocol its sender speaks.
    try:
        answer = _answer.decode(data[len(_PREFIX) :])
    except ValueError as problem:
        _unprefixed(data)
        raise Denied(MALFORMED, f"the answer to hello is malformed: {problem}") from problem
    if isinstance(answer, Denial):
        raise Denied(answer.code, f"it refuses: {answer.message}")
    _unprefixed(data)
    if answer.node != expected:
        raise Denied(WRONG_NODE, f"{answer.node} answers at the address of {expected}")


def check_hello(
    hello: Hello, me: Introduction, named_by_certificate: Collection[str] | None
) -> NodeId:
    """Return who dialled; raises Denied when it does not belong here.

    `named_by_certificate` are the nodes its certificate speaks for; None without TLS.
    """
    if hello.cluster_id != me.cluster_id:
        raise Denied(
            WRONG_CLUSTER, f"{hello.node} belongs to another cluster, {hello.cluster_id[:64]!r}"
        )
    if hello.to != me.node:
        raise Denied(WRONG_NODE, f"{hello.node} means {hello.to}, but this is {me.node}")
    if hello.node == me.node:
        raise Denied(WRONG_NODE, f"{hello.node} is this member's own name: two run under it")
    check_certificate(hello.node, named_by_certificate)
    return NodeId(hello.node)


def check_certificate(node: str, named_by_certificate: Collection[str] | None) -> None:
    """Raise Denied unless the other side's certificate speaks for `node`."""
    if named_by_certificate is not None and node not in named_by_certificate:
        names = ", ".join(sorted(named_by_certificate)) or "no node"
        raise Denied(WRONG_CERTIFICATE, f"the certificate names {names}, not {node}")


def foreign(first_bytes: bytes) -> Denied | None:
    """Name what speaks when the first bytes of a connection are no frame of ours, if that shows."""
    if first_bytes[:2] in _TLS_RECORDS:
        return Denied(TLS_UNEXPECTED, "it speaks TLS, but this member has none: set tls on both")
    return None


def _unprefixed(data: bytes) -> bytes:
    """Return what follows the prefix; raises Denied for another protocol."""
    if data[: len(MAGIC)] != MAGIC:
        raise Denied(MALFORMED, "it does not speak the protocol of Raft ports")
    protocol = data[len(MAGIC) : len(_PREFIX)]
    if protocol != _PREFIX[len(MAGIC) :]:
        spoken = protocol[0] if protocol else "none"
        raise Denied(WRONG_PROTOCOL, f"it speaks protocol {spoken}, not {PROTOCOL}")
    return data[len(_PREFIX) :]
