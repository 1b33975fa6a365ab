"""One slice for each route."""

from aether.core.control.admission_others import Others
from aether.core.control.admission_routes import route_conflicts
from aether.core.model.records import Route, RouteRecord
from tests.worlds import SHOP, STOCK, nodes, spec, with_artifact

NOBODY = Others({}, {}, {})


def test_routes_of_a_blueprint_may_not_meet() -> None:
    view = with_artifact(nodes(), f"{SHOP}:1.0.0", routes=[Route(method="GET", pattern="/x/{a}")])
    view = with_artifact(view, f"{STOCK}:1.0.0", routes=[Route(method="GET", pattern="/x/{b}")])
    (told,) = route_conflicts(view, NOBODY, [spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")])
    assert told.startswith(f"route GET /x/{{b}} of {STOCK}:1.0.0 belongs to {SHOP} as /x/{{a}}")


def test_a_route_that_is_served_belongs_to_who_serves_it() -> None:
    view = with_artifact(nodes(), f"{SHOP}:1.0.0", routes=[Route(method="GET", pattern="/x")])
    record = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
    taken = type(view)(artifacts=view.artifacts, routes={("GET", "/x"): record})
    assert len(list(route_conflicts(taken, NOBODY, [spec(f"{SHOP}:1.0.0")]))) == 1
    other = type(view)(artifacts=view.artifacts, routes={("POST", "/x"): record})
    assert list(route_conflicts(other, NOBODY, [spec(f"{SHOP}:1.0.0")])) == []
