"""What the balancer is asked for a request: affinity and rules of its slice, read off its head."""

from aether.core.dataplane.balance import Choice
from aether.core.dataplane.splitting import choose_version
from aether.core.dataplane.table import SlicePolicy
from aether.dataplane.header_lines import value_of
from aether.dataplane.heads import RequestHead
from aether.dataplane.routing import Forward

_MOST_COOKIE_BYTES = 8 * 1024
"""A longer Cookie header is not looked into: the request is balanced as if it had none."""


def plain_choice(forward: Forward) -> Choice | None:
    """Return the choice all requests of a route have in common; None when it depends on the head."""
    policy = forward.policy
    if policy is not None and (policy.affinity or policy.rules):
        return None
    return Choice(forward.slice, forward.endpoints)


def choice_for(forward: Forward, head: RequestHead) -> Choice:
    """Return the choice of one request of a route whose slice looks at heads."""
    policy = forward.policy
    if policy is None:
        return Choice(forward.slice, forward.endpoints)
    cookies = _cookies(head.lines) if _looks_at_cookies(policy) else {}
    key = _affinity_key(policy, forward, head, cookies)
    version = ""
    if policy.rules:
        version = choose_version(policy, _headers_for(policy, head.lines), cookies)
    return Choice(forward.slice, forward.endpoints, key=key, version=version)


def _headers_for(policy: SlicePolicy, lines: bytes) -> dict[bytes, bytes]:
    """Return the headers that the rules name, of those that came with a value."""
    names = dict.fromkeys(rule.header for rule in policy.rules if rule.header)
    found = ((name.encode("latin-1", "replace"), _value(lines, name)) for name in names)
    return {name: value for name, value in found if value}


def _affinity_key(
    policy: SlicePolicy, forward: Forward, head: RequestHead, cookies: dict[str, str]
) -> bytes:
    scheme, name = policy.affinity_key
    if scheme == "header":
        return _value(head.lines, name)
    if scheme == "cookie":
        return cookies.get(name, "").encode("utf-8", "replace")
    return forward.path_key(head.path)


def _looks_at_cookies(policy: SlicePolicy) -> bool:
    return policy.affinity.startswith("cookie:") or any(rule.cookie for rule in policy.rules)


def _value(lines: bytes, name: str) -> bytes:
    return value_of(lines, name.encode("latin-1", "replace"))


def _cookies(lines: bytes) -> dict[str, str]:
    """Return the cookies of a request by name; of two with one name the last.

    Read as browsers write them. `http.cookies` takes ten times as long, and after a name that it
    does not like it reads no further.
    """
    text = value_of(lines, b"cookie")
    if not text or len(text) > _MOST_COOKIE_BYTES:
        return {}
    pairs = (pair.partition("=") for pair in text.decode("latin-1").split(";"))
    return {name.strip(): value.strip().strip('"') for name, equals, value in pairs if equals}
