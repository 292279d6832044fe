"""What callers say was right after all: read, and every wrong field told at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..problems import MOST, InvalidRequest, Problem, invalid, nearest, shortened, shortened_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..router import Contract

MOST_BYTES = 8 * 2**20
MOST_MESSAGES = 10_000
_KEYS = ("prediction_id", "row", "actual", "label", "unit", "time")
_LONGEST = 256
_MOST_ROWS = 2**31
_MOST_INTEGER = 2**63
_EXPECTED = {
    "boolean": "true or false",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "string": "a string",
    "datetime": "a string",
}


class Message(NamedTuple):
    """What was right for one row of one request.

    Parameters
    ----------
    prediction_id : str
        Of the answer.
    row : int
        Which of its rows, from 0.
    unit : str
        As in the request, empty when not told.
    time : int
        Microseconds since 1970 in UTC when that was known; None for now.
    actual : str
        The label or value, as JSON; of a model with several outputs ``{output: value}``.
    """

    prediction_id: str
    row: int
    unit: str
    time: int | None
    actual: str


class _Wrong(ValueError):  # noqa: N818 - a value of the request, told as a Problem
    """A value that is not taken, and what is."""


class FeedbackReader:
    """Reads feedback on the answers of some versions.

    Parameters
    ----------
    contracts : iterable of Contract
        Theirs: a value is taken when one of them could have answered it, be it of a new class.
    """

    def __init__(self, contracts: Iterable[Contract]) -> None:
        outputs = [contract.schema["output"]["outputs"] for contract in contracts]
        self._types = [{output["name"]: output["type"] for output in each} for each in outputs]

    def read(self, body: bytes) -> list[Message]:
        """Return the messages of a body: one object, or a list of them.

        Raises
        ------
        InvalidRequest
            400 when it is not JSON, 413 when it is too much, 422 with what is wrong.
        """
        if len(body) > MOST_BYTES:
            raise InvalidRequest(413, f"the body is larger than {MOST_BYTES} bytes; send it in parts")
        documents = _documents(body)
        problems: list[Problem] = []
        messages = [self._message(document, row, problems) for row, document in enumerate(documents)]
        if problems:
            raise invalid(problems[:MOST])
        return [message for message in messages if message is not None]

    def _message(self, document: Any, row: int, problems: list[Problem]) -> Message | None:
        if len(problems) >= MOST:
            return None
        if type(document) is not dict:
            problems.append(Problem(row, None, "type", shortened(document), "an object"))
            return None
        wrong = _strange_keys(document, row)
        read = {
            name: _field(read_one, document, name, row, wrong)
            for name, read_one in (
                ("prediction_id", _prediction_id),
                ("row", _row),
                ("unit", _unit),
                ("time", _time),
            )
        }
        actual = _field(self._actual, document, "label" if "label" in document else "actual", row, wrong)
        problems.extend(wrong)
        return None if wrong else Message(**read, actual=actual)

    def _actual(self, value: Any) -> str:
        expected: dict[str, None] = {}
        for types in self._types:
            try:
                return orjson.dumps(_as_answered(value, types)).decode()
            except _Wrong as wrong:
                expected[str(wrong)] = None
        raise _Wrong(" or ".join(expected) or "an answer of the model")


def _documents(body: bytes) -> list[Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        said = "the body is empty" if not body else str(error)
        raise InvalidRequest(400, f"invalid JSON: {said}") from None
    documents = document if type(document) is list else [document]
    if not documents:
        raise invalid([Problem(None, None, "empty", "none", "at least one message")])
    if len(documents) > MOST_MESSAGES:
        said = f"{len(documents)} messages in one request; at most {MOST_MESSAGES}"
        raise InvalidRequest(413, said)
    return documents


def _field(read: Any, document: dict[str, Any], name: str, row: int, wrong: list[Problem]) -> Any:
    try:
        return read(document.get(name))
    except _Wrong as problem:
        reason = "type" if name in document else "missing"
        got = shortened(document[name]) if name in document else "nothing"
        wrong.append(Problem(row, name, reason, got, str(problem)))
        return None


def _strange_keys(document: dict[str, Any], row: int) -> list[Problem]:
    problems = [
        Problem(row, shortened_name(key), "extra", shortened(value), f"not a key{nearest(key, _KEYS)}")
        for key, value in document.items()
        if key not in _KEYS
    ]
    if "actual" in document and "label" in document:
        got = shortened(document["label"])
        problems.append(Problem(row, "label", "duplicate", got, "given beside actual; send one of them"))
    return problems


def _prediction_id(value: Any) -> str:
    if type(value) is str and 0 < len(value) <= _LONGEST:
        return value
    raise _Wrong("the prediction_id of an answer")


def _row(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is int and 0 <= value < _MOST_ROWS:
        return value
    raise _Wrong("the number of a row of that request, from 0")


def _unit(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str and len(value) <= _LONGEST:
        return value
    raise _Wrong(f"a string of at most {_LONGEST} characters")


def _time(value: Any) -> int | None:
    """Return microseconds since 1970."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = datetime.min  # noqa: DTZ901 - without an offset, so refused
    if moment.tzinfo is None:
        raise _Wrong("an ISO 8601 date and time with an offset from UTC, such as 2026-11-20T10:15:00Z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _as_answered(value: Any, types: Mapping[str, str]) -> Any:
    """Return a value as a model of these outputs answers it: 1.0 as 1 where it answers integers."""
    if len(types) == 1:
        return _of_type(value, next(iter(types.values())))
    if type(value) is not dict or not value or not types.keys() >= value.keys():
        raise _Wrong(f"an object with any of {', '.join(types)}")
    return {name: _of_type(each, types[name], f"{name}: ") for name, each in value.items()}


def _of_type(value: Any, type_: str, where: str = "") -> Any:
    kind = type(value)
    if type_ == "boolean":
        taken = kind is bool
    elif type_ in ("integer", "long"):
        taken = kind is int or (kind is float and value.is_integer() and abs(value) < _MOST_INTEGER)
        value = int(value) if taken else value
    elif type_ in ("float", "double"):
        taken = kind is float or kind is int
    else:
        taken = kind is str
    if not taken:
        raise _Wrong(f"{where}{_EXPECTED.get(type_, 'a string')}")
    return value
