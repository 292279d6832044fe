"""Where a run came from: the cell's names, the content of its data, the commit, the libraries."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FRAMES: Final = ("pandas", "numpy", "scipy")
_LENGTH: Final = 16


def names_in(source: str) -> set[str]:
    """Return the variables that code names; every word of it when it is not plain Python (``%time fit()``).

    Examples
    --------
    >>> sorted(names_in("model.fit(X)"))
    ['X', 'model']
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set(re.findall(r"[A-Za-z_]\w*", source))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def data_in(source: str, space: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return shape and fingerprint of each frame and array that code names.

    Parameters
    ----------
    source : str
        The code.
    space : mapping
        Its variables.
    """
    named = {name: space[name] for name in sorted(names_in(source)) if name in space}
    return {
        name: {"shape": list(value.shape), "fingerprint": fingerprint(value)}
        for name, value in named.items()
        if _is_data(value)
    }


def _is_data(value: Any) -> bool:
    """Recognise by module and name, so that looking imports nothing."""
    known = type(value).__module__.split(".")[0] in _FRAMES and not isinstance(value, type)
    kinds = ("DataFrame", "Series", "ndarray")
    return known and (type(value).__name__ in kinds or hasattr(value, "tocsr"))


def fingerprint(data: Any) -> str:
    """Return a hash over the whole content, with names and dtypes; the same on every machine.

    Parameters
    ----------
    data : pandas.DataFrame, pandas.Series, numpy.ndarray or a SciPy sparse matrix
        It is never sampled: one changed cell is another fingerprint. The index does not count.

    Examples
    --------
    >>> import numpy as np
    >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3))
    True
    >>> fingerprint(np.arange(3)) == fingerprint(np.ones(3))
    False
    """
    digest = hashlib.sha256()
    for part in _parts(data):
        digest.update(part)
    return digest.hexdigest()[:_LENGTH]


def _parts(data: Any) -> Iterator[bytes]:
    if hasattr(data, "tocsr"):
        matrix = data.tocsr()
        yield repr(matrix.shape).encode()
        for array in (matrix.indptr, matrix.indices, matrix.data):
            yield from _parts(array)
    elif hasattr(data, "iloc"):
        yield from _frame_parts(data)
    elif data.dtype.hasobject:
        yield repr(data.tolist()).encode()
    else:
        yield f"{data.dtype.str}{data.shape}".encode()
        yield data.tobytes()


def _frame_parts(frame: Any) -> Iterator[bytes]:
    import pandas as pd

    table = frame if frame.ndim == 2 else frame.to_frame()
    for i, name in enumerate(table.columns):
        column = table.iloc[:, i]
        yield f"{name}|{column.dtype}|{len(column)}".encode()
        try:
            yield pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes()
        except TypeError:  # lists and dicts have no hash
            yield repr(column.tolist()).encode()


def imported_libraries() -> dict[str, str]:
    """Return the versions of the installed distributions of which something is imported in this process."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    owners = packages_distributions()
    imported = {name.partition(".")[0] for name in list(sys.modules)}
    versions: dict[str, str] = {}
    for distribution in {d for name in imported for d in owners.get(name, ())}:
        try:
            versions[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))
