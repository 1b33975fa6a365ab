"""Which version a rule gives a request: by a header or cookie, or to a part of the clients.

Percentages of one header or cookie lie side by side: two rules of 10 % each get the first and the
second tenth of its values, and a rule that grows keeps the clients it has. Values are hashed with
the slice and the name they came under, so that every router gives the same answer and two
slices do not experiment on the same clients.
"""

from collections.abc import Mapping

from aether.core.dataplane.affinity import number_of
from aether.core.dataplane.rows import SlicePolicy
from aether.core.model.traffic import SplitRule

_SPAN = 1 << 64


def choose_version(
    policy: SlicePolicy, headers: Mapping[bytes, bytes], cookies: Mapping[str, str]
) -> str:
    """Return the version of the first rule that fits, empty when none does.

    `headers` have lower-case names. A request without the header or cookie fits no rule of it.
    """
    passed: dict[str, float] = {}
    for rule in policy.rules:
        value = _value_of(rule, headers, cookies)
        if value is None:
            continue
        if rule.value:
            if value == rule.value.encode():
                return rule.version
            continue
        name = f"cookie:{rule.cookie}" if rule.cookie else f"header:{rule.header}"
        begin = passed.get(name, 0.0)
        passed[name] = begin + rule.percent
        if begin <= _percentile(policy, name, value) < begin + rule.percent:
            return rule.version
    return ""


def _value_of(
    rule: SplitRule, headers: Mapping[bytes, bytes], cookies: Mapping[str, str]
) -> bytes | None:
    if rule.header:
        return headers.get(rule.header.encode())
    value = cookies.get(rule.cookie)
    return None if value is None else value.encode("utf-8", "surrogateescape")


def _percentile(policy: SlicePolicy, name: str, value: bytes) -> float:
    """Return where a client stands, from 0 to below 100."""
    return 100.0 * (number_of(f"{policy.slice} {name}\0".encode() + value) / _SPAN)
