import io
import warnings
import zipfile

import pytest

from aether.artifacts import archive
from aether.artifacts.archive import check_archive, dist_info, verify_record
from aether.errors import ArtifactInvalid, TooLarge
from tests.wheels import INFO, SOURCE, record_of, wheel, wheel_files, zipped


def with_file(name: str, content: bytes = b"x", *, link: bool = False) -> bytes:
    files = wheel_files(files={"sample/__init__.py": SOURCE, name: content})
    return zipped(files, links=(name,) if link else ())


def test_a_good_wheel_gives_its_files() -> None:
    files = verify_record(check_archive(wheel()))
    assert files["sample/__init__.py"] == SOURCE
    assert dist_info(check_archive(wheel())) == INFO


@pytest.mark.parametrize(
    "name",
    ["../evil.py", "/etc/evil", "a/../../evil", "c:evil", "a\\..\\evil", "bad\nname", "x" * 600],
)
def test_names_that_lead_outside_are_refused(name: str) -> None:
    with pytest.raises(ArtifactInvalid, match="could lead outside"):
        check_archive(with_file(name))


def test_links_are_refused() -> None:
    with pytest.raises(ArtifactInvalid, match="link or a device"):
        check_archive(with_file("sample/link", b"/etc/passwd", link=True))


def test_names_twice_are_refused_even_in_other_letters() -> None:
    with pytest.raises(ArtifactInvalid, match="twice"):
        check_archive(with_file("SAMPLE/__init__.py"))
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what is made on purpose
        with zipfile.ZipFile(made, "w") as target:
            target.writestr("a.py", b"1")
            target.writestr("a.py", b"2")
    with pytest.raises(ArtifactInvalid, match="twice"):
        check_archive(made.getvalue())


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 50, wheel()[:-30]])
def test_what_is_no_archive_is_refused_with_the_remedy(content: bytes) -> None:
    with pytest.raises(ArtifactInvalid, match="aether slice build"):
        check_archive(content)


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge, match="packed more than"):
        check_archive(with_file("sample/zeros", b"\0" * 5_000_000))
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 10)
    with pytest.raises(TooLarge, match="unpacks to"):
        check_archive(wheel())


def test_counts_and_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(TooLarge, match="files"):
        check_archive(wheel())
    monkeypatch.setattr(archive, "MAX_WHEEL_BYTES", 100)
    with pytest.raises(TooLarge, match="over the limit of 100"):
        check_archive(wheel())


def test_a_size_that_lies_is_found_out() -> None:
    good = zipped(wheel_files(files={"sample/__init__.py": b"a" * 1000}))
    lying = good.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(ArtifactInvalid):
        verify_record(check_archive(lying))


def test_contents_must_be_what_record_says() -> None:
    files = wheel_files()
    files["sample/__init__.py"] = b"import os"
    with pytest.raises(ArtifactInvalid, match="not what RECORD says"):
        verify_record(check_archive(zipped(files)))


def test_record_lists_every_file_and_nothing_else() -> None:
    files = wheel_files()
    files["sample/extra.py"] = b""
    with pytest.raises(ArtifactInvalid, match=r"differ: 'sample/extra\.py'"):
        verify_record(check_archive(zipped(files)))
    files = wheel_files()
    del files["sample/__init__.py"]
    with pytest.raises(ArtifactInvalid, match="differ"):
        verify_record(check_archive(zipped(files)))


@pytest.mark.parametrize("record", [b"\xff\xfe", b"only,two\n", b"a,b,c,d\n"])
def test_a_malformed_record_is_refused(record: bytes) -> None:
    files = wheel_files() | {f"{INFO}/RECORD": record}
    with pytest.raises(ArtifactInvalid, match="RECORD"):
        verify_record(check_archive(zipped(files)))


def test_a_wheel_has_one_record_and_one_dist_info() -> None:
    files = wheel_files()
    del files[f"{INFO}/RECORD"]
    with pytest.raises(ArtifactInvalid, match="no RECORD"):
        verify_record(check_archive(zipped(files)))
    files = wheel_files(files={"other-1.dist-info/METADATA": b""})
    with pytest.raises(ArtifactInvalid, match="this one has 2"):
        verify_record(check_archive(zipped(files)))


def test_damaged_data_is_refused() -> None:
    good = bytearray(zipped(wheel_files(files={"sample/data": bytes(range(256)) * 20})))
    position = good.index(b"sample/data") + len(b"sample/data") + 5
    good[position : position + 20] = b"\xff" * 20
    with pytest.raises(ArtifactInvalid, match="damaged"):
        verify_record(check_archive(bytes(good)))


def test_record_of_agrees_with_the_reader() -> None:
    files = wheel_files()
    assert files[f"{INFO}/RECORD"] == record_of(
        {name: content for name, content in files.items() if not name.endswith("RECORD")}
    )
