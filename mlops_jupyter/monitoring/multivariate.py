"""All columns at once: rows of both windows, drawn at random, for the measures that need rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mlops_jupyter.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_jupyter.monitoring.sides import Side
    from mlops_jupyter.profiles.tables import Table
    from mlops_jupyter.profiles.values import Values
    from mlops_jupyter.stats.multivariate import PcaError, TwoSample

_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Together:
    """Whether all columns together tell the windows apart."""

    two_sample: TwoSample
    pca: PcaError


def look_together(reference: Side, current: Side) -> Together:
    """Return what the columns of two windows say together.

    Raises
    ------
    DataError
        When the rows of one of them are not there: a profile has none.
    """
    from mlops_jupyter.stats.multivariate import pca_error, two_sample_test

    before, now = (_rows(side) for side in (reference, current))
    return Together(two_sample_test(before, now, seed=_SEED), pca_error(before, now, seed=_SEED))


def _rows(side: Side) -> dict[str, NDArray[Any]]:
    if side.table is None:
        raise DataError(
            f"--multivariate looks at rows, and of {side.label} only the profile is kept",
            hint="give rows: --reference df, or a window of captured requests",
        )
    from mlops_jupyter.stats.multivariate import MOST_ROWS

    return drawn_rows(side.table, MOST_ROWS)


def drawn_rows(table: Table, most: int, seed: int = _SEED) -> dict[str, NDArray[Any]]:
    """Return some rows of a table, each as likely as any other, in the order they stand in.

    Parameters
    ----------
    table : Table
        Read once.
    most : int
        How many rows at most.
    seed : int
        Of the draw.

    Notes
    -----
    Every row draws a number, and those with the least ones stay: so nothing needs to be known of how many
    there will be (Vitter, "Random sampling with a reservoir", 1985, by random keys).
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    keys: NDArray[np.float64] = np.empty(0)
    kept: dict[str, NDArray[Any]] = {}
    for batch in table.batches():
        readable = {name: array for name, values in batch.items() if (array := _array(values)) is not None}
        rows = max((values.rows for values in batch.values()), default=0)
        keys = np.concatenate([keys, draw.random(rows)])
        chosen = _least(keys, most)
        both = {name: _joined(kept.get(name), array) for name, array in readable.items()}
        kept = {name: array[chosen] for name, array in both.items() if len(array) == len(keys)}
        keys = keys[chosen]
    return kept


def _least(keys: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    import numpy as np

    if len(keys) <= most:
        return np.arange(len(keys))
    return np.sort(np.argpartition(keys, most)[:most])


def _joined(before: NDArray[Any] | None, array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return array if before is None else np.concatenate([before, array])


def _array(values: Values) -> NDArray[Any] | None:
    """Return a column's values as an array; None for what cannot be read."""
    import numpy as np

    from mlops_jupyter.profiles.values import Missing, Numbers, Unread

    if isinstance(values, Numbers):
        # as times, which the measures leave out: they alone tell any two windows apart
        return values.values if values.form == "numeric" else values.values.astype("M8[s]")
    if isinstance(values, Unread):
        return None
    if isinstance(values, Missing):
        return np.full(values.rows, np.nan)
    try:
        coded = values.coded()
    except DataError:
        return None
    labels = np.array([*coded.labels, None], dtype=object)  # code -1 is the last: missing
    return labels[coded.codes]
