import pytest

from aether.core.store.commands import Entry
from tests.soak.ledger import Fate, Ledger, Line

KEY = "soak/r1/ledger/0/1"


def entry(value: bytes = b"v", version: int = 1) -> dict[str, Entry]:
    return {KEY: Entry(KEY, value, 5, 5, version)}


@pytest.mark.parametrize(
    ("put", "deleted", "found", "problem"),
    [
        (Fate.ACKNOWLEDGED, None, entry(), ""),
        (Fate.ACKNOWLEDGED, None, {}, "an acknowledged write is lost"),
        (Fate.ACKNOWLEDGED, None, entry(version=2), "applied 2 times"),
        (Fate.ACKNOWLEDGED, None, entry(b"w"), "holds b'w', written was b'v'"),
        (Fate.ACKNOWLEDGED, Fate.ACKNOWLEDGED, {}, ""),
        (Fate.ACKNOWLEDGED, Fate.ACKNOWLEDGED, entry(), "a deleted key is back"),
        (Fate.ACKNOWLEDGED, Fate.UNKNOWN, entry(), ""),
        (Fate.ACKNOWLEDGED, Fate.UNKNOWN, {}, ""),
        (Fate.ACKNOWLEDGED, Fate.REFUSED, {}, "an acknowledged write is lost"),
        (Fate.REFUSED, None, {}, ""),
        (Fate.REFUSED, None, entry(), "a refused write took effect"),
        (Fate.UNKNOWN, None, {}, ""),
        (Fate.UNKNOWN, None, entry(), ""),
        (Fate.UNKNOWN, None, entry(version=2), "applied 2 times"),
    ],
)
def test_each_fate_is_judged(
    put: Fate, deleted: Fate | None, found: dict[str, Entry], problem: str
) -> None:
    ledger = Ledger([Line(KEY, b"v", put, 1.0, deleted)])
    expected = [f"{KEY} (1.000 s): {problem}"] if problem else []
    assert ledger.violations(found) == expected


def test_a_key_nobody_wrote_is_named() -> None:
    assert Ledger().violations(entry()) == [f"{KEY}: present, and nobody wrote it"]


def test_fates_are_counted() -> None:
    lines = [Line(f"k{number}", b"", Fate.UNKNOWN, 0.0) for number in range(3)]
    assert Ledger(lines).count(Fate.UNKNOWN) == 3
    assert Ledger(lines).count(Fate.REFUSED) == 0
