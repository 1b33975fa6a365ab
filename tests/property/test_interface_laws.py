"""Laws of finding out what an application speaks, over functions of every signature."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aether.host.interface import Interface, InterfaceWrong, interface_of

COUNTS: dict[Interface, int] = {"wsgi": 2, "asgi": 3}
DECLARED = st.sampled_from([None, "asgi", "wsgi"])


@st.composite
def functions(draw: st.DrawFn) -> tuple[Any, set[int], bool]:
    """Return a function, with which numbers of arguments it can be called, and whether it is async."""
    required, optional = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    takes_any, is_async = draw(st.booleans()), draw(st.booleans())
    names = [f"a{number}" for number in range(required)]
    names += [f"b{number}=None" for number in range(optional)]
    names += ["*rest"] if takes_any else []
    made: dict[str, Any] = {}
    source = f"{'async ' if is_async else ''}def f({', '.join(names)}): ..."
    exec(source, made)  # noqa: S102 - of numbers drawn above
    most = 10 if takes_any else required + optional
    return made["f"], set(range(required, most + 1)), is_async


def asked(app: Any, declared: Interface | None) -> Interface | None:
    try:
        return interface_of(app, "m:app", declared)
    except InterfaceWrong:
        return None


@given(functions(), DECLARED)
def test_what_is_found_can_be_called_so(
    function: tuple[Any, set[int], bool], declared: Interface | None
) -> None:
    app, counts, is_async = function
    found = asked(app, declared)
    if found is not None:
        assert COUNTS[found] in counts
        assert not (is_async and found == "wsgi"), "WSGI is never async"
        assert declared in (None, found)


@given(functions())
def test_an_application_of_one_interface_only_needs_no_word(
    function: tuple[Any, set[int], bool],
) -> None:
    app, _, _ = function
    accepted: list[Interface] = [each for each in COUNTS if asked(app, each) is not None]
    found = asked(app, None)
    if len(accepted) == 1:
        assert found == accepted[0]
    else:
        assert found is None, "nothing is guessed"


@given(functions())
def test_a_factory_is_never_taken_for_an_application(
    function: tuple[Any, set[int], bool],
) -> None:
    app, counts, _ = function
    if not counts & {2, 3}:
        assert [asked(app, each) for each in (None, "asgi", "wsgi")] == [None] * 3
