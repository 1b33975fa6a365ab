"""Tests of bearer tokens kept in files."""

from pathlib import Path

import pytest

from aether.errors import Conflict
from aether.node.token_file import MAX_TOKEN_BYTES, bearer


async def test_no_file_means_no_header() -> None:
    assert await bearer("", "the advisor") == {}


async def test_a_token_is_shown_and_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    assert await bearer(str(file), "the advisor") == {"authorization": "Bearer first"}
    file.write_text("second")
    assert await bearer(str(file), "the advisor") == {"authorization": "Bearer second"}


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a" * (MAX_TOKEN_BYTES + 1)])
async def test_a_file_without_a_token_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(Conflict, match=f"{file} holds no token"):
        await bearer(str(file), "the advisor")


@pytest.mark.parametrize("content", [None, b"\xff"])
async def test_whose_token_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Conflict, match=r"the provider's token cannot be read from .*token"):
        await bearer(str(file), "the provider")
