from pathlib import Path

import pytest

from tests.bench import load
from tests.bench.router import chosen_cases, chosen_peers, ours
from tests.bench.router.loads import Case, read_wrk
from tests.bench.router.places import Origin, Site
from tests.bench.router.ratios import Sample, results
from tests.bench.tracing import spread

WRK = """Running 1s test @ http://127.0.0.1:1/size/100
  1 threads and 64 connections
  Latency Distribution
     50%    1.17ms
     75%    1.40ms
     90%    2.10ms
     99%  903.00us
  52341 requests in 1.10s, 13.67MB read
"""


def sample(peer: str, turn: int, cpu: float) -> Sample:
    return Sample(peer=peer, case="small/64", turn=turn, metrics={"cpu": cpu})


def test_a_ratio_is_the_median_of_ratios_within_a_round() -> None:
    rounds = [(1.0, 1.0), (4.0, 2.0), (9.0, 3.0)]
    samples = [sample("aether", turn, mine) for turn, (mine, _) in enumerate(rounds)]
    samples += [sample("nginx", turn, theirs) for turn, (_, theirs) in enumerate(rounds)]
    (result,) = results(samples, "router", "here")
    assert (result.value, result.peer_value, result.ratio) == (4.0, 2.0, 2.0)
    assert (result.case, result.metric, result.unit, result.peer) == (
        "small/64",
        "cpu",
        "s/10k",
        "nginx",
    )


def test_every_peer_is_compared_with_and_ours_stands_alone_without_any() -> None:
    alone = list(results([sample("aether", 0, 1.0)], "router", "here"))
    assert [(each.peer, each.ratio) for each in alone] == [(None, None)]
    both = [sample(peer, 0, 1.0) for peer in ("aether", "nginx", "envoy")]
    assert [each.peer for each in results(both, "router", "here")] == ["nginx", "envoy"]


def test_the_middle_half_of_ratios_is_of_those_within_a_round() -> None:
    samples = [sample("aether", turn, 10.0 + turn) for turn in range(5)]
    samples += [sample("base", turn, 10.0) for turn in range(5)]
    assert spread(samples, "base") == "cpu 1.100 to 1.300 x base"
    assert spread([samples[0], samples[5]], "base") == "cpu 1.000 x base"


def test_what_wrk_writes_is_read_in_one_unit() -> None:
    read = read_wrk(WRK)
    assert read == {"requests": 52341, "seconds": 1.1, "failed": 0, "p50": 1.17, "p99": 0.903}


def test_errors_of_both_kinds_count_as_failed() -> None:
    errors = "  Socket errors: connect 1, read 2, write 3, timeout 4\n"
    assert read_wrk(WRK + errors + "  Non-2xx or 3xx responses: 5\n")["failed"] == 15


def test_an_unknown_answer_of_wrk_is_shown() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        read_wrk("unable to connect to 127.0.0.1:1")


def test_cases_are_chosen_by_name_or_shape() -> None:
    assert [case.name for case in chosen_cases("small/64,64k-tcp/16")] == ["small/64", "64k-tcp/16"]
    assert [case.connections for case in chosen_cases("upload")] == [1, 16, 64, 256]
    assert len(chosen_cases("")) == 24
    with pytest.raises(ValueError, match="no case 'tiny'; there are small/1, "):
        chosen_cases("tiny")


def test_no_peers_are_none_and_a_wrong_name_is_told() -> None:
    assert chosen_peers("") == []
    with pytest.raises(ValueError, match="no proxy squid; there are nginx, "):
        chosen_peers("squid")


def test_uploads_have_64_kib_and_the_head_is_that_of_a_browser() -> None:
    assert Case(shape="upload", origin="unix", connections=1).body == 65536
    assert len(load.HEADERS) == 10
    assert 850 <= sum(len(line) + 2 for line in load.HEADERS) <= 950


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("is_full", [True, False])
def test_our_table_is_fit_for_use_with_either_origin(
    tmp_path: Path, kind: str, is_full: bool
) -> None:
    origin = Origin(kind=kind, socket=tmp_path / "origin.sock", address="127.0.0.1:9")
    table = ours.table(Site(folder=tmp_path, port=8, origin=origin), is_full=is_full)
    assert table.check() == []
    assert {endpoint.address for endpoint in table.instances} == {
        str(origin.socket) if kind == "unix" else origin.address
    }
    assert bool(table.policies) == is_full
