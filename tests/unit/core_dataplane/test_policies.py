"""Policies as targets and traffic records say."""

from dataclasses import replace

from aether.core.dataplane.policies import compile_policies
from aether.core.dataplane.rows import SlicePolicy
from aether.core.model.ids import SliceBase
from aether.core.model.records import TargetRecord, TrafficRecord
from aether.core.model.traffic import SplitRule, VersionWeight

A, B, C = SliceBase("x:a"), SliceBase("x:b"), SliceBase("x:c")
TARGET = TargetRecord(
    version="1.0.0", instances=1, min_instances=1, max_instances=1, owner=A, generation=1
)
WEIGHTS = (VersionWeight(version="1.0.0", weight=99), VersionWeight(version="2.0.0", weight=1))
RULES = (SplitRule(version="2.0.0", cookie="beta", value="1"),)


def test_slices_that_go_by_the_defaults_have_none() -> None:
    assert list(compile_policies({A: TARGET}, {A: TrafficRecord()})) == []


def test_target_and_traffic_make_one_policy() -> None:
    target = replace(
        TARGET, balance="least_pending", affinity="header:x-user", concurrency=8, slow_start_s=5.0
    )
    record = TrafficRecord(weights=WEIGHTS, rules=RULES)
    assert list(compile_policies({B: target, A: TARGET}, {C: record, B: record})) == [
        SlicePolicy(
            slice=B,
            balance="least_pending",
            affinity="header:x-user",
            weights=WEIGHTS,
            rules=RULES,
            concurrency=8,
            slow_start_s=5.0,
        ),
        SlicePolicy(slice=C, weights=WEIGHTS, rules=RULES),
    ]


def test_a_policy_that_cannot_be_kept_is_left_out() -> None:
    targets = {A: replace(TARGET, affinity="nonsense"), B: replace(TARGET, concurrency=1)}
    assert list(compile_policies(targets, {})) == [SlicePolicy(slice=B, concurrency=1)]
