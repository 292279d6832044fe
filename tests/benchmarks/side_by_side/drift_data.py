"""Two windows of fifty columns, some of which drift: the same rows whenever and wherever they are made.

    python tests/benchmarks/side_by_side/drift_data.py FOLDER --rows 1000000

Forty floats, five integers, five texts of few levels. Ten columns drift materially, which is to say by a PSI
over 0.1 in the populations themselves; ten change by so little that nobody would want to be told; thirty are
drawn alike. Rows come in blocks with a generator each, so any number of them is written in little memory.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, int], NDArray[Any]]

SEED = 20_261_120
SIDES = ("reference", "current")
BLOCK = 1_000_000
LEVELS = ("EWR", "JFK", "LGA", "BOS", "SFO", "ORD", "ATL", "IAH")
Change = Literal["material", "negligible", "none"]


@dataclass(frozen=True)
class Column:
    """One column: how it is drawn for the reference and for the current window.

    Parameters
    ----------
    name : str
        As in the frame.
    change : str
        What is to be said of it.
    reference, current : callable
        From a generator and a number of rows to values; codes of `levels` where it has some.
    levels : tuple of str
        Of a column of texts.
    """

    name: str
    change: Change
    reference: Draw
    current: Draw
    levels: tuple[str, ...] = ()


def normal(mean: float = 0.0, deviation: float = 1.0) -> Draw:
    """Draw from a normal distribution."""
    return lambda rng, rows: rng.normal(mean, deviation, rows)


def lognormal(mean: float, deviation: float = 1.0) -> Draw:
    """Draw from a lognormal distribution."""
    return lambda rng, rows: rng.lognormal(mean, deviation, rows)


def student(freedom: float, scale: float = 1.0) -> Draw:
    """Draw from Student's t."""
    return lambda rng, rows: scale * rng.standard_t(freedom, rows)


def uniform(low: float, high: float) -> Draw:
    """Draw from a uniform distribution."""
    return lambda rng, rows: rng.uniform(low, high, rows)


def exponential(scale: float) -> Draw:
    """Draw from an exponential distribution."""
    return lambda rng, rows: rng.exponential(scale, rows)


def poisson(rate: float) -> Draw:
    """Draw from a Poisson distribution."""
    return lambda rng, rows: rng.poisson(rate, rows)


def integers(low: int, high: int) -> Draw:
    """Draw integers evenly."""
    return lambda rng, rows: rng.integers(low, high, rows)


def bimodal(distance: float) -> Draw:
    """Draw from two normal humps that together have mean 0 and variance 1."""

    def draw(rng: np.random.Generator, rows: int) -> NDArray[Any]:
        humps = np.where(rng.integers(0, 2, rows), distance, -distance)
        return humps + rng.normal(0.0, math.sqrt(1 - distance**2), rows)

    return draw


def with_missing(draw: Draw, share: float = 0.05) -> Draw:
    """Leave out a share of the values."""

    def drawn(rng: np.random.Generator, rows: int) -> NDArray[Any]:
        values = draw(rng, rows)
        values[rng.random(rows) < share] = np.nan
        return values

    return drawn


def with_zeros(draw: Draw, share: float) -> Draw:
    """Put a spike at zero."""
    return lambda rng, rows: np.where(rng.random(rows) < share, 0.0, draw(rng, rows))


def rounded(draw: Draw, digits: int) -> Draw:
    """Round, as prices and sensors do."""
    return lambda rng, rows: np.round(draw(rng, rows), digits)


def constant(value: float) -> Draw:
    """Draw nothing."""
    return lambda _rng, rows: np.full(rows, value)


def levels(*shares: float) -> Draw:
    """Draw positions of levels."""
    steps = np.cumsum(shares) / sum(shares)
    return lambda rng, rows: np.searchsorted(steps[:-1], rng.random(rows), "right").astype(np.int32)


