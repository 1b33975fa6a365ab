"""What may be called at all."""

import pytest

from aether.config.urls import is_http_url


@pytest.mark.parametrize("url", ["http://h", "https://h:8443/a/b", "http://[::1]:1/"])
def test_good_ones(url: str) -> None:
    assert is_http_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "h:1", "file:///etc/passwd", "http://", "http://u:p@h", "http://h?q", "http://h/ x",
     "http://h:0", "http://h:99999", "gopher://h", "http://h#f"],
)  # fmt: skip
def test_others_are_refused(url: str) -> None:
    assert not is_http_url(url)
