"""What is wrong with a request, in words its sender can act on; never the request itself."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST = 100  # problems told of one request: enough to mend it, bounded however large it was
_LONGEST = 40
_MOST_COMPARED = 20_000  # characters of known names that a hint is worth comparing with


@dataclass(frozen=True)
class Problem:
    """One wrong value.

    Parameters
    ----------
    row : int or None
        Which record, from 0; None when it is not about one record.
    field : str or None
        Which column; None when it is about the whole record or request.
    reason : str
        ``type``, ``missing``, ``null``, ``extra``, ``range``, ``length``, ``empty`` or ``duplicate``.
    got, expected : str
        What was sent, shortened, and what should have been.
    """

    row: int | None
    field: str | None
    reason: str
    got: str
    expected: str

    def __str__(self) -> str:
        where = f"row {self.row}: " if self.row else ""
        field = f"{self.field}: " if self.field is not None else ""
        match self.reason:
            case "missing":
                return f"{where}{field}missing, expected {self.expected}"
            case "extra" | "duplicate":
                return f"{where}{field}{self.expected}"
        return f"{where}{field}expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Warned:
    """A value that was answered, but that the model has not seen the like of.

    Parameters
    ----------
    field : str
        Which column.
    reason : str
        ``range`` or ``category``; in the answer's own warnings ``non-finite``.
    row, count : int
        The first such row, and how many there are.
    got, expected : str
        The value in that row, shortened, and what was seen in training.
    """

    field: str
    reason: str
    row: int
    count: int
    got: str
    expected: str


class InvalidRequest(Exception):  # noqa: N818 - it is the request that is invalid, no error of ours
    """A request that will not be answered.

    Parameters
    ----------
    status : int
        The HTTP status: 400, 413, 415 or 422.
    error : str
        One line.
    problems : sequence of Problem
        What to mend, at most `MOST`.
    """

    def __init__(self, status: int, error: str, problems: Collection[Problem] = ()) -> None:
        super().__init__(error)
        self.status, self.error, self.problems = status, error, tuple(problems)

    def document(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        if not self.problems:
            return {"error": self.error}
        return {"error": self.error, "problems": [asdict(problem) for problem in self.problems]}


class EnoughProblems(Exception):  # noqa: N818 - not an error: the list is full
    """`MOST` problems were found."""


def invalid(problems: list[Problem]) -> InvalidRequest:
    """Return the 422 that lists `problems`."""
    more = len(problems) - 1
    others = f" (and {'at least ' if len(problems) == MOST else ''}{more} more)" if more else ""
    return InvalidRequest(422, f"{problems[0]}{others}", problems)


def given_twice(name: str) -> InvalidRequest:
    """Return the 422 for a key or column that came twice."""
    return invalid([Problem(None, shortened_name(name), "duplicate", "twice", "given twice")])


def check_once_each(names: Iterable[str]) -> None:
    """Raise what `given_twice` returns for the first name that comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise given_twice(name)
        seen.add(name)


def too_large(limit: int) -> InvalidRequest:
    """Return the 413 for a body of more than `limit` bytes."""
    return InvalidRequest(413, f"the body is larger than {limit} bytes; send fewer records at once")


def shortened(value: Any) -> str:
    """Return a value of a request as it may be shown: short, and containers by their size alone.

    Examples
    --------
    >>> shortened("far"), shortened(None), shortened(True), shortened([1, 2])
    ("'far'", 'null', 'true', 'a list of 2')
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= _LONGEST else f"{value[:_LONGEST]!r}…"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {len(value)}"
        case float():
            return f"{value:.10g}"
    return repr(value)


def shortened_name(name: str) -> str:
    """Return a name sent by a caller, cut to a length that may be shown."""
    short = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    return short if short.isprintable() else repr(short)


def nearest(name: str, known: Collection[str]) -> str:
    """Return ``; did you mean distance?`` when a known name is near, else nothing.

    Examples
    --------
    >>> nearest("distnace", ["distance", "origin"])
    '; did you mean distance?'
    """
    if len(name) > _LONGEST or sum(map(len, known)) > _MOST_COMPARED:
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
