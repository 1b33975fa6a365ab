"""What a transaction may hold: checked by the client before it asks and by the machine again."""

from collections.abc import Iterator
from dataclasses import dataclass

from aether.core.store.commands import (
    MAX_KEY_BYTES,
    MAX_OPERATIONS,
    MAX_VALUE_BYTES,
    DeletePrefix,
    Operation,
    Put,
    Txn,
)

MAX_COMMAND_BYTES = 4 * 1024 * 1024
"""Most bytes of one encoded command: what one log entry may hold."""
MAX_REQUEST_ID_BYTES = 128
_SURELY_SHORT = MAX_REQUEST_ID_BYTES // 4
"""Characters that never take more bytes than a request id may have."""


@dataclass(frozen=True, slots=True)
class Breach:
    """What a request does that none may; `too_large` when less of the same would do."""

    message: str
    too_large: bool = True


def key_problem(key: str, what: str = "key") -> Breach | None:
    """Say why `key` cannot name an entry, or None."""
    if not key:
        return Breach(f"an empty {what}: name at least one character", too_large=False)
    return prefix_problem(key, what)


def prefix_problem(prefix: str, what: str = "prefix") -> Breach | None:
    """Say why `prefix` cannot be searched for, or None; the empty prefix means every key."""
    size = _utf8_size(prefix)
    if size is None:
        message = f"{what} {prefix[:64]!r} is not valid Unicode: it holds a lone surrogate"
        return Breach(message, too_large=False)
    if size > MAX_KEY_BYTES:
        return Breach(f"{what} {prefix[:64]!r}… has {size} bytes; the limit is {MAX_KEY_BYTES}")
    return None


def txn_problem(txn: Txn, size: int | None = None) -> Breach | None:
    """Say which limit `txn` breaks first, naming the key and the limit, or None.

    `size` is that of its encoded command, when it was decoded from one: a small command can break
    few limits, which spares most of the looking.
    """
    if size is not None and size <= MAX_KEY_BYTES and len(txn.request_id) <= _SURELY_SHORT:
        # Shorter than the longest key and, at three bytes an operation, than the most operations;
        # decoded, so its texts are Unicode and its keys are not empty.
        return None
    return next(_problems(txn), None)


def lone_put(txn: Txn, size: int) -> Put | None:
    """Return the put a transaction is, when nothing else is in it and no limit can be broken.

    `size` is that of the command it was decoded from.
    """
    then = txn.then
    if (
        len(then) == 1
        and type(put := then[0]) is Put
        and not put.lease
        and not txn.guards
        and size <= MAX_KEY_BYTES
        and len(txn.request_id) <= _SURELY_SHORT
    ):
        return put
    return None


def request_problem(request_id: str) -> Breach | None:
    """Say why a request id cannot be, or None; the empty one means none."""
    size = _utf8_size(request_id)
    if size is not None and size <= MAX_REQUEST_ID_BYTES:
        return None
    message = (
        f"request id {request_id[:64]!r}… is not Unicode of at most {MAX_REQUEST_ID_BYTES} bytes"
    )
    return Breach(message, too_large=size is not None)


def _problems(txn: Txn) -> Iterator[Breach]:
    for count, what in (
        (len(txn.guards), "guards"),
        (len(txn.then), "operations in `then`"),
        (len(txn.otherwise), "operations in `otherwise`"),
    ):
        if count > MAX_OPERATIONS:
            yield Breach(f"{count} {what}; the limit is {MAX_OPERATIONS} in one transaction")
    if breach := request_problem(txn.request_id):
        yield breach
    for guard in txn.guards:
        if problem := key_problem(guard.key, "guard's key"):
            yield problem
    for operation in (*txn.then, *txn.otherwise):
        if problem := _operation_problem(operation):
            yield problem


def _operation_problem(operation: Operation) -> Breach | None:
    if isinstance(operation, DeletePrefix):
        return prefix_problem(operation.prefix)
    problem = key_problem(operation.key)
    if problem is None and isinstance(operation, Put) and len(operation.value) > MAX_VALUE_BYTES:
        return Breach(
            f"the value of key {operation.key!r} has {len(operation.value)} bytes; "
            f"the limit is {MAX_VALUE_BYTES}"
        )
    return problem


def _utf8_size(text: str) -> int | None:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None
