from hypothesis import given
from hypothesis import strategies as st

from aether.config.places import find_places, path_text, place_of, places_of
from aether.config.toml import load_toml

TEXT = '''# a comment with [brackets] and "quotes"
id = "a.b:c:1.0.0" # after

[[slices]]
artifact = "x"
instances = 3
note = """
[[slices]]
instances = 99 ""quoted"" """

[[slices]]
  artifact = 'y [1]'
  limits = { memory = "1", pids = [
    1, # one
    2 ] }
when = 1979-05-27 07:32:00

[slices.inner]
deep."dotted key".leaf = true

[config."shop.demo:checkout"]
currency = "EUR"
"quo\\u0074ed" = [ { a = 1 }, { b = 2 } ]
'''


def test_every_kind_of_value_is_passed_over_and_every_key_found() -> None:
    places = find_places(TEXT)
    assert places["id",] == (2, 1)
    assert places["slices", 0] == (4, 3)
    assert places["slices", 0, "instances"] == (6, 1)
    assert places["slices", 1] == (11, 3)
    assert places["slices", 1, "artifact"] == (12, 3)
    assert places["slices", 1, "limits", "pids", 1] == (15, 5)
    assert places["slices", 1, "when"] == (16, 1)
    assert places["slices", 1, "inner", "deep", "dotted key", "leaf"] == (19, 1)
    assert places["config", "shop.demo:checkout", "currency"] == (22, 1)
    assert places["config", "shop.demo:checkout", "quoted", 1, "b"] == (23, 32)


def test_an_unknown_path_has_the_place_of_what_is_around_it() -> None:
    places = find_places(TEXT)
    assert place_of(places, ("slices", 1, "missing")) == (11, 3)
    assert place_of(places, ("nowhere",)) == (1, 1)


def test_the_first_place_of_a_table_counts() -> None:
    places = find_places("[a.b]\nx = 1\n[a.c]\ny = 2\n[a]\nz = 3\n")
    assert places["a",] == (1, 2)
    assert places["a", "z"] == (6, 1)


_KEYS = st.text("ab", min_size=1, max_size=2)
_SCALARS = st.sampled_from(["1", "true", '"x]"', "'#'", '"\\""', "1.5e3", '"""a\nb"""', "''''q'''"])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "]")
        | st.dictionaries(_KEYS, inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{k} = {v}" for k, v in table.items()) + "}"
        )
    ),
    max_leaves=8,
)


def _paths(value: object) -> set[tuple[str | int, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return {
        path for key, inner in items for path in {(key,)} | {(key, *rest) for rest in _paths(inner)}
    }


def _written(top: dict[str, str], tables: list[dict[str, str]]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in top.items()) + "".join(
        "[[tables]] # t\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        for table in tables
    )


_TEXTS = st.builds(
    _written,
    st.dictionaries(_KEYS, _VALUES, max_size=4),
    st.lists(st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=3),
)


@given(_TEXTS)
def test_the_paths_found_are_the_paths_of_the_values(text: str) -> None:
    assert set(find_places(text)) == _paths(load_toml(text, "t"))


@given(_TEXTS, st.data())
def test_the_places_of_some_are_those_they_have_among_all(text: str, data: st.DataObject) -> None:
    values, all_places = load_toml(text, "t"), find_places(text)
    known = st.sampled_from(sorted(all_places, key=repr)) if all_places else st.just(("a",))
    odd = st.lists(st.one_of(_KEYS, st.integers(-1, 3)), max_size=4).map(tuple)
    asked = data.draw(st.lists(st.one_of(known, odd), max_size=5))
    found = places_of(text, values, asked)
    assert [place_of(found, path) for path in asked] == [
        place_of(all_places, path) for path in asked
    ]
    assert len(found) <= sum(map(len, asked))


def test_a_text_is_walked_no_further_than_to_the_last_place_asked_for() -> None:
    text = "a = 1\n[[b]]\nc = 2\n= nothing that TOML knows"
    values = {"a": 1, "b": [{"c": 2}]}
    found = places_of(text, values, [("b", 0, "c"), ("b", 9), ("z",)])
    assert found == {("b",): (2, 3), ("b", 0): (2, 3), ("b", 0, "c"): (3, 1)}


def test_paths_read_as_they_are_written() -> None:
    assert path_text(("slices", 0, "a_b")) == "slices[0].a_b"
    assert path_text(("config", 'x "y"')) == 'config."x \\"y\\""'
    assert path_text(()) == "document"
