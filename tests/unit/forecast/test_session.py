import math
from array import array

import numpy as np
import pytest

from aether.forecast.card import SHIPPED, ModelUnusable, read
from aether.forecast.inputs import build
from aether.forecast.session import Session
from aether.forecast.shape import HORIZON, INPUTS, LEAST_HISTORY, OUTPUT, QUANTILES
from tests.plain_forecast import plain_answers, plain_inputs

_DOUBLE = 11
_TO_DOUBLE = b"\x18\x0b\xa0\x01\x02"
"""Of the attribute of a cast: a number, 11, and that it is a number."""


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(read(SHIPPED)[1])


def in_doubles(model: bytes) -> bytes:
    """Return a model that answers the same as float64: its answer under another name, and a cast of that.

    What is appended to a message of protobuf is merged with it: one more node.
    """
    inner = OUTPUT.upper().encode()
    told = model.index(b"\x12" + bytes([len(OUTPUT)]) + OUTPUT.encode()) + 2
    kind = model.rindex(b"\x08\x01\x12", model.rindex(OUTPUT.encode()))
    changed = bytearray(model)
    changed[told : told + len(inner)] = inner
    changed[kind + 1] = _DOUBLE
    cast = _field(1, inner) + _field(2, OUTPUT.encode()) + _field(4, b"Cast")
    cast += _field(5, _field(1, b"to") + _TO_DOUBLE)
    return bytes(changed) + _field(7, _field(1, cast))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def spike() -> list[float]:
    return [1.0] * 100 + [5000.0] + [1.0] * 30


@pytest.mark.parametrize(
    "past",
    [[0.0] * 200, [42.0] * 200, spike(), [0.0] * 119 + [9.0], [1e-12] * 90, [1e9] * 90],
    ids=["zeros", "constant", "spike", "first request", "next to nothing", "very much"],
)
def test_odd_histories_get_finite_forecasts(session: Session, past: list[float]) -> None:
    (rows,) = session.predict([past], 60.0)
    assert rows is not None
    assert np.isfinite(rows).all()
    assert max(max(row) for row in rows) <= 5000 * max([*past, 1.0])


def test_a_constant_load_is_forecast_to_stay(session: Session) -> None:
    (rows,) = session.predict([[42.0] * 300], 60.0)
    assert rows is not None
    assert all(row[1] == pytest.approx(42.0, rel=0.02) for row in rows)


def test_inputs_all_masked_give_a_finite_answer(session: Session) -> None:
    found = session.run({name: np.zeros((3, width), np.float32) for name, width in INPUTS.items()})
    assert found.shape == (3, HORIZON, len(QUANTILES))
    assert np.isfinite(found).all()


def test_what_is_masked_changes_nothing(session: Session) -> None:
    inputs = dict(build([[float(1 + minute % 7) for minute in range(60)]], 60.0))
    plain = session.run(inputs)
    for name in ("fine", "coarse", "day"):
        hidden = np.broadcast_to(inputs[f"{name}_ok"], inputs[name].shape) == 0
        inputs[name] = np.where(hidden, 777.0, inputs[name]).astype(np.float32)
    assert np.allclose(session.run(inputs), plain, rtol=1e-5)


def test_answers_are_those_of_the_histories_read_plainly(session: Session) -> None:
    whole = array("f", [float(50 + minute % 9) for minute in range(1560)])
    gapped = whole[:]
    gapped[1400:1450] = array("f", [math.nan]) * 50
    below = array("f", [-3.0]) + whole[:1500]
    batch = [whole, gapped, whole[:40], below, array("f", [math.inf, *whole[:90]])]
    for asked in ([whole, whole], batch):
        plain = plain_answers(session.run(plain_inputs(asked, 60.0)))
        assert session.predict(asked, 60.0) == plain
        assert None not in plain


def test_histories_are_not_written_to_and_may_go_on_after_it(session: Session) -> None:
    past = array("f", [float(50 + minute % 9) for minute in range(600)])
    before = past.tobytes()
    session.predict([past], 60.0)
    assert past.tobytes() == before
    past.append(1.0)


def test_too_short_a_history_gets_none_beside_others_that_get_one(session: Session) -> None:
    short, gone = [1.0] * (LEAST_HISTORY - 1), [1.0] * 100 + [math.nan] * 2
    answers = session.predict([short, [1.0] * 100, gone, []], 60.0)
    assert [answer is not None for answer in answers] == [False, True, False, False]
    assert session.predict([], 60.0) == []


def test_an_answer_that_is_no_number_is_none(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = np.ones((2, HORIZON, len(QUANTILES)), np.float32)
    broken[1, 3, 2] = np.nan
    monkeypatch.setattr(session, "run", lambda _: broken)
    answers = session.predict([[1.0] * 60, [1.0] * 60], 60.0)
    assert answers[0] is not None
    assert answers[1] is None


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelUnusable, match="cannot be loaded"):
        Session(b"not a model")


def test_a_model_that_answers_in_doubles_is_read_as_well(session: Session) -> None:
    batch = [[42.0] * 200, spike()]
    doubles = Session(in_doubles(read(SHIPPED)[1]))
    assert doubles.predict(batch, 60.0) == session.predict(batch, 60.0)
    assert doubles.predict(batch, 60.0)[1] is not None
