"""How counts are written in sentences."""


def counted(count: int, noun: str) -> str:
    """Return the count with its noun, which takes an `s` unless there is one.

    >>> counted(1, "instance"), counted(0, "slice")
    ('1 instance', '0 slices')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
