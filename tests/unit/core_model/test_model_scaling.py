"""What a blueprint says of scaling, and with how many instances a generation begins."""

import pytest

from aether.core.model.scaling import Scaling, first_instances
from tests.blueprint_texts import problems_of, read, slice_text


@pytest.mark.parametrize(
    ("lines", "bounds"),
    [
        ("", None),
        ("instances = 3", None),
        ("instances = 3\nmax_instances = 3", None),
        ("instances = 3\nmax_instances = 8", (3, 8)),
        ("instances = 3\nmin_instances = 1", (1, 3)),
        ("instances = 3\nmin_instances = 2\nmax_instances = 8", (2, 8)),
        ("instances = 3\nmin_instances = 1\nmin_available = 2", (2, 3)),
        ("instances = 3\nmax_instances = 8\nscaling = { enabled = false }", None),
    ],
)
def test_only_what_is_named_is_moved(lines: str, bounds: tuple[int, int] | None) -> None:
    scaling = read(lines).scaling
    assert (scaling and (scaling.least, scaling.most)) == bounds


def test_figures_of_the_blueprint_are_kept() -> None:
    lines = "max_instances = 8\nscaling = { target_utilisation = 0.6, capacity_rps = 40.0 }"
    expected = Scaling(least=1, most=8, target_utilisation=0.6, capacity_rps=40.0)
    assert read(lines).scaling == expected


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("scaling = {}", "has no room: name max_instances"),
        ("max_instances = 4\nscaling = { target_utilisation = 1.2 }", "less than or equal to 0.95"),
        ("max_instances = 4\nscaling = { capacity_rps = 0.0 }", "greater than 0"),
        ("max_instances = 4\nscaling = { target = 0.6 }", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused(lines: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(slice_text(lines)))


@pytest.mark.parametrize(
    ("present", "asked", "most", "expected"),
    [(None, 2, 6, 2), (4, 2, 6, 4), (9, 2, 6, 6), (1, 2, 6, 2)],
)
def test_what_load_called_for_outlives_an_apply(
    present: int | None, asked: int, most: int, expected: int
) -> None:
    assert first_instances(present, asked, Scaling(least=1, most=most)) == expected
    assert first_instances(present, asked, None) == asked
