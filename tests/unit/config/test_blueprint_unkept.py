"""What is valid but not kept is refused by name; what is not valid is told first."""

import pytest

from aether.config.blueprint_model import TABLES
from aether.config.blueprint_unkept import UNKEPT
from tests.blueprint_texts import problems_of, slice_text


@pytest.mark.parametrize(
    ("line", "lacks"),
    [
        ('group = "checkout"', "host processes that several slices share yet; remove it"),
        ('isolation = "hardened"', 'hardened hosts yet; say "standard" or remove it'),
        ('limits = { memory = "256MiB", cpu = 0.5, pids = 64 }', "limits on memory"),
        ("limits = {}", "limits on memory"),
    ],
)
def test_keys_of_a_slice(line: str, lacks: str) -> None:
    (problem,) = problems_of(slice_text(line))
    assert problem.startswith("b.toml:4:1: slices[0].")
    assert f"is valid, but this version has no {lacks}" in problem


def test_a_canary_is_refused_key_by_key() -> None:
    told = problems_of(
        slice_text(
            "",
            '[deployment]\nstrategy = "canary"\nmax_error_rate = 0.01\nmax_latency_p99 = "500ms"\n'
            '[[deployment.stages]]\nweight = 5\nhold = "1m"\n',
        )
    )
    assert [each.split(": ")[1] for each in told] == [
        "deployment.strategy",
        "deployment.max_error_rate",
        "deployment.max_latency_p99",
        "deployment.stages",
    ]
    assert all("is valid, but this version has no" in each for each in told)


def test_secrets_are_refused_once() -> None:
    (problem,) = problems_of(slice_text("", '[secrets."a:c"]\nKEY = "secret:pay/api-key"\n'))
    assert problem == (
        "b.toml:5:2: secrets: is valid, but this version has no store of secrets yet; remove it"
    )


def test_a_wrong_value_is_told_as_wrong_and_not_as_unkept() -> None:
    told = problems_of(slice_text("limits = { cpu = -1 }\naffinity_key = 7"))
    assert len(told) == 2
    assert not any("is valid" in each for each in told)


def test_every_path_is_a_key_of_the_format() -> None:
    for path in UNKEPT:
        assert path[-1] in TABLES[path[:-1]].model_fields
