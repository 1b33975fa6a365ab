import doctest
import importlib

import pytest

MODULES = ("http", "values", "routes", "slice", "kv", "remote")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"aether.sdk.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
