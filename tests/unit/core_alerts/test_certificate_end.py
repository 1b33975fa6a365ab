import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from aether.core.alerts.certificate_end import not_after

MOMENTS = [
    datetime.datetime(year, 3, 4, 5, 6, 7, tzinfo=datetime.UTC) for year in (2026, 2049, 2051)
]


def pem(end: datetime.datetime, *, rsa_key: bool = False) -> str:
    key = (
        rsa.generate_private_key(65537, 2048)
        if rsa_key
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 64)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("end", MOMENTS, ids=str)
def test_the_end_is_read_in_both_forms_of_time(end: datetime.datetime) -> None:
    assert not_after(pem(end)) == end.timestamp()


def test_of_a_chain_the_first_one_counts_whatever_stands_around_it() -> None:
    text = "a comment\n" + pem(MOMENTS[0], rsa_key=True) + pem(MOMENTS[1])
    assert not_after(text) == MOMENTS[0].timestamp()


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n%%%\n"])
def test_what_is_no_certificate_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        not_after(text)


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_one_by_accident_without_a_word(junk: bytes) -> None:
    text = (
        f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(junk).decode()}\n-----END CERTIFICATE-----"
    )
    with pytest.raises(ValueError, match=r"not a certificate|does not match|out of range"):
        not_after(text)
