"""The links in the cluster's store: one key a code, written once and never changed."""

import asyncio
import re
import secrets
import string
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aether import Kv, KvConflict, KvOutcomeUnknown, KvUnavailable

ALPHABET = string.ascii_letters + string.digits
MIN_CODE_LENGTH, MAX_CODE_LENGTH = 4, 32
ATTEMPTS = 8
"""Codes tried for one link. 62^7 codes are some 3.5 million million: a second is hardly ever needed."""
PATIENCE_S = 20.0
"""While the cluster elects a leader, or this node's process is started again, the store is away: new attempts
are made for so long."""
PAUSE_S = 0.1

_CODE = re.compile(rf"[A-Za-z0-9]{{{MIN_CODE_LENGTH},{MAX_CODE_LENGTH}}}")
_Answer = TypeVar("_Answer")


class NoCodeFree(Exception):
    """Every code tried was taken: codes of this length are running out."""


class LinkTable:
    """Codes and the addresses they stand for."""

    def __init__(self, kv: Kv, code_length: object) -> None:
        self._kv = kv
        self._code_length = _checked(code_length)

    async def add(self, url: str) -> str:
        """Store an address under a new random code and return the code."""
        for _attempt in range(ATTEMPTS):
            code = "".join(secrets.choice(ALPHABET) for _ in range(self._code_length))
            if await self._claim(code, url):
                return code
        raise NoCodeFree(
            f"{ATTEMPTS} random codes of {self._code_length} characters were all taken: "
            "raise code_length in the blueprint"
        )

    async def find(self, code: str) -> str | None:
        """Return the address a code stands for, or None."""
        if not _CODE.fullmatch(code):
            return None  # no link has such a code, so the store need not be asked
        return await _patiently(lambda: self._read(code))

    async def _read(self, code: str) -> str | None:
        entry = await self._kv.get(_key(code))
        return entry.value.decode() if entry is not None else None

    async def _claim(self, code: str, url: str) -> bool:
        """Make the code stand for the address, unless it is taken already; say whether it does."""
        may_be_ours = False

        async def put() -> bool:
            nonlocal may_be_ours
            try:
                await self._kv.put(_key(code), url.encode(), version=0)
            except KvConflict:
                # After an attempt whose outcome nobody knows, the one who has the code may be us.
                return may_be_ours and await self._read(code) == url
            except KvOutcomeUnknown:
                may_be_ours = True
                raise
            return True

        return await _patiently(put)


async def _patiently(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask again while the store is away; `ask` must do no harm when it is called twice."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + PATIENCE_S
    while True:
        try:
            return await ask()
        except (KvUnavailable, KvOutcomeUnknown):
            if loop.time() >= give_up_at:
                raise
        await asyncio.sleep(PAUSE_S)


def _key(code: str) -> str:
    return f"link/{code}"


def _checked(code_length: object) -> int:
    lengths = range(MIN_CODE_LENGTH, MAX_CODE_LENGTH + 1)
    # Exactly int: True is one to isinstance, but no length to anybody.
    if type(code_length) is int and code_length in lengths:
        return code_length
    raise ValueError(
        f"code_length = {code_length!r}: expected a whole number from {MIN_CODE_LENGTH} "
        f'to {MAX_CODE_LENGTH} in [config."org.example:links"]'
    )
