from aether.config.guess import did_you_mean


def test_a_near_name_is_offered() -> None:
    assert did_you_mean("instanecs", ["instances", "artifact"]) == "; did you mean 'instances'?"


def test_else_the_known_names_are_listed() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"
    assert did_you_mean("zzz", []) == ""
