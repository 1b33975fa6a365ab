import pytest

from tests.bench.store import cost, etcd
from tests.bench.store.numbers import Number, paired
from tests.bench.store.peers import WARM_S, summarise


def test_ours_is_divided_by_the_peers_and_rounds_by_their_median() -> None:
    numbers = [Number("aether", "write/64", "ops", value, "1/s") for value in (100, 400, 300)]
    numbers += [Number("etcd", "write/64", "ops", value, "1/s") for value in (150, 100, 250)]
    (result,) = paired(numbers, "here")
    assert (result.value, result.peer, result.peer_value, result.ratio) == (300, "etcd", 150, 2.0)


def test_a_peer_alone_is_named_in_the_case() -> None:
    (result,) = paired([Number("etcd", "idle", "rss", 27.0, "MiB")], "here")
    assert (result.case, result.ratio) == ("etcd: idle", None)


def test_the_warm_up_counts_for_cost_and_not_for_rate() -> None:
    starts = [number / 10 for number in range(30)]
    load = summarise(starts, [0.1] * 30, 0.5)
    assert load.done == 30
    assert load.ops_s == pytest.approx(20 / (3.0 - WARM_S))
    assert load.p50_ms == pytest.approx(100)


def test_requests_to_the_peer_are_what_its_protocol_says() -> None:
    messages = etcd._messages()
    assert messages["read"] == b"\0\0\0\0\x16\x0a\x14" + etcd.KEY
    assert messages["stale"].endswith(b"\x38\x01")
    assert len(messages["write"]) == 5 + 2 + len(etcd.KEY) + 2 + 100


def test_percentiles_need_values() -> None:
    assert cost.percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert cost.percentile([1.0], 0.99) == 1.0
    with pytest.raises(ValueError, match="no values"):
        cost.percentile([], 0.5)


def test_a_template_makes_commands_of_its_own_keys() -> None:
    from aether.core.store.codec import decode_command
    from tests.bench.store.client import write_template

    parts = write_template("abcd")
    command = decode_command(b"0000000042".join(parts))
    assert "bench/abcd/0000000042" in str(command)
    assert "abcd0000000042" in str(command)
    assert len(parts) == 3
