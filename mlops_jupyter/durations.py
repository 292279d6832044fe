"""Durations as people write them: ``30s``, ``2m``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Final

from mlops_jupyter.errors import UsageError

_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|min|d|h|m|s)")


def seconds_of(text: str, option: str = "duration") -> float:
    """Return a duration in seconds; a number alone is seconds.

    Parameters
    ----------
    text : str
        The duration.
    option : str
        What it was given for, for the message.

    Raises
    ------
    UsageError
        When it is no duration.

    Examples
    --------
    >>> seconds_of("30s"), seconds_of("1m30s"), seconds_of("45"), seconds_of("250ms")
    (30.0, 90.0, 45.0, 0.25)
    """
    written = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", written):
        return float(written)
    if not written or _PART.sub("", written):
        raise UsageError(f"--{option} cannot be {text!r}", hint="write 30s, 2m or 1h30m")
    return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(written))
