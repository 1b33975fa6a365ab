"""Which addresses may be shortened, and how one is written into a Location header."""

from urllib.parse import quote, urlsplit

MAX_URL_CHARS = 2048
SCHEMES = ("http", "https")


def problem_with(url: str) -> str | None:
    """Say why an address cannot be shortened, or None when it can.

    >>> problem_with("ftp://example.org/file")
    'it begins with neither http:// nor https://'
    """
    if len(url) > MAX_URL_CHARS:
        return f"{len(url)} characters are too many: the limit is {MAX_URL_CHARS}"
    # urlsplit drops line breaks without a word, so they have to be looked for in the text itself.
    if any(character.isspace() or not character.isprintable() for character in url):
        return "it holds a space or a control character: percent-encode it"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as problem:
        return f"it is not a URL: {problem}"
    if parts.scheme not in SCHEMES:
        return "it begins with neither http:// nor https://"
    if not host:
        return "it names no host: write https://host/path"
    return None


def as_location(url: str) -> str:
    """Return the address as ASCII, which is all a header can carry.

    >>> as_location("https://example.org/grüße?a=1")
    'https://example.org/gr%C3%BC%C3%9Fe?a=1'
    """
    return "".join(
        character if character.isascii() else quote(character, safe="") for character in url
    )
