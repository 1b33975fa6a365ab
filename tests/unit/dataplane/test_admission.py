"""How many connections an address may hold."""

import pytest

from aether.dataplane.admission import Admission


def test_an_address_gets_no_more_than_its_share_and_others_get_theirs() -> None:
    admission = Admission(2)
    keys = [admission.enter("10.0.0.1") for _ in range(3)]
    assert keys == ["10.0.0.1", "10.0.0.1", None]
    assert admission.enter("10.0.0.2") == "10.0.0.2"
    assert (admission.refused, admission.held) == (1, 3)
    admission.leave("10.0.0.1")
    assert admission.enter("10.0.0.1") == "10.0.0.1"


def test_leaving_frees_all_that_was_held() -> None:
    admission = Admission(5)
    for _ in range(3):
        assert admission.enter("10.0.0.1")
    for _ in range(7):
        admission.leave("10.0.0.1")
    assert admission.held == 0


def test_one_network_of_ipv6_is_one_client() -> None:
    admission = Admission(1)
    assert admission.enter("2001:db8::1")
    assert admission.enter("2001:db8::ffff") is None
    assert admission.enter("2001:db8:0:1::1")
    assert admission.enter("::ffff:10.0.0.1") == admission.enter("10.0.0.2").replace("2", "1")  # type: ignore[union-attr] # it is let in


@pytest.mark.parametrize("address", ["", "/run/x.sock", "not an address"])
def test_what_is_no_address_is_not_counted(address: str) -> None:
    admission = Admission(1)
    assert [admission.enter(address) for _ in range(3)] == ["", "", ""]
    assert not admission.is_trusted(address)


def test_trusted_networks_are_not_bounded() -> None:
    admission = Admission(1, ("10.0.0.0/8", "fe80::/10"))
    assert [admission.enter("10.9.9.9") for _ in range(3)] == ["", "", ""]
    assert admission.is_trusted("10.1.2.3")
    assert admission.is_trusted("::ffff:10.1.2.3")
    assert admission.is_trusted("fe80::1%eth0")
    assert not admission.is_trusted("11.0.0.1")


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Admission(1, ("10.0.0.0/99",))


def test_refusals_are_logged_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    admission = Admission(1)
    for moment in (0.0, 1.0, 9.0, 10.0):
        admission.log_refusal("10.0.0.1", moment)
    assert capsys.readouterr().out.count("as many connections") == 2
