"""One table in every form that a reader may have it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 3000


def make_frame(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Make columns of every kind, with some values missing."""
    random = np.random.default_rng(seed)
    day = pd.Timestamp("2024-01-01")
    frame = pd.DataFrame(
        {
            "delay": random.normal(size=rows),
            "hour": random.integers(0, 24, rows),
            "origin": random.choice(["JFK", "LGA", "EWR"], rows),
            "late": random.uniform(size=rows) > 0.7,
            "at": day + pd.to_timedelta(random.integers(0, 10**6, rows), unit="s"),
            "note": [f"flight {number} to gate {number % 7}" for number in random.permutation(rows)],
        }
    )
    frame.loc[::10, "delay"] = np.nan
    frame.loc[::15, "origin"] = None
    frame.loc[::20, "at"] = pd.NaT
    return frame


def _parquet(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_parquet(folder / "table.parquet", row_group_size=700)
    return folder / "table.parquet"


def _parquet_folder(frame: pd.DataFrame, folder: Path) -> Path:
    for number, start in enumerate(range(0, len(frame), 1000)):
        part = folder / "parts" / f"part-{number // 2}"
        part.mkdir(parents=True, exist_ok=True)
        frame.iloc[start : start + 1000].to_parquet(part / f"{number}.parquet")
    return folder / "parts"


def _csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def _packed_csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "table.csv.gz", index=False, sep=";")
    return folder / "table.csv.gz"


def _feather(frame: pd.DataFrame, folder: Path) -> Path:
    feather.write_feather(pa.Table.from_pandas(frame), str(folder / "table.feather"), chunksize=700)
    return folder / "table.feather"


def _arrow_stream(frame: pd.DataFrame, folder: Path) -> Path:
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(str(folder / "table.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    return folder / "table.arrow"


def _dataset(frame: pd.DataFrame, folder: Path) -> Any:
    pq.write_table(pa.Table.from_pandas(frame), folder / "of_dataset.parquet", row_group_size=700)
    return ds.dataset(folder / "of_dataset.parquet")


SOURCES: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "pandas": lambda frame, _: frame,
    "pandas of objects": lambda frame, _: frame.astype({"origin": object, "note": object}),
    "pandas of nullable dtypes": lambda frame, _: frame.convert_dtypes(),
    "pandas of Arrow": lambda frame, _: frame.convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda frame, _: pl.from_pandas(frame),
    "polars lazy": lambda frame, _: pl.from_pandas(frame).lazy(),
    "arrow table": lambda frame, _: pa.Table.from_pandas(frame),
    "arrow batch": lambda frame, _: pa.RecordBatch.from_pandas(frame),
    "arrow reader": lambda frame, _: pa.Table.from_pandas(frame).to_reader(700),
    "arrow dataset": _dataset,
    "duckdb": lambda frame, _: duckdb.from_arrow(pa.Table.from_pandas(frame)),
    "dict of arrays": lambda frame, _: {name: frame[name].to_numpy() for name in frame},
    "dict of series": lambda frame, _: dict(frame.items()),
    "dict of arrow": lambda frame, _: {name: pa.array(frame[name]) for name in frame},
    "parquet": _parquet,
    "parquet folder": _parquet_folder,
    "csv": _csv,
    "csv.gz": _packed_csv,
    "feather": _feather,
    "arrow stream": _arrow_stream,
}
