"""`wsgi.file_wrapper`: a file as blocks large enough to be worth their way to the event loop."""

from collections.abc import Callable, Iterator
from typing import IO

LEAST_BYTES = 64 * 1024


class FileBlocks:
    """An iterable over a file from where it stands; closes the file when the answer is over."""

    def __init__(self, file: IO[bytes], block_size: int = LEAST_BYTES) -> None:
        self._file = file
        self._size = max(block_size, LEAST_BYTES)
        close: Callable[[], None] | None = getattr(file, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Iterator[bytes]:
        while block := self._file.read(self._size):
            yield block
