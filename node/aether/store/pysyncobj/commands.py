"""Commands of the replicated log: typed on wire and in dumps, pickled only inside this process.

PySyncObj pickles the arguments of a replicated method and unpickles them to apply it. These
functions translate. Reading resolves no global but `Voter`; what is not one of the three forms
below is refused.
"""

import io
import pickle
from typing import Annotated, Any, Literal

import msgspec
from pysyncobj import pickle as library_pickle

from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.store.pysyncobj.members import MAX_NAME_BYTES, Voter, parse_member

# First byte of a command in PySyncObj's log.
_REGULAR = b"\x00"
_NO_OP = b"\x01"
_MEMBERSHIP = b"\x02"

_METHOD = 0
"""PySyncObj's number of our one replicated method."""


class Regular(msgspec.Struct, array_like=True, frozen=True, tag=1, forbid_unknown_fields=True):
    """A command for the state machine."""

    data: Annotated[bytes, msgspec.Meta(max_length=MAX_COMMAND_BYTES)]


class NoOp(msgspec.Struct, array_like=True, frozen=True, tag=2, forbid_unknown_fields=True):
    """The first entry of a term."""


class Membership(msgspec.Struct, array_like=True, frozen=True, tag=3, forbid_unknown_fields=True):
    """A voter comes or goes."""

    action: Literal["add", "rem"]
    voter: Annotated[str, msgspec.Meta(max_length=MAX_NAME_BYTES)]


LogCommand = Regular | NoOp | Membership


class ForeignCommand(ValueError):
    """Bytes in the local log that this engine did not put there."""


def to_text(data: bytes) -> str:
    """Return `data` as the text our replicated method takes: one character a byte.

    Text, because pickle's old protocols write bytes as a call of a global, and text plainly.
    """
    return data.decode("latin-1")


def from_text(text: str) -> bytes:
    """Return the bytes that `to_text` made a text of."""
    return text.encode("latin-1")


def to_local(command: LogCommand) -> bytes:
    """Return what PySyncObj keeps in its log for `command`; raises ValueError for a bad voter."""
    match command:
        case Regular(data=data):
            return _REGULAR + bytes(library_pickle.dumps((_METHOD, (to_text(data),))))
        case NoOp():
            return _NO_OP
        case Membership(action=action, voter=name):
            parse_member(name)
            # The same objects, shared in the same way, as the library's own: equal bytes.
            voter = Voter(name)
            return _MEMBERSHIP + bytes(library_pickle.dumps([action, voter.id, voter]))


def from_local(command: bytes) -> LogCommand:
    """Return the typed form of a command of the local log; raises ForeignCommand otherwise."""
    kind, rest = command[:1], command[1:]
    if kind == _NO_OP and not rest:
        return NoOp()
    value = _unpickled(rest) if kind in (_REGULAR, _MEMBERSHIP) else None
    match kind, value:
        case (b"\x00", (int(method), (str(text),))) if method == _METHOD:
            return Regular(from_text(text))
        case (b"\x02", ["add" | "rem" as action, str(name), Voter()]):
            return Membership(action, name)
        case _:
            raise ForeignCommand(f"a command of kind {kind.hex() or 'none'} is not one of ours")


class _OnlyVoters(pickle.Unpickler):
    """Resolves one name, so that no byte of a log can call anything else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the base class
        if (module, name) == (Voter.__module__, Voter.__qualname__):
            return Voter
        raise ForeignCommand(f"a command names {module}.{name}")


def _unpickled(data: bytes) -> object:
    try:
        value: object = _OnlyVoters(io.BytesIO(data)).load()
    except ForeignCommand:
        raise
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError) as bad:
        raise ForeignCommand(f"a command that cannot be read: {bad}") from bad
    return value