EVEN = levels(*[1] * len(LEVELS))
MIX = levels(0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.07)
MATERIAL: dict[str, tuple[Draw, Draw]] = {
    "f_shifted": (normal(), normal(0.35)),
    "f_shifted_far": (normal(10.0, 3.0), normal(11.5, 3.0)),
    "f_shifted_missing": (with_missing(normal(5.0)), with_missing(normal(5.4))),
    "f_wider": (normal(), normal(0.0, 1.6)),
    "f_bimodal": (normal(), bimodal(0.9)),
    "f_heavy_tailed": (normal(), student(2, 1.5)),
    "f_lognormal_shifted": (lognormal(0.0), lognormal(0.45)),
    "i_poisson": (poisson(5.0), poisson(6.5)),
    "s_mix": (MIX, levels(0.1, 0.15, 0.3, 0.2, 0.1, 0.08, 0.07)),
    "s_new_level": (MIX, levels(0.285, 0.19, 0.1425, 0.095, 0.095, 0.076, 0.0665, 0.05)),
}
NEGLIGIBLE: dict[str, tuple[Draw, Draw]] = {
    "f_barely_shifted": (normal(), normal(0.01)),
    "f_barely_shifted_far": (normal(1e6, 1e-3), normal(1e6 + 1e-5, 1e-3)),
    "f_barely_wider": (normal(), normal(0.0, 1.01)),
    "f_barely_lognormal": (lognormal(1.0), lognormal(1.01)),
    "f_barely_uniform": (uniform(0.0, 1.0), uniform(0.0, 1.005)),
    "f_barely_exponential": (exponential(1.0), exponential(1.01)),
    "f_barely_tailed": (student(5), student(4.8)),
    "f_barely_spiked": (with_zeros(exponential(3.0), 0.8), with_zeros(exponential(3.0), 0.805)),
    "i_barely_poisson": (poisson(5.0), poisson(5.03)),
    "s_barely_mixed": (MIX, levels(0.295, 0.205, 0.15, 0.1, 0.1, 0.08, 0.07)),
}
ALIKE: dict[str, Draw] = {
    **{f"f_normal_{at}": normal(10.0**at, 2.0**at) for at in range(6)},
    **{f"f_lognormal_{at}": lognormal(at, 0.5 + at / 4) for at in range(4)},
    **{f"f_uniform_{at}": uniform(-(10.0**at), 10.0**at) for at in range(3)},
    **{f"f_exponential_{at}": exponential(10.0**at) for at in range(3)},
    **{f"f_tailed_{freedom}": student(freedom) for freedom in (3, 4)},
    **{f"f_price_{at}": rounded(lognormal(2.0 + at, 0.4), 2) for at in range(3)},
    "f_spiked": with_zeros(lognormal(0.0), 0.9),
    "f_missing": with_missing(normal(50.0, 10.0)),
    "f_bimodal_alike": bimodal(0.8),
    "f_constant": constant(42.0),
    "i_even": integers(0, 100),
    "i_identity": integers(10**9, 10**9 + 10**7),
    "i_flag": integers(0, 2),
    "s_even": EVEN,
    "s_mixed": MIX,
}


def columns() -> list[Column]:
    """Return the fifty columns: floats, integers, texts."""
    found = [
        Column(name, change, *draws, LEVELS if name.startswith("s_") else ())
        for change, pairs in (("material", MATERIAL), ("negligible", NEGLIGIBLE), ("none", _twice(ALIKE)))
        for name, draws in pairs.items()
    ]
    return sorted(found, key=lambda column: "fis".index(column.name[0]))


def _twice(draws: dict[str, Draw]) -> dict[str, tuple[Draw, Draw]]:
    return {name: (draw, draw) for name, draw in draws.items()}


def names(change: Change) -> set[str]:
    """Return the columns that change so."""
    return {column.name for column in columns() if column.change == change}


def block(side: str, number: int, rows: int) -> pa.Table:
    """Return the rows of one block."""
    import pyarrow as pa

    drawn = {}
    for position, column in enumerate(columns()):
        rng = np.random.default_rng([SEED, SIDES.index(side), number, position])
        values = pa.array(getattr(column, side)(rng, rows), from_pandas=False)
        if column.levels:
            values = pa.DictionaryArray.from_arrays(values, list(column.levels)).cast(pa.string())
        drawn[column.name] = values
    return pa.table(drawn)


def blocks(side: str, rows: int, *, first: int = 0) -> Iterator[pa.Table]:
    """Yield the rows of one window, `BLOCK` at most at a time."""
    for number, start in enumerate(range(0, rows, BLOCK), first):
        yield block(side, number, min(BLOCK, rows - start))


def write(path: Path, side: str, rows: int, *, first: int = 0) -> Path:
    """Write one window as Parquet, a row group a block, as PyArrow writes by default."""
    import pyarrow.parquet as pq

    made = blocks(side, rows, first=first)
    table = next(made)
    with pq.ParquetWriter(path, table.schema) as writer:
        while table is not None:
            writer.write_table(table, row_group_size=BLOCK)
            table = next(made, None)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the windows that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where SIDE.parquet is written")
    parser.add_argument("--rows", type=int, default=BLOCK)
    parser.add_argument("--sides", nargs="+", default=SIDES, choices=SIDES)
    parser.add_argument("--first-block", type=int, default=0, help="to write a window in several files")
    parser.add_argument("--name", default="{side}.parquet", help="of the files")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for side in options.sides:
        write(options.folder / options.name.format(side=side), side, options.rows, first=options.first_block)


if __name__ == "__main__":
    main()
