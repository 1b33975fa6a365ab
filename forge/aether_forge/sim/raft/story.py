"""What happened in a run: a digest always, and lines to read when they are asked for."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: float
    what: str

    def __str__(self) -> str:
        return f"{self.at:8.3f}  {self.what}"


class Story:
    """Takes in everything that tells one run from another."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._hash = hashlib.blake2b(digest_size=16)

    def tell(self, at: float, what: str) -> None:
        """Add a line worth reading."""
        self.lines.append(Line(at, what))
        self.note(at, what)

    def note(self, at: float, what: str) -> None:
        """Add something to the digest alone."""
        self._hash.update(f"{at:.9f} {what}\n".encode())

    def digest(self) -> str:
        """Return a text that is equal for equal runs, and for no others."""
        return self._hash.hexdigest()
