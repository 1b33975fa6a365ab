"""Results are values."""

from aether.store.native.results import Applied, Refused, Result, Unknown


def test_results_compare_by_value_and_kind() -> None:
    results: list[Result] = [Applied(b"x"), Refused("busy", "full"), Unknown("x")]
    assert results.index(Applied(b"x")) == 0
    assert results.index(Unknown("x")) == 2
    assert Refused("busy", "other") not in results
