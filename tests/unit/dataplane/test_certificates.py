import ssl
from pathlib import Path

import pytest

from aether.dataplane.certificates import BadCertificate, Certificates, hosts_borne
from aether.dataplane.settings import Certificate
from aether.store.spec import TlsFiles
from tests.certificates import Authority


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def shown(files: TlsFiles, *hosts: str) -> Certificate:
    return Certificate(cert=str(files.certificate), key=str(files.key), hosts=hosts)


def test_hosts_are_those_named_or_those_the_certificate_bears(ca: Authority) -> None:
    borne = shown(ca.issue("a.example.org", spiffe=False))
    named = shown(ca.issue("b.example.org", spiffe=False), "C.example.org", "*.d.example.org")
    made = Certificates((borne, named), "1.2")
    assert made.health() == {
        "certificates": [["a.example.org"], ["c.example.org", "*.d.example.org"]],
        "problem": "",
    }


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("a.example.org", 0),
        ("A.Example.Org.", 0),
        ("x.w.example.org", 1),
        ("x.y.w.example.org", 0),
        ("w.example.org", 0),
        ("", 0),
        ("c.example.org", 2),
    ],
)
def test_a_host_gets_its_own_context_then_its_domains_then_the_first(
    ca: Authority, name: str, which: int
) -> None:
    made = Certificates(
        (
            shown(ca.issue("a.example.org", spiffe=False)),
            shown(ca.issue("*.w.example.org", spiffe=False, stem="w")),
            shown(ca.issue("c.example.org", spiffe=False)),
        ),
        "1.2",
    )
    contexts = [
        made.context,
        made.context_for("1.w.example.org"),
        made.context_for("c.example.org"),
    ]
    assert len(set(map(id, contexts))) == 3
    assert made.context_for(name) is contexts[which]


def test_the_oldest_version_is_what_was_asked_for(ca: Authority) -> None:
    files = shown(ca.issue("a.example.org", spiffe=False))
    assert Certificates((files,), "1.2").context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert Certificates((files,), "1.3").context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_pair_that_does_not_fit_is_refused_at_the_start(ca: Authority) -> None:
    one, other = ca.issue("a", spiffe=False), ca.issue("b", spiffe=False)
    with pytest.raises(BadCertificate, match="mismatch"):
        Certificates((Certificate(cert=str(one.certificate), key=str(other.key)),), "1.2")
    with pytest.raises(BadCertificate, match="cannot be read"):
        Certificates((Certificate(cert="/nowhere.pem", key=str(one.key)),), "1.2")


def test_a_missing_file_that_comes_back_is_no_problem_any_more(ca: Authority) -> None:
    files = ca.issue("a.example.org", spiffe=False)
    made = Certificates((shown(files),), "1.2")
    first = made.context
    away = files.key.rename(files.key.with_suffix(".away"))
    made.refresh()
    assert "cannot be read" in made.problem
    assert made.context is first
    away.rename(files.key)
    made.refresh()
    assert made.problem == ""
    assert made.context_for("a.example.org") is made.context


def test_nothing_is_read_again_while_files_stand(ca: Authority) -> None:
    made = Certificates((shown(ca.issue("a.example.org", spiffe=False)),), "1.2")
    first = made.context
    made.refresh()
    assert made.context is first


def test_an_expired_certificate_bears_no_hosts_and_is_still_shown(ca: Authority) -> None:
    files = ca.issue("a.example.org", spiffe=False, expired=True)
    made = Certificates((shown(files),), "1.2")
    assert made.health()["certificates"] == [[]]
    assert hosts_borne(str(files.certificate), made.context) == ()
    assert made.context_for("a.example.org") is made.context
