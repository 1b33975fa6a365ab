"""Which methods of one pattern mean the same requests."""

ANY_METHOD = "*"
"""The row that takes every method nobody else takes."""


def methods_meet(one: str, other: str) -> bool:
    """Whether two rows of one pattern may be asked the same: `*` takes all, a GET takes HEAD too.

    >>> methods_meet("*", "GET"), methods_meet("HEAD", "GET"), methods_meet("PUT", "GET")
    (True, True, False)
    """
    return one == other or ANY_METHOD in (one, other) or {one, other} == {"GET", "HEAD"}
