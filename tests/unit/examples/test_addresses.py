"""Which addresses the shortener takes, and how they leave in a header."""

import doctest

import pytest

from tests.example_slices import import_example

addresses = import_example("links.addresses")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/a?b=c#d",
        "HTTPS://EXAMPLE.ORG/",
        "https://user@example.org/",
        "http://[::1]:8080/",
        "http://localhost",
        "https://bücher.example/grüße",
        "https://example.org/a|b{c}%20",
        "https://e.org/" + "x" * (2048 - len("https://e.org/")),
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert addresses.problem_with(url) is None


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "neither http"),
        ("not a url", "space"),
        ("not-a-url", "neither http"),
        ("//example.org", "neither http"),
        ("ftp://example.org", "neither http"),
        ("javascript:alert(1)", "neither http"),
        ("data:text/html,x", "neither http"),
        ("http://", "host"),
        ("https:///path", "host"),
        ("https:example.org", "host"),
        ("http://:80/", "host"),
        ("http://[::1/", "URL"),
        ("http://example.org:port/", "URL"),
        ("http://example.org:99999/", "URL"),
        ("https://example.org/a b", "space"),
        ("https://example.org/\r\nset-cookie: a=b", "control"),
        ("https://exam\tple.org", "space"),
        ("https://example.org/\x00", "control"),
        ("https://example.org/\ud800", "control"),
        ("https://e.org/" + "x" * 2048, "2048"),
    ],
)
def test_addresses_that_are_refused_and_why(url: str, word: str) -> None:
    problem = addresses.problem_with(url)
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize("url", ["https://example.org/a|b?c=%20#d", "http://[::1]/"])
def test_an_ascii_address_is_sent_as_it_came(url: str) -> None:
    assert addresses.as_location(url) == url


def test_any_other_is_percent_encoded() -> None:
    location = addresses.as_location("https://bücher.example/☃?q=ß")
    assert location == "https://b%C3%BCcher.example/%E2%98%83?q=%C3%9F"


def test_the_examples_in_its_docstrings_are_true() -> None:
    assert doctest.testmod(addresses).failed == 0
