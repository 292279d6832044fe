"""Whose request it is: the unit that routing hashes, of a header, a cookie or a field of the first record."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    ReadUnit = Callable[[Mapping[bytes, bytes], bytes], str]

SOURCES = ("header", "cookie", "field")
_LONGEST = 256  # of a unit; what is longer is no name of anybody


def compile_unit(source: str) -> ReadUnit:
    """Return what reads the unit of a request from its headers and body; it gives "" where there is none.

    Parameters
    ----------
    source : str
        ``header:NAME``, ``cookie:NAME`` or ``field:NAME``.

    Raises
    ------
    ValueError
        When it is none of these.

    Examples
    --------
    >>> read = compile_unit("cookie:user")
    >>> read({b"cookie": b"theme=dark; user=u1"}, b"")
    'u1'
    """
    place, _, name = source.partition(":")
    if place not in SOURCES or not name:
        raise ValueError(f"a unit is header:NAME, cookie:NAME or field:NAME, not {source!r}")
    return {"header": _of_header, "cookie": _of_cookie, "field": _of_field}[place](name)


def _of_header(name: str) -> ReadUnit:
    key = name.lower().encode()

    def read(headers: Mapping[bytes, bytes], body: bytes) -> str:  # noqa: ARG001 - as all of them
        value = headers.get(key)
        return "" if value is None else _checked(value.decode("latin-1"))

    return read


def _of_cookie(name: str) -> ReadUnit:
    def read(headers: Mapping[bytes, bytes], body: bytes) -> str:  # noqa: ARG001
        value = headers.get(b"cookie")
        if value is None:
            return ""
        try:
            morsel = SimpleCookie(value.decode("latin-1")).get(name)
        except CookieError:
            return ""
        return _checked(morsel.value) if morsel else ""

    return read


def _of_field(name: str) -> ReadUnit:
    record = msgspec.defstruct("Named", [("unit", Any, msgspec.field(name=name, default=None))], gc=False)
    features = record | list[record]  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(
        msgspec.defstruct("Body", [("features", features)], gc=False)
    ).decode

    def read(headers: Mapping[bytes, bytes], body: bytes) -> str:  # noqa: ARG001
        try:
            found: Any = decode(body).features
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # told when the whole is read
            return ""
        first = (found[0] if found else None) if type(found) is list else found
        value = None if first is None else first.unit
        return _checked(str(value)) if type(value) in (str, int) else ""

    return read


def _checked(unit: str) -> str:
    return unit if len(unit) <= _LONGEST else ""
