import pytest

from aether.config.blueprint import (
    MAX_PLACED,
    MAX_SEARCHED,
    MAX_SOURCE_BYTES,
    read_blueprint,
)
from aether.core.control.admission import MAX_PROBLEMS
from aether.core.model.ids import Artifact
from aether.core.model.records import SliceSpec
from aether.core.model.scaling import Scaling
from aether.errors import BlueprintInvalid, ConfigInvalid, TooLarge

GOOD = """
id = "shop.demo:storefront:1.4.0"

[[slices]]
artifact = "shop.demo:checkout:1.4.0"
instances = 3
min_instances = 2
max_instances = 8
timeout = "500ms"

[[slices]]
artifact = "shop.demo:cart:2.0.0"

[config."shop.demo:checkout"]
currency = "EUR"
limits = { items = [1, 2.5, true] }
"""

BAD = """\
id = "shop.demo:storefront"
oops = 1
[[slices]]
artifact = "shop.demo:checkout:1.4.0"
instances = 0
limits = { memory = "256MiB" }
timeout = "5x"
[[slices]]
artifact = "shop.demo:checkout:1.5.0"
instanecs = 3
max_instances = "4"
[deployment]
strategy = "canary"
[config."shop.demo:chekout"]
since = 1979-05-27
odd = [nan]
[config.checkout]
"""


def _problems(text: str) -> list[str]:
    with pytest.raises(BlueprintInvalid) as caught:
        read_blueprint(text, "b.toml")
    return caught.value.problems


def test_a_good_blueprint_becomes_slices_with_defaults_filled_in() -> None:
    draft = read_blueprint(GOOD, "b.toml")
    assert draft.id == "shop.demo:storefront:1.4.0"
    assert draft.source == GOOD
    assert draft.slices == (
        SliceSpec(
            artifact=Artifact("shop.demo:checkout:1.4.0"),
            instances=3,
            min_instances=2,
            max_instances=8,
            timeout_s=0.5,
            scaling=Scaling(least=2, most=8),
            config={"currency": "EUR", "limits": {"items": [1, 2.5, True]}},
        ),
        SliceSpec(artifact=Artifact("shop.demo:cart:2.0.0")),
    )


def test_all_problems_come_at_once_each_with_its_line() -> None:
    problems = _problems(BAD)
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["b.toml:1:1", "id"],
        ["b.toml:2:1", "oops"],
        ["b.toml:5:1", "slices[0].instances"],
        ["b.toml:6:1", "slices[0].limits"],
        ["b.toml:7:1", "slices[0].timeout"],
        ["b.toml:9:1", "slices[1].artifact"],
        ["b.toml:10:1", "slices[1].instanecs"],
        ["b.toml:11:1", "slices[1].max_instances"],
        ["b.toml:13:1", "deployment.strategy"],
        ["b.toml:14:2", 'config."shop.demo:chekout"'],
        ["b.toml:15:1", 'config."shop.demo:chekout".since'],
        ["b.toml:16:8", 'config."shop.demo:chekout".odd[0]'],
        ["b.toml:17:2", "config.checkout"],
    ]
    text = "\n".join(problems)
    assert "should be greater than or equal to 1, got 0" in text
    assert "is valid, but this version has no limits" in problems[3]
    assert "did you mean 'instances'?" in problems[6]
    assert "did you mean 'shop.demo:checkout'?" in problems[9]


def test_what_is_missing_is_named_where_it_should_stand() -> None:
    assert _problems("[[slices]]\ninstances = 2\n") == [
        "b.toml:1:1: id: is required",
        "b.toml:1:3: slices[0].artifact: is required",
    ]
    assert _problems('id = "a:b:1.0.0"') == ["b.toml:1:1: slices: is required"]
    assert "at least 1 item" in _problems('id = "a:b:1.0.0"\nslices = []')[0]


@pytest.mark.parametrize(
    ("bounds", "place"),
    [
        ("instances = 9\nmax_instances = 8", "4:1: slices[0].instances"),
        ("instances = 1\nmin_instances = 2", "4:1: slices[0].instances"),
        ("min_instances = 2", "4:1: slices[0].min_instances"),
        ("min_instances = 9\nmax_instances = 8", "4:1: slices[0].min_instances"),
    ],
)
def test_instances_lie_within_their_bounds(bounds: str, place: str) -> None:
    (problem,) = _problems(f'id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\n{bounds}\n')
    assert problem.startswith(f"b.toml:{place}: ")


