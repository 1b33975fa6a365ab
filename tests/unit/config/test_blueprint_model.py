"""What a blueprint's keys become."""

import pytest

from aether.config.blueprint_model import TABLES, BlueprintTable
from aether.core.model.records import Placement, SliceSpec, Update
from tests.blueprint_texts import problems_of, read, slice_text


def test_what_is_left_out_is_as_the_record_says() -> None:
    spec = read("")
    assert spec == SliceSpec(artifact=spec.artifact)
    assert (spec.placement, spec.update) == (Placement(), Update())


def test_budget_placement_and_loss_are_kept() -> None:
    spec = read('instances = 3\nmin_available = 0\non_dependency_loss = "cascade"')
    assert (spec.min_available, spec.on_dependency_loss) == (0, "cascade")
    assert "more than instances 3" in problems_of(slice_text("instances = 3\nmin_available = 4"))[0]


@pytest.mark.parametrize(
    ("slice_", "deployment", "update"),
    [
        ("", "", Update()),
        ("", "max_surge = 3", Update(max_surge=3)),
        ("", 'strategy = "immediate"', Update(strategy="immediate")),
        ('update = { strategy = "immediate" }', "max_surge = 3", Update(strategy="immediate")),
        ('update = { strategy = "rolling" }', 'strategy = "immediate"', Update()),
        ("update = { max_surge = 1 }", "max_surge = 3", Update(max_surge=1)),
    ],
)
def test_a_slice_may_differ_from_the_deployment(
    slice_: str, deployment: str, update: Update
) -> None:
    assert read(slice_, f"[deployment]\n{deployment}\n").update == update


@pytest.mark.parametrize("line", ['isolation = "dev"', 'load_balancing = "round_robin"'])
def test_what_is_so_anyway_may_be_said(line: str) -> None:
    assert read(line) == read("")


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("", "balance", "round_robin"),
        ('load_balancing = "least_pending"', "balance", "least_pending"),
        ('load_balancing = "random"', "balance", "random"),
        ("", "affinity", ""),
        ('affinity_key = "header:X-Session"', "affinity", "header:x-session"),
        ('affinity_key = "cookie:Sid"', "affinity", "cookie:Sid"),
        ('affinity_key = "path:userId"', "affinity", "path:userId"),
        ("", "concurrency", 0),
        ("max_in_flight = 8", "concurrency", 8),
        ("", "slow_start_s", 0.0),
        ('slow_start = "30s"', "slow_start_s", 30.0),
    ],
)
def test_how_requests_reach_the_instances(line: str, field: str, value: object) -> None:
    assert getattr(read(line), field) == value


def test_all_slices_together_are_bounded() -> None:
    many = "".join(
        f'[[slices]]\nartifact = "a:s-{n}:1.0.0"\ninstances = 1000\nmax_instances = 1000\n'
        for n in range(11)
    )
    (problem,) = problems_of(f'id = "a:b:1.0.0"\n{many}')
    assert "11000 instances in all; a blueprint has 10000 at most" in problem


def test_every_table_is_closed_and_says_what_each_key_means() -> None:
    assert TABLES[()] is BlueprintTable
    for table in TABLES.values():
        assert table.model_config["extra"] == "forbid"
        assert all(field.description for field in table.model_fields.values())
