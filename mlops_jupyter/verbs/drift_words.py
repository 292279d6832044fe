"""What a drift report says: the answer, the names of measures and verdicts, and when and of what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mlops_jupyter.stats.units import cited
from mlops_jupyter.verbs.results import Status
from mlops_jupyter.verbs.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload, Verdict
    from mlops_jupyter.verbs.results import Mark

MARKS: Final[Mapping[Verdict, Mark]] = {
    "OK": "ok",
    "WARNING": "warn",
    "CRITICAL": "bad",
    "INCONCLUSIVE": "info",
    "INVALID": "bad",
}
MEASURE_NAMES: Final = {
    "psi": "PSI",
    "ks": "KS",
    "js": "JS",
    "wasserstein": "Wasserstein",
    "mean": "mean shift",
    "cramers_v": "Cramér's V",
    "tv": "total variation",
    "missing": "missing",
}
_UNITS: Final = {"wasserstein": "robust sd of the reference", "mean": "sd of the reference"}
_MOST_NAMED: Final = 3


def status_of(verdict: Verdict) -> Status:
    """Return a verdict as a word and a mark."""
    return Status(verdict, MARKS[verdict])


def drifted(columns: Iterable[ColumnValues]) -> list[ColumnValues]:
    """Return the columns that are not as in the reference, in their order."""
    return [column for column in columns if column["verdict"] in ("CRITICAL", "WARNING")]


def headline_of(payload: Payload) -> str:
    """Return the answer in words: what drifted, what could not be told, or that nothing did."""
    columns = payload["columns"]
    found = drifted(columns)
    unsure = [column for column in columns if column["verdict"] == "INCONCLUSIVE"]
    invalid = [column for column in columns if column["verdict"] == "INVALID"]
    who, total = _who(payload), _columns(len(columns))
    if found:
        more = ", most of all " if len(found) > _MOST_NAMED else ": "
        said = f"{who} drifted in {len(found)} of {total}{more}{listed(found[:_MOST_NAMED])}"
    elif invalid:
        said = f"{who} cannot be compared in {len(invalid)} of {total}: {listed(invalid)}"
        return said + (f"; too few rows to tell for {listed(unsure)}" if unsure else "; no other drifted")
    elif unsure:
        return f"too few rows to tell whether {who} drifted in {len(unsure)} of {total}: {listed(unsure)}"
    else:
        return f"{who} shows no drift in {'its' if len(columns) == 1 else 'any of its'} {total}"
    return said + (f"; {listed(invalid)} cannot be compared" if invalid else "")


def message_of(payload: Payload) -> str:
    """Return what the overview figure shows, in words."""
    found = drifted(payload["columns"])
    if not found:
        return f"{_who(payload)} is distributed as {payload['reference']['label']}"
    return f"How {listed(found, most=4)} changed since {payload['reference']['label']}"


def listed(columns: Sequence[ColumnValues], most: int = 2 * _MOST_NAMED) -> str:
    """Return the names of columns, the first ones when they are many.

    Examples
    --------
    >>> listed([{"name": "a"}, {"name": "b"}, {"name": "c"}])
    'a, b and c'
    """
    names = [column["name"] for column in columns]
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def measured(payload: Payload) -> str:
    """Return how the verdicts come about, in words."""
    name = payload["measure"]
    warning, critical = payload["limits"][name]
    unit = f" {_UNITS[name]}" if name in _UNITS else ""
    return (
        f"{MEASURE_NAMES[name]}, WARNING over {number(warning)}{unit}, CRITICAL over {number(critical)}; "
        "the lower bound of 95 % counts"
    )


def told_by(column: ColumnValues, measure: str) -> str:
    """Return the measure that really judged a column, where it is not the one that was chosen."""
    effect = column["effects"].get(measure)
    return MEASURE_NAMES[effect["measure"]] if effect and effect["measure"] != measure else ""


def unnamed(said: str, name: str) -> str:
    """Return what is said of a column where its name stands beside it already.

    Examples
    --------
    >>> unnamed("`hour` moved later by 1.3 h", "hour"), unnamed("the tails of `hour` are heavier", "hour")
    ('moved later by 1.3 h', 'the tails of `hour` are heavier')
    """
    own = f"{cited(name)} "
    return said[len(own) :].removeprefix("is ") if said.startswith(own) else said


def side_of(label: str, rows: int) -> str:
    """Return one of the two windows in words."""
    return f"{label}, {rows:,} row{'' if rows == 1 else 's'}"


def when(payload: Payload) -> str:
    """Return from when to when the current rows are, in local time; "" where they have no times."""
    since, until = payload["current"]["since"], payload["current"]["until"]
    if since is None or until is None:
        return ""
    begin, end = (datetime.fromisoformat(moment).astimezone() for moment in (since, until))
    same = begin.date() == end.date()
    return f"{begin:%Y-%m-%d %H:%M} to {end:{'%H:%M' if same else '%Y-%m-%d %H:%M'} %Z}"


def moment(seconds: float, span: float) -> str:
    """Return a moment as precise as a span of so many seconds asks for.

    Examples
    --------
    >>> moment(0.0, 86400 * 400), moment(0.0, 86400 * 10), moment(3600.0, 3600.0)
    ('1970-01', '1970-01-01', '01:00')
    """
    form = "%Y-%m" if span > 86400 * 300 else "%Y-%m-%d" if span > 86400 * 3 else "%H:%M"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return number(seconds)


def _who(payload: Payload) -> str:
    return payload["deployment"] or payload["current"]["label"]


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"
