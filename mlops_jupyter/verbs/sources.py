"""Models, data and code by address or file: what a shell names, and a notebook may."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError, ModelError, NotFoundError, UsageError, did_you_mean
from mlops_jupyter.verbs.types import Cell, Data, DataSource, Model, Script, Target

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESSES: Final = ("models:/", "runs:/")
_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_PICKLES: Final = (".pkl", ".pickle", ".joblib")
_TABLES: Final = (".parquet", ".csv", ".arrow", ".feather")
_SOURCES: Final = (*_TABLES, ".pq", ".ipc", ".profile")


def is_source(text: str) -> bool:
    """Return whether a word can only be an address, a file or ``module:attribute``, and no variable.

    Examples
    --------
    >>> is_source("models:/churn/3"), is_source("train.parquet"), is_source("search.best_estimator_")
    (True, True, False)
    """
    suffix = Path(text).suffix
    return (
        text.startswith(ADDRESSES)
        or bool(_ATTRIBUTE.fullmatch(text))
        or "/" in text
        or suffix in (".skops", ".py", *_PICKLES, *_SOURCES)
    )


def is_time(text: str) -> bool:
    """Return whether a word can only be a stretch of time: no name and few files begin with a digit.

    Examples
    --------
    >>> is_time("7d"), is_time("2026-01-01..2026-02-01"), is_time("train.parquet")
    (True, True, False)
    """
    return text[:1].isdigit() and not Path(text).expanduser().exists()


def open_source(kind: type, text: str) -> Any:
    """Return the object a word names.

    Parameters
    ----------
    kind : type
        `Model`, `Data`, `DataSource`, `Target` or `Cell` of `mlops_jupyter.verbs.types`.
    text : str
        ``models:/churn/3`` and ``runs:/…`` stay as they are, for the verb opens them by their flavour;
        ``model.skops``, ``module:attribute``, ``train.parquet``, ``train.py``. Of a `DataSource` a file stays
        a path, and ``7d`` or ``2026-01-01..2026-02-01`` a text.

    Raises
    ------
    NotFoundError
        If there is no such file or attribute.
    UsageError
        If it is of a kind that is not read here.
    """
    if kind is Model and text.startswith(ADDRESSES):
        return text
    if _ATTRIBUTE.fullmatch(text):
        return _attribute(text)
    if kind is DataSource:
        return text if is_time(text) else _existing(text)
    openers: dict[type, Callable[[Path], Any]] = {Model: _model, Data: _table, Target: _column, Cell: _script}
    return openers[kind](_existing(text))


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside) if beside else ""
        raise NotFoundError(f"there is no file {text!r}", hint=hint if hint.startswith("did") else "")
    return path


def _attribute(text: str) -> Any:
    module_name, _, path = text.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not module_name.startswith(error.name):
            raise
        raise NotFoundError(f"there is no module {module_name!r} in {here} or installed") from None
    for name in path.split("."):
        if not hasattr(value, name):
            hint = did_you_mean(name, [n for n in vars(value) if not n.startswith("_")])
            raise NotFoundError(f"{text!r} has no {name!r}", hint=hint)
        value = getattr(value, name)
    return value


def _model(path: Path) -> Any:
    if path.suffix in _PICKLES:
        raise UsageError(
            f"{path.name} is a pickle, which runs code when it is opened",
            hint="open it in a notebook you trust, or name it as module:attribute",
        )
    if path.suffix != ".skops":
        raise UsageError(
            f"{path.name} is no model I can open",
            hint="models:/…, runs:/…, a .skops file or module:attribute",
        )
    from mlops_jupyter.serving import trust

    try:
        return trust.load_skops(path)
    except trust.UntrustedModelError as error:
        raise ModelError(str(error)) from None


def _table(path: Path) -> Any:
    import pandas as pd

    readers: dict[str, Callable[..., Any]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".arrow": pd.read_feather,
        ".feather": pd.read_feather,
    }
    if path.suffix not in readers:
        raise UsageError(f"{path.name} is no table I can read", hint=f"known: {', '.join(readers)}")
    try:
        return readers[path.suffix](path)
    except Exception as error:
        raise DataError(f"{path.name} cannot be read as {path.suffix[1:]}", str(error)) from error


def _column(path: Path) -> Any:
    table = _table(path)
    if len(table.columns) != 1:
        columns = len(table.columns)
        raise DataError(f"{path.name} has {columns} columns", "a target is one", "name a column of the data")
    return table.iloc[:, 0]


def _script(path: Path) -> Script:
    return Script(path.read_text(), path)
