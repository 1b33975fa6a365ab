"""How requests are divided, slice by slice, as targets and traffic records say."""

from collections.abc import Iterator, Mapping

from aether.core.dataplane.rows import SlicePolicy
from aether.core.dataplane.soundness import policy_problems
from aether.core.model.ids import SliceBase
from aether.core.model.records import TargetRecord, TrafficRecord


def compile_policies(
    targets: Mapping[SliceBase, TargetRecord], traffic: Mapping[SliceBase, TrafficRecord]
) -> Iterator[SlicePolicy]:
    """Yield the policy of each slice that does not go by the defaults, by the names of slices.

    A policy that cannot be kept is left out: its slice goes by the defaults.
    """
    for base in sorted({*targets, *traffic}):
        policy = _policy(base, targets.get(base), traffic.get(base))
        if not policy.is_default and not any(policy_problems([policy])):
            yield policy


def _policy(
    base: SliceBase, target: TargetRecord | None, traffic: TrafficRecord | None
) -> SlicePolicy:
    weights = traffic.weights if traffic is not None else ()
    rules = traffic.rules if traffic is not None else ()
    if target is None:
        return SlicePolicy(slice=base, weights=weights, rules=rules)
    return SlicePolicy(
        slice=base,
        balance=target.balance,
        affinity=target.affinity,
        weights=weights,
        rules=rules,
        concurrency=target.concurrency,
        slow_start_s=target.slow_start_s,
    )
