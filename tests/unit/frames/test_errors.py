"""Five kinds of errors, each with a code and fields."""

import inspect

from aether import errors
from aether.errors import AetherError, Bug, ConfigInvalid


def test_every_kind_has_a_code_of_its_own() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, AetherError)
    ]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert not issubclass(Bug, AetherError)


def test_an_error_carries_its_sentence_and_its_fields() -> None:
    problem = AetherError("the port is taken", fields={"port": 8080})
    assert (str(problem), problem.message, problem.fields) == (
        "the port is taken",
        "the port is taken",
        {"port": 8080},
    )


def test_a_bad_configuration_lists_all_its_problems() -> None:
    problem = ConfigInvalid(["one", "two"])
    assert problem.problems == ["one", "two"]
    assert "one\ntwo" in str(problem)
