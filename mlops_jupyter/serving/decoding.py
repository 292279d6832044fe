"""From bytes to JSON, and whether a decoder has kept silent about a key given twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from .problems import MOST, InvalidRequest, Problem, invalid, shortened, shortened_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONG, _COLON = 1 << 14, ord(":")


def decode(body: bytes) -> Any:
    """Return what stands under ``features`` in a body.

    Raises
    ------
    InvalidRequest
        400 when it is not JSON, with where it goes wrong, without what stands there; 422 for other keys.
    """
    try:
        return _features(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(400, f"invalid JSON: {_reason(error, body)}") from None


def _reason(error: orjson.JSONDecodeError, body: bytes) -> str:
    if "depth" in error.msg:
        return "nested too deep"
    if not body:
        return "the body is empty"
    token = body[error.pos : error.pos + 9].lstrip(b"-")
    if token.startswith((b"NaN", b"Inf")):
        return "NaN and Infinity are no JSON; send null for a missing value"
    return str(error)


def _features(document: Any) -> Any:
    if type(document) is not dict:
        problem = Problem(None, None, "type", shortened(document), 'an object: {"features": …}')
        raise invalid([problem])
    if len(document) == 1 and "features" in document:
        return document["features"]
    problems = [_extra_key(key, document[key]) for key in document if key != "features"]
    if "features" not in document:
        problems.insert(0, Problem(None, "features", "missing", "nothing", "records under this key"))
    raise invalid(problems[:MOST])


def _extra_key(key: str, value: Any) -> Problem:
    expected = "not a key of a request, which has features alone"
    return Problem(None, shortened_name(key), "extra", shortened(value), expected)


def repeated_key(body: bytes, features: Any) -> str | None:
    """Return a key that stands twice in one object of the body, if there is one.

    Decoders keep the last of two and say nothing. Every key of the text has a colon of its own, so when there
    are no more colons than keys and colons in strings, none was dropped; else the text is read again.

    Examples
    --------
    >>> repeated_key(b'{"features": {"a": 1, "a": 2}}', {"a": 2})
    'a'
    """
    objects = [record for record in _records(features) if type(record) is dict]
    keys = 1 + sum(map(len, objects))
    colons = count_colons(body)
    if colons == keys:
        return None
    in_texts = sum(text.count(":") for text in _texts(features, objects))
    if colons == keys + in_texts and b"\\" not in body:
        return None
    return first_repeated_key(body)


def count_colons(body: bytes) -> int:
    """Return how many colons stand in a body."""
    if len(body) < _LONG:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))  # a quarter of the time


def _records(features: Any) -> list[Any]:
    return features if type(features) is list else [features]


def _texts(features: Any, objects: list[dict[str, Any]]) -> Iterator[str]:
    for record in objects:
        yield from record
        for value in record.values():
            yield from (v for v in _records(value) if type(v) is str)
    yield from (text for text in _records(features) if type(text) is str)


class _RepeatedKey(Exception):  # noqa: N818 - found, not failed
    """The one that stands twice."""


def first_repeated_key(body: bytes) -> str | None:
    """Return the first key that stands twice in one object, by reading all of the body once more."""

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKey(key)
            seen.add(key)

    try:
        json.loads(body, object_pairs_hook=look)
    except _RepeatedKey as repeated:
        return str(repeated)
    return None
