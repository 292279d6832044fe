"""What must not stand in a record: values with a secret's name, and passwords inside URLs and texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

MASK = "***"
LONGEST = 2000
NAMED_SECRET = re.compile(r"token|password|passwd|secret|key|credential", re.IGNORECASE)
USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s'\"]*@", re.IGNORECASE)
ASSIGNED = re.compile(
    r"""(?<![\w-])([\w-]*(?:token|password|passwd|secret|credential|api[_-]?key|access[_-]?key)[\w-]*['"]?\s*[=:]\s*)
        (?:"[^"]*"|'[^']*'|[^\s&;,'"]+)""",
    re.IGNORECASE | re.VERBOSE,
)


def masked(value: Any, name: str = "") -> Any:
    """Return `value` as plain JSON values with secrets replaced; objects become their type's name.

    Examples
    --------
    >>> masked({"uri": "https://me:hunter2@host/x", "api_key": "abc", "rows": 3})
    {'uri': 'https://***@host/x', 'api_key': '***', 'rows': 3}
    """
    if value is None or isinstance(value, bool):
        return value
    if NAMED_SECRET.search(name) and not isinstance(value, Mapping):
        return MASK
    if isinstance(value, str | PurePath):
        return masked_text(str(value))
    if isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(each) for each in value]
    return f"<{type(value).__name__}>"


def masked_text(text: str) -> str:
    """Return `text` without the passwords in it, cut at 2000 characters.

    Examples
    --------
    >>> masked_text("GET https://host/x?token=abc&rows=3")
    'GET https://host/x?token=***&rows=3'
    """
    # the patterns take time that grows with the square of the length
    clean = ASSIGNED.sub(rf"\1{MASK}", USERINFO.sub(rf"\1{MASK}@", text[: 2 * LONGEST]))
    return clean if len(text) <= LONGEST else f"{clean[:LONGEST]}… ({len(text)} characters)"
