from aether.config.crosscheck import cross_problems, shown


def test_a_slice_is_listed_once_whatever_its_version() -> None:
    slices = [{"artifact": "a:b:1.0.0"}, {"artifact": "a:c:1.0.0"}, {"artifact": "a:b:2.0.0"}]
    (problem,) = cross_problems({"slices": slices})
    assert problem.path == ("slices", 2, "artifact")
    assert problem.what.startswith("a:b is in this blueprint already, as slices[0]")


def test_settings_that_json_cannot_carry_are_named() -> None:
    config = {"a:b": {"big": 2**63, "list": [float("inf")], "fine": [2**63 - 1, 0.5, "x", True]}}
    values = {"slices": [{"artifact": "a:b:1.0.0"}], "config": config}
    assert {problem.path for problem in cross_problems(values)} == {
        ("config", "a:b", "big"),
        ("config", "a:b", "list", 0),
    }


def test_parts_of_the_wrong_type_are_passed_over() -> None:
    odd = {"slices": [3, {"artifact": 7, "instances": "x"}], "config": {"a:b": 3}}
    assert [problem.path for problem in cross_problems(odd)] == [("config", "a:b")]
    assert list(cross_problems({"slices": "x", "config": []})) == []


def test_long_values_are_cut() -> None:
    assert shown("x" * 100).endswith("...")
    assert len(shown("x" * 100)) == 60
