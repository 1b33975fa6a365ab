"""How single values are written, and the sentences that refuse others."""

import pytest

from tests.blueprint_texts import problems_of, read, slice_text


def problem(line: str) -> str:
    (found,) = problems_of(slice_text(line))
    return found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("min_available = -1", "greater than or equal to 0"),
        ("min_available = 1.0", "valid integer"),
        ('spread = "zone"', "unknown key"),
        ('placement = { spread = "rack" }', "'node' or 'zone'"),
        ('placement = { sprad = "zone" }', "did you mean 'spread'?"),
        ("placement = 3", "valid dictionary"),
        ('placement = { require = { disk = "" } }', "is not a label"),
        ('placement = { require = { "a b" = "x" } }', "is not a label"),
        ("placement = { require = { disk = true } }", "valid string"),
        ('on_dependency_loss = "explode"', "'cascade', 'degrade' or 'block'"),
        ('isolation = "none"', "'dev', 'standard' or 'hardened'"),
        ('load_balancing = "magic"', "'round_robin', 'least_pending' or 'random'"),
        ('limits = { memory = "256MB" }', "is not an amount of memory"),
        ("limits = { memory = true }", "is not an amount of memory"),
        ("limits = { cpu = 0 }", "greater than 0"),
        ("limits = { cpu = inf }", "finite number"),
        ("limits = { pids = 0 }", "greater than or equal to 1"),
        ("limits = { pid = 1 }", "did you mean 'pids'?"),
        ('group = "Not A Name"', "is not a name"),
        ('affinity_key = "x-session"', '"header:NAME"'),
        ('affinity_key = "header:"', '"header:NAME"'),
        ('affinity_key = "body:x"', '"header:NAME"'),
        ('affinity_key = "path:no name"', '"path:PARAMETER"'),
        ('affinity_key = "path:x-y"', '"path:PARAMETER"'),
        ("max_in_flight = 0", "greater than or equal to 1"),
        ("max_in_flight = 100001", "less than or equal to 100000"),
        ("max_in_flight = true", "valid integer"),
        ('slow_start = "0s"', "is not a length of time"),
        ('slow_start = "2h"', "longer than the limit of 3600 s"),
        ('update = { strategy = "canary" }', "'immediate' or 'rolling'"),
        ('update = { strategy = "immediate", max_surge = 2 }', "remove one of them"),
        ("timeout = 1" + "0" * 400, "longer than the limit"),
        ("instances = 1000000000", "less than or equal to 1000"),
    ],
)
def test_wrong_values_are_told(line: str, said: str) -> None:
    assert said in problem(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('strategy = "careful"', "'immediate', 'rolling', 'canary' or 'blue_green'"),
        ('stratgy = "rolling"', "did you mean 'strategy'?"),
        ("max_surge = 0", "greater than or equal to 1"),
        ("max_error_rate = 1.5", "less than or equal to 1"),
        ("max_error_rate = nan", "finite number"),
        ('max_latency_p99 = "fast"', "is not a length of time"),
        ('strategy = "immediate"\nmax_surge = 2', "remove one of them"),
    ],
)
def test_wrong_deployments_are_told(line: str, said: str) -> None:
    assert said in "\n".join(problems_of(slice_text("", f"[deployment]\n{line}\n")))


def test_stages_are_read_like_the_rest() -> None:
    text = slice_text(
        "",
        '[deployment]\nstrategy = "canary"\n[[deployment.stages]]\nweight = 50\nhold = "1m"\n'
        '[[deployment.stages]]\nweight = 5\nhold = "30d"\n[[deployment.stages]]\nwieght = 101\n',
    )
    told = "\n".join(problems_of(text))
    assert "deployment.stages[1].weight: is 5 after 50: weights rise" in told
    assert "deployment.stages[1].hold: '30d' is not a length of time" in told
    assert "deployment.stages[2].wieght: unknown key; did you mean 'weight'?" in told
    assert "deployment.stages[2].hold: is required" in told


def test_secrets_name_slices_of_the_blueprint_and_where_they_are() -> None:
    told = problems_of(
        slice_text("", '[secrets."a:d"]\nX = "secret:x"\n[secrets."a:c"]\n"1" = "plain"\n')
    )
    assert "a:d is not a slice of this blueprint; did you mean 'a:c'?" in told[0]
    assert any('"secret:PATH/NAME"' in each for each in told)
    assert any("is not a name for a secret" in each for each in told)


def test_lengths_of_time_and_labels_of_all_forms_are_taken() -> None:
    spec = read(
        'timeout = "1.5s"\nplacement = { spread = "zone", require = { disk = "ssd", "a.b/c" = "1" } }'
    )
    assert spec.timeout_s == 1.5
    assert spec.placement.spread == "zone"
    assert spec.placement.require == {"disk": "ssd", "a.b/c": "1"}
