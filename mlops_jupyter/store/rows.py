"""Rows of the driver as frozen dataclasses, and back: moments as text that sorts as they do."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

Noun = TypeVar("Noun")


def as_text(moment: datetime) -> str:
    """Return a moment as text, in UTC.

    Examples
    --------
    >>> as_text(datetime.fromisoformat("2026-03-29T03:00:00+02:00"))
    '2026-03-29T01:00:00.000000+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def as_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the driver takes them."""
    return {name: _plain(value) for name, value in values.items()}


def from_row(noun: type[Noun], row: sqlite3.Row) -> Noun:
    """Return a row as the noun whose fields are its columns."""
    kinds = {each.name: str(each.type) for each in fields(noun)}  # type: ignore[arg-type]
    return noun(**{name: _read(row[name], kind) for name, kind in kinds.items()})


def insertion(table: str, columns: Iterable[str], otherwise: str = "ABORT") -> str:
    """Return the statement that writes a row, its values to be given by name."""
    names = list(columns)
    places = ", ".join(f":{name}" for name in names)
    return f"INSERT OR {otherwise} INTO {table} ({', '.join(names)}) VALUES ({places})"


def changes(columns: Iterable[str]) -> str:
    """Return what stands behind SET, the values to be given by name."""
    return ", ".join(f"{name} = :{name}" for name in columns)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return as_text(value)
    return json.dumps(value) if isinstance(value, dict) else value


def _read(value: Any, kind: str) -> Any:
    if value is None or kind in ("str", "int"):
        return value
    if kind.startswith("datetime"):
        return datetime.fromisoformat(value)
    if kind.startswith("Mapping"):
        return json.loads(value)
    return bool(value) if kind == "bool" else value
