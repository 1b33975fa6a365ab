from aether.config.guess import did_you_mean


def test_a_near_name_is_guessed_and_otherwise_the_known_ones_are_listed() -> None:
    assert did_you_mean("instanecs", ["id", "instances"]) == "; did you mean 'instances'?"
    assert did_you_mean("zzz", ["id", "ab"]) == "; known: ab, id"
    assert did_you_mean("zzz", []) == ""


def test_a_long_list_is_cut() -> None:
    assert did_you_mean("zzz", (f"n{n:03d}" for n in range(100))).endswith("n029 and 70 more")
