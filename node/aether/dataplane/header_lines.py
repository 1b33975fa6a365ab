"""The header lines of one head that matter to a proxy: found in one pass, some of them cut out.

Lines that end at a proxy are cut, whatever the case of their names; the rest travels as the bytes
that came. A name with `_` where a known header has `-` is cut too: gateways of the CGI family
read both as one header, and what was checked here would not be what they believe.
"""

import re

_NAMES = (
    rb"co(?:nnection|ntent[-_](?:length|type))|host|expect|upgrade|trace(?:parent|state)"
    rb"|t(?:e|railer|ransfer[-_]encoding)|keep[-_]alive|forwarded|proxy[-_][^:\r\n]*"
    rb"|x[-_](?:request[-_]id|real[-_]ip|(?:forwarded|aether)[-_][^:\r\n]*)|http2[-_]settings"
)
# The look-ahead passes over most lines at their first byte.
_LINES = re.compile(rb"(?i)\r\n(?=[chxtfkpue])(" + _NAMES + rb"):([^\r\n]*)")
_PASSED_ON = frozenset({b"content-length", b"content-type", b"host", b"x-real-ip"})
_HARMLESS_OPTIONS = frozenset({b"", b"close", b"keep-alive", b"upgrade", b"te"})
_UNTOUCHABLE = frozenset({b"content-length", b"host"})
_MAX_OPTIONS = 16


class BadHead(ValueError):
    """Bytes that are not a head this router passes on; the message is for the sender.

    `status` is what a client is answered: 400 unless a more exact one exists.
    """

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


class HeaderLines:
    """The interesting lines of one head; `block` begins with the line end before the first."""

    __slots__ = ("_block", "_cuts", "aether", "values")

    def __init__(self, block: bytes, keep: frozenset[bytes] = frozenset()) -> None:
        """Find the lines; those named in `keep`, in lower case, are passed on besides the usual."""
        self._block = block
        self._cuts: list[bytes] = []
        self.values: dict[bytes, bytes] = {}
        """By lower-case name; lines of one name are joined by `, `."""
        self.aether: dict[bytes, str] = {}
        values, cuts = self.values, self._cuts
        for spelled, text in _LINES.findall(block):
            name = spelled.lower()
            value = text.strip(b" \t")
            if name not in _PASSED_ON and name not in keep:
                cuts.append(spelled + b":" + text)
            if name.startswith(b"x-aether-"):
                self.aether[name] = value.decode("latin-1")
            elif name in values:
                values[name] += b", " + value
            else:
                values[name] = value

    def options(self) -> list[bytes]:
        """Return the lower-case options of the Connection header; may raise BadHead."""
        value = self.values.get(b"connection")
        if not value:
            return []
        options = [each.strip(b" \t") for each in value.lower().split(b",")]
        if len(options) > _MAX_OPTIONS:
            raise BadHead(f"The Connection header holds more than {_MAX_OPTIONS} options.")
        return options

    def passed_on(self, options: list[bytes]) -> bytes:
        """Return the lines that travel on, without those that end here or `options` nominate."""
        lines = self._block
        for line in self._cuts:
            lines = lines.replace(b"\r\n" + line + b"\r\n", b"\r\n", 1)
        lines = lines[2:-2]
        for option in options:
            if option not in _HARMLESS_OPTIONS and option not in _UNTOUCHABLE:
                lines = without(lines, option)
        return lines


def without(lines: bytes, name: bytes) -> bytes:
    """Return header lines without those of a name."""
    return re.sub(rb"(?im)^" + re.escape(name) + rb":[^\r\n]*\r\n", b"", lines)


def value_of(lines: bytes, name: bytes) -> bytes:
    """Return a header's value in lines passed on, empty when there is none; many are joined."""
    # Searched in lower case: a regular expression that ignores case takes twenty times as long.
    text = b"\n" + lines
    lowered, mark = text.lower(), b"\n" + name.lower() + b":"
    found = []
    at = lowered.find(mark)
    while at >= 0:
        end = text.find(b"\r\n", at)
        found.append(text[at + len(mark) : end].strip(b" \t"))
        at = lowered.find(mark, end)
    return b", ".join(found)
