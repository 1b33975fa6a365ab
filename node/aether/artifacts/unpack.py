"""Unpacks wheels into `{data_dir}/slices/{digest}/`, once each, checked against RECORD."""

from pathlib import Path

from aether.artifacts.archive import check_archive, verify_record
from aether.artifacts.repository import Repository
from aether.whole_files import whole_directory


def unpack_into(wheel: bytes, directory: Path) -> None:
    """Write the files of a wheel that passes every check."""
    for name, content in verify_record(check_archive(wheel)).items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


class Unpacker:
    """The unpacked wheels of this node."""

    def __init__(self, data_dir: Path, repository: Repository) -> None:
        self._directory = data_dir.absolute() / "slices"
        self._repository = repository

    def unpack(self, digest: str) -> Path:
        """Return the directory of a wheel, unpacking it if that has not been done."""
        target = self._directory / digest
        if not target.is_dir():
            wheel = self._repository.get(digest)
            with whole_directory(target) as scratch:
                unpack_into(wheel, scratch)
        return target