@pytest.mark.parametrize("written", ["0", '"0s"', "true", "[1]", "1e300", '"2h"'])
def test_a_time_out_is_a_bounded_length_of_time(written: str) -> None:
    (problem,) = _problems(
        f'id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\ntimeout = {written}\n'
    )
    assert problem.startswith("b.toml:4:1: slices[0].timeout: ")


@pytest.mark.parametrize(
    "text",
    [
        "slices = 3",
        "slices = [1]",
        'slices = "x"',
        "config = 1",
        "config = { a = 1 }",
        "id = 7",
        "",
    ],
)
def test_wrong_types_are_problems_not_crashes(text: str) -> None:
    assert _problems(text)


def test_more_instances_than_the_default_bound_raise_it() -> None:
    draft = read_blueprint(
        'id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\ninstances = 300\n', "b.toml"
    )
    assert draft.slices[0].max_instances == 300


def test_text_that_is_not_toml_is_a_problem_of_another_kind() -> None:
    with pytest.raises(ConfigInvalid, match=r"b\.toml:1:6: not TOML"):
        read_blueprint("id = ", "b.toml")


def test_a_text_over_the_limit_is_not_even_parsed() -> None:
    with pytest.raises(TooLarge, match=str(MAX_SOURCE_BYTES)):
        read_blueprint("#" * (MAX_SOURCE_BYTES + 1), "b.toml")


def test_a_sentence_about_a_slice_gets_its_place() -> None:
    draft = read_blueprint(GOOD, "b.toml")
    there = "b.toml:12:1: slices[1].artifact: "
    for sentence in (
        "artifact shop.demo:cart:2.0.0 is not in the cluster",
        "route GET / of shop.demo:cart:2.0.0 belongs to shop.demo:checkout",
    ):
        assert draft.locate(sentence) == there + sentence
    for other in (
        "nothing of it",
        "shop.demo:cart-lines:2.0.0",
        "my-shop.demo:cart",
        "shop.demo:carts",
    ):
        assert draft.locate(other) == other


def test_of_thousands_of_problems_the_first_in_the_text_are_told_and_the_rest_counted() -> None:
    text = "\n".join(f"key{number} = 1" for number in range(3_000))
    with pytest.raises(BlueprintInvalid) as refused:
        read_blueprint(text, "b.toml")
    *told, rest = refused.value.problems
    assert len(told) == MAX_PROBLEMS
    assert [line.split(":")[1] for line in told] == ["1", "1", "1", *map(str, range(2, 99))]
    assert rest == f"b.toml: and at least {3_002 - MAX_PROBLEMS} more problems"


def test_problems_between_parts_are_looked_for_until_there_are_many() -> None:
    strangers = "".join(f'[config."a:s-{number}"]\n' for number in range(2 * MAX_PLACED))
    with pytest.raises(BlueprintInvalid) as refused:
        read_blueprint('id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\n' + strangers, "b")
    *told, rest = refused.value.problems
    assert [line.split(":")[1] for line in told] == [str(line) for line in range(4, 104)]
    assert rest == f"b: and at least {MAX_PLACED + 1 - MAX_PROBLEMS} more problems"
    few = "".join(f'[config."a:s-{number}"]\n' for number in range(MAX_PROBLEMS + 1))
    with pytest.raises(BlueprintInvalid) as refused:
        read_blueprint('id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\n' + few, "b")
    assert refused.value.problems[-1] == "b: and 1 more problems"


def test_names_are_guessed_while_searching_for_them_is_cheap() -> None:
    slices = "".join(f'[[slices]]\nartifact = "a:own-{number}:1.0.0"\n' for number in range(400))
    wrong = "".join(f'[config."a:owm-{number}"]\n' for number in range(10))
    with pytest.raises(BlueprintInvalid) as refused:
        read_blueprint(f'id = "a:b:1.0.0"\n{slices}{wrong}', "b")
    guessed = ["did you mean 'a:own-" in problem for problem in refused.value.problems]
    assert guessed == [number < MAX_SEARCHED // 400 for number in range(10)]
