"""How the requests of one slice are divided among its versions: by weight, and by rules before that.

A rule is looked at before the weights, the first that fits wins. It asks for one header or one cookie:
either it equals `value`, or it tells clients apart, of which `percent` get the version, each always.
Shares by one name lie side by side: two rules of 10 % get a tenth of the clients each.
A request that carries no such header or cookie fits no rule of it.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_WEIGHTS = 16
"""Most versions of one slice that are given a weight."""
MAX_WEIGHT = 10_000
"""Largest weight of a version; only the ratio of weights counts."""
MAX_RULES = 32
"""Most rules of one slice; each is looked at for each request that no rule before it fits."""
MAX_VALUE = 256
"""Characters of what a header or cookie is compared with."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionWeight:
    """What one version gets: `weight` parts of the sum of all weights; with 0 nothing."""

    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """Requests that go to one version, whatever the weights say."""

    version: str
    header: str = ""
    """Name of a header, lower-case; either this or `cookie` is given."""
    cookie: str = ""
    value: str = ""
    """What the header or cookie equals; either this or `percent` is given."""
    percent: float = 0.0
    """Part of the clients, told apart by the header or cookie."""


def traffic_problems(weights: Sequence[VersionWeight], rules: Sequence[SplitRule]) -> list[str]:
    """List what is wrong with weights and rules, one sentence each; empty when they can be kept."""
    return [*_weight_problems(weights), *_rules_problems(rules)]


def _weight_problems(weights: Sequence[VersionWeight]) -> Iterator[str]:
    if len(weights) > MAX_WEIGHTS:
        yield f"weights: {len(weights)} versions; a slice divides among {MAX_WEIGHTS} at most"
        return
    seen = set[str]()
    for each in weights:
        if each.version in seen:
            yield f"weights: version {each.version!r} is given more than one weight"
        seen.add(each.version)
        if not 0 <= each.weight <= MAX_WEIGHT:
            yield (
                f"weights: {each.weight} for version {each.version!r} is not a whole number "
                f"from 0 to {MAX_WEIGHT}"
            )
    if weights and not any(each.weight > 0 for each in weights):
        yield "weights: every version has weight 0, so none would get a request; give one of them more"


def _rules_problems(rules: Sequence[SplitRule]) -> Iterator[str]:
    if len(rules) > MAX_RULES:
        yield f"rules: {len(rules)} of them; a slice has {MAX_RULES} at most"
        return
    for position, rule in enumerate(rules):
        for problem in _rule_problems(rule):
            yield f"rules[{position}] for version {rule.version!r}: {problem}"
    asked = dict.fromkeys((rule.header, rule.cookie) for rule in rules if 0 < rule.percent <= 100)
    for header, cookie in asked:
        shares = (rule.percent for rule in rules if (rule.header, rule.cookie) == (header, cookie))
        total = math.fsum(shares)
        if total > 100:
            yield (
                f"rules: {total:g} % of the clients by {f'header {header}' if header else f'cookie {cookie}'}; "
                "shares by one name lie side by side, so they are 100 % at most together"
            )


def _rule_problems(rule: SplitRule) -> Iterator[str]:
    if bool(rule.header) == bool(rule.cookie):
        yield "either header or cookie must be given, and only one of them"
    if rule.header and (not _TOKEN.fullmatch(rule.header) or rule.header != rule.header.lower()):
        yield f"{_shown(rule.header)} is not the name of a header, in lower case"
    if rule.cookie and not _TOKEN.fullmatch(rule.cookie):
        yield f"{_shown(rule.cookie)} is not the name of a cookie"
    if bool(rule.value) == (rule.percent != 0):
        yield "either value or percent must be given, and only one of them"
    if rule.value and (len(rule.value) > MAX_VALUE or not _VALUE.fullmatch(rule.value)):
        yield (
            f"value {_shown(rule.value)} must be printable ASCII without blanks around it, "
            f"{MAX_VALUE} characters at most"
        )
    if not (math.isfinite(rule.percent) and 0 <= rule.percent <= 100):
        yield f"percent is {rule.percent:g}; it must be above 0 and at most 100"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
