import io

from aether.host.wsgi.file_blocks import LEAST_BYTES, FileBlocks


def test_a_file_is_given_from_where_it_stands_in_large_blocks() -> None:
    file = io.BytesIO(b"x" * (2 * LEAST_BYTES + 10))
    file.seek(5)
    sizes = [len(block) for block in FileBlocks(file, 100)]
    assert sizes == [LEAST_BYTES, LEAST_BYTES, 5]
    assert [len(block) for block in FileBlocks(io.BytesIO(b"abc"), 2 * LEAST_BYTES)] == [3]


def test_it_closes_the_file_if_that_can_be_closed() -> None:
    file = io.BytesIO(b"abc")
    FileBlocks(file).close()
    assert file.closed

    class Endless:
        def read(self, size: int) -> bytes:
            return b""

    blocks = FileBlocks(Endless())  # type: ignore[arg-type] # a file may lack close
    assert list(blocks) == []
    assert not hasattr(blocks, "close")
