from aether.core.dataplane.slow_calls import KEPT, MOST_SERIES, SlowCall, SlowCalls


def call(at_ms: int, route: str = "GET /a g.x:a") -> SlowCall:
    return SlowCall(at_ms, route, "1.0.0", "GET", 200, 2.0, 1.0, f"t{at_ms}", "g.x:a:1.0.0/0")


def test_the_last_of_each_series_are_kept_newest_first() -> None:
    made = SlowCalls()
    for at_ms in range(KEPT + 5):
        made.take(call(at_ms))
    made.take(call(3, "GET /b g.x:b"))
    found = list(made.newest_first())
    assert [one.at_ms for one in found] == [*range(KEPT + 4, 4, -1), 3]
    assert found[-1].slice == "g.x:b"
    assert made.total == KEPT + 6


def test_a_route_with_many_slow_calls_pushes_no_other_out() -> None:
    made = SlowCalls()
    made.take(call(1, "GET /rare g.x:a"))
    for at_ms in range(2, 2000):
        made.take(call(at_ms))
    assert any(one.route == "GET /rare g.x:a" for one in made.newest_first())


def test_series_nothing_came_of_for_longest_go_first() -> None:
    made = SlowCalls()
    for number in range(MOST_SERIES + 3):
        made.take(call(number, f"GET /{number} g.x:a"))
        made.take(call(number, "GET /0 g.x:a"))
    routes = {one.route for one in made.newest_first()}
    assert len(routes) == MOST_SERIES
    assert "GET /0 g.x:a" in routes
    assert "GET /1 g.x:a" not in routes
