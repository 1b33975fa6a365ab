"""Bearer tokens kept in files, for what a node asks over HTTP: read anew each time, so a token can be changed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from aether.errors import Conflict

MAX_TOKEN_BYTES = 4096


async def bearer(file: str, whose: str) -> Mapping[str, str]:
    """Return the header that shows the token in `file`, none when no file is named.

    Raises Conflict, which names the file and `whose` token it is, when it holds none.
    """
    if not file:
        return {}
    path = Path(file)
    try:
        content = await asyncio.to_thread(_read, path)
        token = content.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Conflict(f"{whose}'s token cannot be read from {path}: {problem}") from problem
    if not token or not token.isprintable() or len(content) > MAX_TOKEN_BYTES:
        raise Conflict(
            f"{path} holds no token: expected one line of at most {MAX_TOKEN_BYTES} bytes"
        )
    return {"authorization": f"Bearer {token}"}


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_TOKEN_BYTES + 1)
