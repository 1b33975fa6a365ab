import pytest

from aether.config.size import parse_size, show_size


@pytest.mark.parametrize(
    ("written", "size"),
    [("256MiB", 2**28), ("2 GiB", 2**31), (" 1KiB ", 1024), ("7", 7), ("7B", 7), (4096, 4096)],
)
def test_amounts_of_memory(written: str | int, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "0", "0MiB", "-1", "1.5GiB", "256mb", "9" * 400, "9999999TiB", -5, 0, 2**61]
)
def test_what_is_none_is_refused_shortly(written: str | int) -> None:
    with pytest.raises(ValueError, match="is not an amount of memory") as caught:
        parse_size(written)
    assert len(str(caught.value)) < 160


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1023, "0.999 KiB"),
        (1536, "1.5 KiB"),
        (120_000_000, "114 MiB"),
        (2**40, "1 TiB"),
        (2**50, "1024 TiB"),
    ],
)
def test_amounts_for_people(count: int, text: str) -> None:
    assert show_size(count) == text
