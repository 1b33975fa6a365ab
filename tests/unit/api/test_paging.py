"""Lists in pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.api.paging import decode_cursor, page
from aether.errors import Invalid
from tests.api_world import ApiWorld


async def test_lists_come_in_pages(deployed: ApiWorld) -> None:
    first = (await deployed.call("GET", "nodes?limit=1")).json()
    second = (await deployed.call("GET", f"nodes?limit=1&cursor={first['next']}")).json()
    assert [page["items"][0]["node"] for page in (first, second)] == ["node-1", "node-2"]
    assert second["next"] is None
    assert (await deployed.call("GET", "nodes?cursor=!")).status == 422
    assert (await deployed.call("GET", "nodes?limit=0")).status == 422
    assert (await deployed.call("GET", "nodes?limit=x")).status == 422
    assert (await deployed.call("GET", "nodes?consistency=often")).status == 422


@given(st.sets(st.text(max_size=3)), st.integers(1, 4))
def test_pages_put_together_are_the_list(names: set[str], limit: int) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        shown = page(
            ((name, name) for name in names if name), cursor, limit, lambda name: {"name": name}
        )
        seen += [item["name"] for item in shown["items"]]
        assert len(shown["items"]) <= limit
        cursor = shown["next"]
        if cursor is None:
            break
    assert seen == sorted(name for name in names if name)


@pytest.mark.parametrize("cursor", ["!", "é", "a", "_w"])
def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        decode_cursor(cursor)
