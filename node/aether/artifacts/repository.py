"""Wheels by the digest of their bytes: what is stored under a name is what the name says."""

import asyncio
import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from aether.errors import DigestMismatch, Invalid, NotFound
from aether.whole_files import write_whole

_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of some bytes, lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def check_digest(content: bytes, expected: str | None) -> str:
    """Return the digest of `content`; raise DigestMismatch when another one was announced."""
    digest = digest_of(content)
    if expected is not None and expected.lower().removeprefix("sha256:") != digest:
        raise DigestMismatch(
            f"the wheel's SHA-256 is {digest}, announced was {expected}: send it again",
            fields={"digest": digest, "expected": expected},
        )
    return digest


class Repository:
    """The wheels this node holds, below `{data_dir}/artifacts/`."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir.absolute() / "artifacts"

    def path(self, digest: str) -> Path:
        """Return where a wheel is, or would be; raise Invalid for what is not a digest."""
        if not _DIGEST.fullmatch(digest):
            raise Invalid(f"{digest!r} is not a SHA-256 digest: expected 64 lower-case hex digits")
        return self._directory / f"{digest}.whl"

    def has(self, digest: str) -> bool:
        """Whether the wheel is here."""
        return self.path(digest).is_file()

    def put(self, wheel: bytes, expected_digest: str | None = None) -> str:
        """Keep a wheel and return its digest; on disk for good when this returns."""
        digest = check_digest(wheel, expected_digest)
        if not self.has(digest):
            write_whole(self.path(digest), wheel)
        return digest

    def get(self, digest: str) -> bytes:
        """Return a wheel, checked again; a damaged one is removed and DigestMismatch raised."""
        path = self.path(digest)
        try:
            wheel = path.read_bytes()
        except FileNotFoundError as absent:
            raise NotFound(f"no wheel with digest {digest} is on this node") from absent
        try:
            check_digest(wheel, digest)
        except DigestMismatch:
            path.unlink(missing_ok=True)
            raise
        return wheel

    def remove(self, digest: str) -> None:
        """Let a wheel go; no error when it is not here."""
        self.path(digest).unlink(missing_ok=True)


class Shelf:
    """A repository as asked from an event loop: files are read and written in threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def held(self, digests: Collection[str]) -> frozenset[str]:
        """Return which of the wheels are here; what is not a digest is not."""
        return await asyncio.to_thread(self._held, digests)

    def _held(self, digests: Collection[str]) -> frozenset[str]:
        return frozenset(
            digest
            for digest in digests
            if _DIGEST.fullmatch(digest) and self._repository.has(digest)
        )

    async def put(self, wheel: bytes, digest: str) -> None:
        """Keep a wheel; raises DigestMismatch when it is another one, OSError from the disk."""
        await asyncio.to_thread(self._repository.put, wheel, digest)
