"""What the SDK lets a mark say is what the control plane takes, and the other way round."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aether.core.model.records import Route, decode, encode
from aether.core.model.route_policy import policy_problems
from aether.host.entry import _route
from aether.sdk.route_options import Options, read_options
from aether.sdk.routes import RouteMark

NUMBERS = st.one_of(
    st.integers(-2, 12), st.floats(), st.sampled_from([1e6, 1_000_001, 3600, 3601, 10**400])
)
HOSTS = st.one_of(
    st.text(alphabet="aA1-.*:/ ", max_size=12), st.sampled_from(["shop.example.org", "*.org"])
)
DATES = st.one_of(st.dates().map(lambda day: day.isoformat()), st.text("0123456789-", max_size=10))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "timeout": NUMBERS,
        "body_limit": st.integers(-2, 2**70),
        "attempts": st.integers(-1, 12),
        "hedge_after": NUMBERS,
        "rate": NUMBERS,
        "burst": st.integers(-1, 1_000_001),
        "host": HOSTS,
        "internal": st.booleans(),
        "api_version": st.text(max_size=70),
        "deprecated": DATES,
        "sunset": DATES,
    },
)
METHODS = st.sampled_from(["GET", "POST", "DELETE"])


def accepted(method: str, given_: dict[str, Any]) -> Options | None:
    try:
        return read_options(method, **given_)
    except ValueError:
        return None


def as_stored(value: Any) -> Any:
    """Return what of a value could be in a record: no number there is larger than a float."""
    is_huge = isinstance(value, int) and abs(value) > 2**64
    return math.inf if is_huge else value


def as_route(method: str, read: Options) -> Route:
    fields = {name: getattr(read, name) for name in Options.__dataclass_fields__}
    return _route(RouteMark(method=method, pattern="/x", **fields))


@given(METHODS, OPTIONS)
def test_what_a_mark_takes_the_control_plane_takes(method: str, given_: dict[str, Any]) -> None:
    read = accepted(method, given_)
    if read is not None:
        assert policy_problems(as_route(method, read)) == []


@given(METHODS, OPTIONS)
def test_what_a_mark_refuses_the_control_plane_refuses_too(
    method: str, given_: dict[str, Any]
) -> None:
    if accepted(method, given_) is not None:
        return
    fields = {"timeout": "timeout_s", "hedge_after": "hedge_after_s"}
    values = {fields.get(name, name): as_stored(value) for name, value in given_.items()}
    values["auth"] = "internal" if values.pop("internal", False) else ""
    route = Route(method=method, pattern="/x", **values)
    zero = {name for name in ("rate", "hedge_after_s") if values.get(name) == 0}
    unset = {
        name for name in ("host", "api_version", "deprecated", "sunset") if values.get(name) == ""
    }
    upper = route.host != route.host.lower()
    assert policy_problems(route) or zero or unset or upper


@given(METHODS, OPTIONS)
def test_a_route_survives_the_store(method: str, given_: dict[str, Any]) -> None:
    read = accepted(method, given_)
    if read is not None:
        route = as_route(method, read)
        assert decode(encode(route), Route) == route
        assert math.isfinite(route.timeout_s)
