"""Templates in parameters and paths: ``@param(month)`` and ``@date(%Y-%m-%d, -1 day)``; ``@@`` is one ``@``.

Never braces: those are f-strings of the notebook's own, and papermill's.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE: Final = re.compile(r"@@|@(\w+)\(([^()@]*)(\)?)")
OFFSET: Final = re.compile(r"([+-]?)\s*(\d{1,6})\s*(second|minute|hour|day|week|month|year)s?")
DIRECTIVES: Final = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")
ISO_DAY: Final = "%Y-%m-%d"
FUNCTIONS: Final = ("param", "date")
KNOWN: Final = "write @param(name), @date(%Y-%m-%d, -1 day)"


def filled(value: Any, scope: Mapping[str, Any], moment: datetime) -> Any:
    """Return a value with every template in it filled, in lists and mappings too.

    Parameters
    ----------
    value : Any
        JSON's kinds of values; only texts are looked into.
    scope : mapping
        What ``@param(name)`` may name. A text that is nothing but ``@param(name)`` becomes that value with
        its own type.
    moment : datetime
        The run's date, with its zone.

    Raises
    ------
    UsageError
        When a template names what is not there.

    Examples
    --------
    >>> moment = datetime(2026, 3, 1, tzinfo=UTC)
    >>> filled(["@param(month)", "m-@param(month)-@date(%d, -1 day)", "me@@here.org"], {"month": 2}, moment)
    [2, 'm-2-28', 'me@here.org']
    """
    if isinstance(value, str):
        return filled_text(value, scope, moment)
    if isinstance(value, list):
        return [filled(item, scope, moment) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, scope, moment) for key, item in value.items()}
    return value


def filled_text(text: str, scope: Mapping[str, Any], moment: datetime) -> Any:
    """Return one text filled; see `filled`."""
    if "@" not in text:
        return text
    alone = TEMPLATE.fullmatch(text)
    if alone and alone[1]:
        return _value(alone, scope, moment)
    return TEMPLATE.sub(lambda found: as_text(_value(found, scope, moment)), text)


def is_template(value: Any) -> bool:
    """Say whether a value is text with a template in it."""
    return isinstance(value, str) and any(found[1] for found in TEMPLATE.finditer(value))


def named(value: Any) -> set[str]:
    """Return the parameters that the templates in a value name."""
    if isinstance(value, str):
        return {found[2].strip() for found in TEMPLATE.finditer(value) if found[1] == "param"}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return set().union(*(named(item) for item in inner))


def as_text(value: Any) -> str:
    """Return a value as it stands inside a text: ``true``, ``3``, ``data``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(found: re.Match[str], scope: Mapping[str, Any], moment: datetime) -> Any:
    if found[0] == "@@":
        return "@"
    if found[1] not in FUNCTIONS:
        raise UsageError(f"'@{found[1]}(' is no template", hint=f"{KNOWN}, or @@ for an @ itself")
    if not found[3]:
        raise UsageError(f"{found[0]!r} is never closed", hint=KNOWN)
    return _parameter(found[2].strip(), scope) if found[1] == "param" else dated(found[2], moment)


def _parameter(name: str, scope: Mapping[str, Any]) -> Any:
    if name not in scope:
        hint = did_you_mean(name, scope) or "the pipeline has no parameters: write them under 'parameters:'"
        raise UsageError(f"@param({name}) names no parameter", hint=hint)
    return scope[name]


def dated(arguments: str, moment: datetime) -> str:
    """Return a date as ``@date(…)`` writes it: a form as of strftime, then any number of offsets.

    Parameters
    ----------
    arguments : str
        What stands in the brackets: ``%Y-%m-%d, -1 month, +1 day``; nothing is the day.
    moment : datetime
        The run's date, with its zone. Days and longer are counted by the calendar of its zone, hours
        and shorter as time that passes: the day that daylight saving begins has 23.

    Examples
    --------
    >>> dated("%Y-%m, -1 month", datetime(2026, 3, 31, tzinfo=UTC))
    '2026-02'
    """
    *before, last = arguments.split(",")
    offsets: list[re.Match[str]] = []
    while found := OFFSET.fullmatch(last.strip()):
        offsets.insert(0, found)
        last = before.pop() if before else ""
    form = ",".join([*before, last]).strip() or ISO_DAY
    _check_form(form)
    try:
        for found in offsets:
            moment = _moved(moment, int(found[1] + found[2]), found[3])
    except (OverflowError, ValueError):
        raise UsageError(f"@date({arguments}) is out of the calendar") from None
    return moment.strftime(form)


def _check_form(form: str) -> None:
    for found in re.finditer(r"%[-_0^#]?(.?)", form):
        if found[1] not in DIRECTIVES:
            raise UsageError(
                f"@date({form}): {found[0]!r} is no part of a date", hint="write %Y, %m, %d, %H, %M, …"
            )
    if "%" not in form:
        raise UsageError(
            f"@date({form}) has neither a form nor an offset",
            hint="write @date(%Y-%m-%d) or @date(%d, -1 day)",
        )


def _moved(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in {"second", "minute", "hour"}:
        exact = moment.astimezone(UTC) + timedelta(**{f"{unit}s": amount})
        return exact.astimezone(moment.tzinfo)
    if unit in {"day", "week"}:
        return moment + timedelta(days=amount * (7 if unit == "week" else 1))
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
