"""One column of data, described: its type, its range, its categories, an example."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: A column of text with at most this many distinct values lists them, so that an unseen one can be told.
CATEGORY_LIMIT = 100

_INTEGER_BYTES = 4


def describe_column(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    """Return the schema's entry of a column.

    Parameters
    ----------
    name : str
        Its name.
    values : pandas.Series
        Its values; of a matrix, a series made of its column.

    Returns
    -------
    dict
        ``name, type, dtype, nullable, minimum, maximum, categories, example``; `nullable` is false until the
        model has been probed.

    Raises
    ------
    DataError
        When it holds what no request could carry: mixed types, complex numbers, lists.

    Examples
    --------
    >>> import pandas as pd
    >>> column = describe_column("distance", pd.Series([17.0, 200.0]))
    >>> column["type"], column["minimum"], column["example"]
    ('double', 17.0, 17.0)
    """
    kind = column_type(name, values)
    present = values.dropna()
    low, high = _range(kind, present)
    return {
        "name": name,
        "type": kind,
        "dtype": str(values.dtype),
        "nullable": False,
        "minimum": low,
        "maximum": high,
        "categories": _categories(kind, values, present),
        "example": plain(present.iloc[0]) if len(present) else None,
    }


def column_type(name: str, values: pd.Series[Any]) -> str:
    """Return MLflow's name for the type of a column: ``long``, ``double``, ``string``, …."""
    dtype = values.dtype
    if str(dtype) == "category":
        return column_type(name, values.cat.categories.to_series())
    known = _numeric_type(dtype)
    if known is not None:
        return known
    if dtype.kind == "M":
        return "datetime"
    if dtype.kind in "OUT" or str(dtype) in {"str", "string"}:
        return _object_type(name, values.dropna())
    raise DataError(
        f"column {name!r} is of type {dtype}, which a request cannot carry",
        hint="convert it to numbers, text or a date",
    )


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: Python scalars, dates in ISO 8601, no NaN.

    Examples
    --------
    >>> plain(np.float64(0.5)), plain(np.str_("a")), plain(float("nan"))
    (0.5, 'a', None)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else _as_number(value)


def _as_number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _numeric_type(dtype: Any) -> str | None:
    size = int(getattr(dtype, "itemsize", 8))
    if dtype.kind == "b":
        return "boolean"
    if dtype.kind in "iu":
        fits = size < _INTEGER_BYTES or (dtype.kind == "i" and size == _INTEGER_BYTES)
        return "integer" if fits else "long"
    if dtype.kind == "f":
        return "float" if size <= _INTEGER_BYTES else "double"
    return None


def _object_type(name: str, present: pd.Series[Any]) -> str:
    kinds = {_kind_of(value) for value in present}
    if not kinds:
        return "string"
    if kinds == {"long", "double"}:
        return "double"
    if len(kinds) == 1 and "" not in kinds:
        return kinds.pop()
    types = sorted({type(value).__name__ for value in present})
    held = f"holds {' and '.join(types)}" if len(types) > 1 else f"holds {types[0]} values"
    raise DataError(f"column {name!r} {held}", hint=f"make it of one type: df[{name!r}].astype(str)")


def _kind_of(value: Any) -> str:
    for kind, types in _KINDS:
        if isinstance(value, types):
            return kind
    return "double" if type(value).__name__ == "Decimal" else ""


# bool before int and datetime before date: each is a subclass of the other.
_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("string", (str,)),
    ("boolean", (bool, np.bool_)),
    ("long", (int, np.integer)),
    ("double", (float, np.floating)),
    ("datetime", (dt.date, np.datetime64)),
)


def _range(kind: str, present: pd.Series[Any]) -> tuple[float | None, float | None]:
    if kind not in {"integer", "long", "float", "double"} or not len(present):
        return None, None
    numbers = np.asarray(present, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (None, None)


def _categories(kind: str, values: pd.Series[Any], present: pd.Series[Any]) -> list[Any] | None:
    if str(values.dtype) == "category":
        return [plain(category) for category in values.cat.categories]
    if kind != "string" or not len(present):
        return None
    distinct = present.unique()
    return sorted(str(value) for value in distinct) if len(distinct) <= CATEGORY_LIMIT else None
