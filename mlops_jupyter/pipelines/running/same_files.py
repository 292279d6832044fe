"""Whether two files hold the same: by their bytes, else as what they are, tables and archives."""

from __future__ import annotations

import filecmp
import gzip
import zipfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES: Final = frozenset({".parquet", ".pq", ".csv", ".tsv", ".feather", ".arrow"})
LARGEST_TABLE: Final = 500_000_000
SAME_NUMBER: Final = 1e-9


def difference(one: Path, two: Path) -> str:
    """Return in what two files or folders differ; empty when they hold the same.

    Parameters
    ----------
    one, two : Path
        What to compare. Archives are the same when what is in them is; tables when their rows are.

    Returns
    -------
    str
        In words: ``3 of 100 rows differ, in price``.
    """
    if one.is_dir() and two.is_dir():
        return next((told for told in _in_folders(one, two) if told), "")
    if not (one.is_file() and two.is_file()):
        return "it is there in one run only" if one.exists() != two.exists() else ""
    return "" if filecmp.cmp(one, two, shallow=False) else _in_content(one, two)


def _in_folders(one: Path, two: Path) -> Iterator[str]:
    names = [
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for folder in (one, two)
    ]
    alone = sorted(names[0] ^ names[1])
    if alone:
        yield f"{alone[0]} is there in one run only"
    for name in sorted(names[0] & names[1]):
        told = difference(one / name, two / name)
        yield f"{name}: {told}" if told else ""


def _in_content(one: Path, two: Path) -> str:
    try:
        if one.suffix in TABLES and max(one.stat().st_size, two.stat().st_size) <= LARGEST_TABLE:
            return _in_tables(_table(one), _table(two))
        if one.suffix == ".skops":
            return "" if _skops(one) == _skops(two) else "the models differ"
        if zipfile.is_zipfile(one) and zipfile.is_zipfile(two):
            return _in_archives(one, two)
        if one.suffix == ".gz":
            return (
                ""
                if gzip.decompress(one.read_bytes()) == gzip.decompress(two.read_bytes())
                else "its bytes differ"
            )
    except Exception:  # noqa: BLE001 - whatever a reader says of a file that is none: its bytes differ all the same
        return _in_bytes(one, two)
    return _in_bytes(one, two)


def _in_bytes(one: Path, two: Path) -> str:
    sizes = one.stat().st_size, two.stat().st_size
    return f"{sizes[0]:,} bytes against {sizes[1]:,}" if sizes[0] != sizes[1] else "its bytes differ"


def _skops(path: Path) -> bytes:
    from mlops_jupyter.packaging.formats.skops_file import normalised

    return normalised(path.read_bytes())


def _in_archives(one: Path, two: Path) -> str:
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(two) as second:
        names = set(first.namelist()) ^ set(second.namelist())
        if names:
            return f"{min(names)} is in one of them only"
        differ = [
            name for name in sorted(first.namelist()) if first.getinfo(name).CRC != second.getinfo(name).CRC
        ]
    return f"{differ[0]} in it differs" if differ else ""


def _table(path: Path) -> Any:
    import pandas as pd

    if path.suffix in {".csv", ".tsv"}:
        return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    return pd.read_parquet(path) if path.suffix in {".parquet", ".pq"} else pd.read_feather(path)


def _in_tables(one: Any, two: Any) -> str:
    if list(one.columns) != list(two.columns):
        other = sorted(map(str, set(one.columns) ^ set(two.columns)))
        return f"columns differ: {', '.join(other)}" if other else "its columns are in another order"
    if len(one) != len(two):
        return f"{len(one):,} rows against {len(two):,}"
    one, two = one.reset_index(drop=True), two.reset_index(drop=True)
    unequal = (one != two) & ~(one.isna() & two.isna())
    rows = int(unequal.any(axis=1).sum())
    if not rows:
        return ""
    if _same_rows(one, two):
        return "the same rows in another order"
    columns = [str(name) for name in unequal.columns[unequal.any()]]
    told = f"{rows:,} of {len(one):,} rows differ, in {', '.join(columns[:3])}" + (
        ", …" if columns[3:] else ""
    )
    return told + (" (by rounding alone)" if _close(one[unequal.columns[unequal.any()]], two) else "")


def _same_rows(one: Any, two: Any) -> bool:
    from pandas.util import hash_pandas_object

    hashes = [sorted(hash_pandas_object(table.astype(str), index=False)) for table in (one, two)]
    return hashes[0] == hashes[1]


def _close(one: Any, two: Any) -> bool:
    import numpy as np

    numeric = one.select_dtypes("number")
    if numeric.shape[1] < one.shape[1]:
        return False
    return bool(np.allclose(numeric, two[numeric.columns], rtol=SAME_NUMBER, atol=0, equal_nan=True))


def different_values(one: dict[str, Any], two: dict[str, Any]) -> dict[str, str]:
    """Return in what values differ, by their names.

    Examples
    --------
    >>> different_values({"auc": 0.71, "rows": 3}, {"auc": 0.73, "rows": 3})
    {'auc': '0.71 against 0.73'}
    """
    told = {}
    for name in sorted(one.keys() | two.keys()):
        if name not in one or name not in two:
            told[name] = "it is given in one run only"
        elif repr(one[name]) != repr(two[name]):
            told[name] = f"{_short(one[name])} against {_short(two[name])}" + _rounding(one[name], two[name])
    return told


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:39]}…"


def _rounding(one: Any, two: Any) -> str:
    if not (isinstance(one, float) and isinstance(two, float)):
        return ""
    return " (by rounding alone)" if abs(one - two) <= SAME_NUMBER * max(abs(one), abs(two)) else ""
