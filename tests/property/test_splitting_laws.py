"""Laws of rules that divide requests by header, cookie and part of the clients."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.rows import SlicePolicy
from aether.core.dataplane.splitting import choose_version
from aether.core.model.ids import SliceBase
from aether.core.model.traffic import SplitRule

BASE = SliceBase("a:b")
NAMES = ("x-user", "x-group", "uid")
CLIENTS = [f"client-{number}" for number in range(150)]


def rule(version: str, name: str, value: str, percent: float) -> SplitRule:
    header, cookie = (name, "") if name.startswith("x-") else ("", name)
    return SplitRule(
        version=version,
        header=header,
        cookie=cookie,
        value=value,
        percent=0.0 if value else percent,
    )


rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(["2.0.0", "3.0.0"]),
        st.sampled_from(NAMES),
        st.sampled_from(["", "", "red"]),
        st.floats(0, 100),
    ),
    max_size=6,
).map(tuple)
values = st.sampled_from(["", "red", "blue", "x" * 256])


def ask(of: tuple[SplitRule, ...], user: str, group: str, uid: str) -> str:
    headers = {b"x-user": user.encode(), b"x-group": group.encode()}
    sent = {name: value for name, value in headers.items() if value}
    return choose_version(SlicePolicy(slice=BASE, rules=of), sent, {"uid": uid} if uid else {})


@given(rules, values, values, values)
def test_the_answer_is_a_rule_s_version_and_never_of_a_later_rule_than_the_first_that_fits(
    of: tuple[SplitRule, ...], user: str, group: str, uid: str
) -> None:
    answer = ask(of, user, group, uid)
    sent = {"x-user": user, "x-group": group, "uid": uid}
    fitting = [each for each in of if each.value and sent[each.header or each.cookie] == each.value]
    assert answer in {"", *(each.version for each in of)}
    if fitting:
        earlier = of[: of.index(fitting[0])]
        assert answer == fitting[0].version or answer in {each.version for each in earlier}
    if not (user or group or uid):
        assert answer == ""


@given(rules, values, values, values)
def test_what_a_rule_says_no_to_it_does_not_disturb(
    of: tuple[SplitRule, ...], user: str, group: str, uid: str
) -> None:
    """A rule after the first that fits, or of a value nobody sends, changes nothing."""
    answer = ask(of, user, group, uid)
    stranger = SplitRule(version="9.0.0", header="x-user", value="nobody sends this")
    assert ask((stranger, *of), user, group, uid) == answer
    if answer:
        assert ask((*of, stranger), user, group, uid) == answer


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_part_that_grows_keeps_its_clients(one: float, other: float) -> None:
    small, large = sorted((one, other))
    chosen = [
        {uid for uid in CLIENTS if ask((rule("2.0.0", "uid", "", percent),), "", "", uid)}
        for percent in (small, large)
    ]
    assert chosen[0] <= chosen[1]


@given(st.lists(st.floats(0, 25), min_size=1, max_size=4))
def test_parts_side_by_side_never_share_a_client_and_are_as_large_as_they_say(
    percents: list[float],
) -> None:
    of = tuple(rule(f"{index}.0.0", "uid", "", part) for index, part in enumerate(percents))
    clients = [f"c{number}" for number in range(600)]
    counts = {each.version: 0 for each in of}
    for uid in clients:
        version = ask(of, "", "", uid)
        if version:
            counts[version] += 1
    for each in of:
        # five standard deviations of a fair draw of 600
        assert abs(counts[each.version] - 6 * each.percent) <= 5 * (600 * 0.1875) ** 0.5
