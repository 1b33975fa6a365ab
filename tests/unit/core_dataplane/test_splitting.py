"""Rules by example; the laws are in tests/property/test_splitting_laws.py."""

from collections import Counter

from aether.core.dataplane.rows import SlicePolicy
from aether.core.dataplane.splitting import choose_version
from aether.core.model.ids import SliceBase
from aether.core.model.traffic import SplitRule

BASE = SliceBase("a:b")


def policy(*rules: SplitRule, base: SliceBase = BASE) -> SlicePolicy:
    return SlicePolicy(slice=base, rules=rules)


def test_the_first_rule_that_fits_wins() -> None:
    of = policy(
        SplitRule(version="2.0.0", header="x-beta", value="yes"),
        SplitRule(version="3.0.0", cookie="group", value="b"),
        SplitRule(version="4.0.0", header="x-beta", value="yes"),
    )
    assert choose_version(of, {b"x-beta": b"yes"}, {"group": "b"}) == "2.0.0"
    assert choose_version(of, {b"x-beta": b"no"}, {"group": "b"}) == "3.0.0"
    assert choose_version(of, {b"x-beta": b"YES"}, {}) == ""
    assert choose_version(of, {}, {}) == ""


def test_percentages_of_one_name_lie_side_by_side() -> None:
    of = policy(
        SplitRule(version="2.0.0", cookie="uid", percent=10.0),
        SplitRule(version="3.0.0", cookie="uid", percent=20.0),
    )
    counts = Counter(choose_version(of, {}, {"uid": f"u{number}"}) for number in range(10_000))
    assert abs(counts["2.0.0"] - 1000) < 150
    assert abs(counts["3.0.0"] - 2000) < 200


def test_all_and_none() -> None:
    clients = [{b"x-user": b"%d" % number} for number in range(200)]
    every = policy(SplitRule(version="2.0.0", header="x-user", percent=100.0))
    nobody = policy(SplitRule(version="2.0.0", header="x-user", percent=0.0))
    assert {choose_version(every, each, {}) for each in clients} == {"2.0.0"}
    assert {choose_version(nobody, each, {}) for each in clients} == {""}


def test_slices_do_not_experiment_on_the_same_clients() -> None:
    rule = SplitRule(version="2.0.0", cookie="uid", percent=50.0)
    one, other = policy(rule), policy(rule, base=SliceBase("a:c"))
    same = sum(
        choose_version(one, {}, {"uid": str(number)})
        == choose_version(other, {}, {"uid": str(number)})
        for number in range(2000)
    )
    assert 850 < same < 1150


def test_the_answer_is_the_same_on_every_machine() -> None:
    of = policy(SplitRule(version="2.0.0", cookie="uid", percent=50.0))
    clients = [name for name in "abcdefgh" if choose_version(of, {}, {"uid": name})]
    assert clients == ["a", "d", "e", "h"]
