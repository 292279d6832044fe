"""The table of a drift report: what must be looked at first, and what is as it was behind a fold."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.verbs.drift_words import (
    MARKS,
    MEASURE_NAMES,
    drifted,
    measured,
    side_of,
    status_of,
    told_by,
    unnamed,
    when,
)
from mlops_jupyter.verbs.results import Bar, Facts, Note, Sayings, Shape, Sparkline, Table, Titled
from mlops_jupyter.verbs.values import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.verbs.drift_payload import ColumnValues, Payload
    from mlops_jupyter.verbs.results import Block, Mark

_OPEN: Final = 15  # columns of a table that is not folded, where nothing drifted in all of them
_DRAWN: Final = 60  # columns whose distributions are drawn: more would not be looked at
_CELLS: Final = 30
_WORDS: Final = 4
_NOTHING: Final = Sayings(())
_FACT: Final = re.compile(r"`[^`]+`|\d[\d.,:-]*\d|\d")


def facts(payload: Payload) -> Facts:
    """Return what was compared with what, and how it is judged."""
    return Facts(tuple(_facts(payload)))


def _facts(payload: Payload) -> Iterator[tuple[str, Any]]:
    reference, current, asked = payload["reference"], payload["current"], payload["selection"]
    moments = when(payload)
    yield "current", side_of(current["label"], current["rows"]) + (f" ({moments})" if moments else "")
    yield "reference", side_of(reference["label"], reference["rows"])
    if asked["variant"]:
        yield "variant", asked["variant"]
    if asked["slice"]:
        yield "slice", asked["slice"]
    yield "measure", measured(payload)


def tables(payload: Payload) -> Iterator[Block]:
    """Yield the columns, ranked; those that are as they were are folded when they are many."""
    columns = payload["columns"]
    fine = [column for column in columns if column["verdict"] == "OK"]
    rest = [column for column in columns if column["verdict"] != "OK"]
    if len(columns) <= _OPEN:
        rest, fine = columns, []
    end = _end(payload)
    if rest:
        yield _table(payload, rest, end)
    if fine:
        yield _table(payload, fine, end, f"{len(fine)} columns are OK")


def _table(payload: Payload, columns: list[ColumnValues], end: float, folded: str = "") -> Table:
    name = MEASURE_NAMES[payload["measure"]]
    over = [f"over {len(payload['windows'])} x {payload['every']}"] if payload["windows"] else []
    heads = ("column", "verdict", name, "distribution", *over, "what changed")
    rows = tuple(_row(payload, column, end, drawn=i < _DRAWN) for i, column in enumerate(columns))
    return Table(heads, rows, title=folded, folded=bool(folded))


def _row(payload: Payload, column: ColumnValues, end: float, *, drawn: bool) -> tuple[Any, ...]:
    trend = [_trend(payload, column)] if payload["windows"] else []
    return (
        Titled(column["name"], about(column)),
        status_of(column["verdict"]),
        _bar(payload, column, end),
        _shape(column) if drawn else _NOTHING,
        *trend,
        Sayings(tuple(sayings(column, payload["measure"]))),
    )


def about(column: ColumnValues) -> str:
    """Return what a column is: its role where it is no feature, else its kind."""
    return column["kind"] if column["role"] == "feature" else column["role"]


def _bar(payload: Payload, column: ColumnValues, end: float) -> Bar | None:
    effect = column["effects"].get(payload["measure"])
    if effect is None:
        return None
    limits = tuple(payload["limits"][payload["measure"]])
    return Bar(
        effect["value"], effect["low"], effect["high"], limits, end, mark(column), decimal(effect["value"])
    )


def decimal(value: float) -> str:
    """Return an effect in three decimals, so that many stand in line.

    Examples
    --------
    >>> decimal(0.45678), decimal(0.00012), decimal(123.4)
    ('0.457', '0.000', '123')
    """
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def mark(column: ColumnValues) -> Mark:
    """Return whose colour a column is drawn in."""
    return MARKS[column["verdict"]]


def _end(payload: Payload) -> float:
    """Return where bars end: one that goes far must not make all others vanish."""
    critical = payload["limits"][payload["measure"]][1]
    found = [c["effects"][payload["measure"]]["high"] for c in payload["columns"] if c["effects"]]
    return min(max([2 * critical, *found]), 4 * critical) or 1.0


def _trend(payload: Payload, column: ColumnValues) -> Sparkline | Sayings:
    values = column["trend"].get(payload["measure"])
    known = [value for value in values or () if value is not None]
    if not values or not known:
        return _NOTHING
    told = f"{MEASURE_NAMES[payload['measure']]} in each window of {payload['every']}: {number(min(known))}"
    told += f" to {number(max(known))}, the last {number(known[-1])}"
    return Sparkline(tuple(values), payload["limits"][payload["measure"]][0], mark(column), told)


def _shape(column: ColumnValues) -> Shape | Sayings:
    found = column["histogram"]
    if found is None:
        return _NOTHING
    apart = "labels" in found
    current, reference = (_narrowed(found[side], apart=apart) for side in ("current", "reference"))
    told = f"{column['name']}: current filled, the reference as a line"
    return Shape(current, reference, apart, mark(column), told)


def _narrowed(shares: list[float], *, apart: bool) -> tuple[float, ...]:
    """Return shares in no more cells than a small drawing has room for."""
    if apart or len(shares) <= _CELLS:
        return tuple(shares[:_CELLS])
    bounds = [round(i * len(shares) / _CELLS) for i in range(_CELLS + 1)]
    return tuple(sum(shares[a:b]) / (b - a) for a, b in pairwise(bounds))


def sayings(column: ColumnValues, measure: str) -> Iterator[str]:
    """Yield the reason of the verdict, and what changed in words where something did."""
    if column["reason"]:
        yield column["reason"]
    if column["verdict"] in ("WARNING", "CRITICAL"):
        words = [unnamed(said, column["name"]) for said in column["words"]]
        yield from [said for said in words if not _repeats(said, column["reason"])][:_WORDS]
    other = told_by(column, measure)
    if other:
        yield f"by {other}, for it is {column['kind']}"


def _repeats(said: str, reason: str) -> bool:
    """Return whether a sentence has numbers and names, and none that the reason has not said already."""
    facts = set(_FACT.findall(said))
    return bool(facts) and facts <= set(_FACT.findall(reason))


def multivariate(payload: Payload) -> Iterator[Block]:
    """Yield whether all columns together tell the windows apart."""
    found = payload["multivariate"]
    if found is None:
        return
    bounds = f"95 % between {number(found['low'])} and {number(found['high'])}, 0.5 is a guess"
    apart = found["verdict"] != "OK"
    words = "tells current rows from the reference's" if apart else "hardly tells the windows apart"
    yield Note(f"a classifier {words}: AUC {number(found['auc'])} ({bounds})", MARKS[found["verdict"]])
    if apart and found["features"]:
        rows = tuple((name, number(lost)) for name, lost in found["features"])
        yield Table(("without it", "AUC falls by"), rows)
    if found["reconstruction"] is not None:
        low, high = found["usual"]
        beyond = not low <= found["reconstruction"] <= high
        error = f"principal components of the reference err by {number(found['reconstruction'])}"
        yield Note(
            f"{error} on current rows, usual is {number(low)} to {number(high)}", "warn" if beyond else "ok"
        )


def notes(payload: Payload) -> Iterator[Note]:
    """Yield what to know of the comparison."""
    yield from (Note(text.replace("`", "")) for text in payload["notes"])
    if payload["windows"] and drifted(payload["columns"]):
        begin = datetime.fromisoformat(payload["windows"][0]).astimezone()
        yield Note(f"trend: dashed is where WARNING begins; the first window is of {begin:%Y-%m-%d %H:%M %Z}")
