"""How people write a length of time: `"500ms"`, `"5s"`, `"2m"`, `"1h"`, or a number of seconds."""

import math
import re

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def parse_duration(value: str | float) -> float:
    """Return seconds, finite and more than zero; raise ValueError that says what is accepted."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(
                f'{value!r} is not a length of time: write "500ms", "5s", "2m", "1h" '
                "or a number of seconds"
            )
        seconds = float(found[1]) * _UNIT_S[found[2]]
    else:
        seconds = float(value)
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(f"{value!r} is not a length of time: it must be more than zero")
    return seconds
