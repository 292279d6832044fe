"""Traffic of the past, asked again: each row is captured as asked when it was."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.errors import DataError, did_you_mean

from .calling import ROWS_AT_ONCE, columns_of, encode, joined, known_columns, refusal
from .folder import probe_token, read_serving
from .requests import PROBE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .calling import Called
    from .requests import Endpoint

TIME = "x-mlops-time"
CAPTURED_WITHIN = 10.0  # seconds


class _Piece(NamedTuple):
    """Rows of one time: from which on, in the order of time, and what to send."""

    start: int
    time: str
    features: dict[str, list[Any]]


def replay(endpoint: Endpoint, folder: Path, schema: Mapping[str, Any], frame: Any, at: str) -> Called:
    """Ask an endpoint for predictions of past rows, in the order of their times.

    Parameters
    ----------
    endpoint : Endpoint
        The connection, closed by whoever opened it.
    folder : Path
        The deployment's, in which lies what shows that the requests are the workspace's own.
    schema : dict
        ``feature_schema.json`` of the version that answers.
    frame : DataFrame
        The rows. One request is made of those of one time.
    at : str
        The column with their times, in local time where it says no zone.

    Raises
    ------
    DataError
        When there is no such column, or something in it that is no time, or the rows do not fit the model.
    """
    import numpy as np

    order, times = _times(frame, at)
    features = known_columns(frame, [column["name"] for column in schema["input"]["columns"]]).iloc[order]
    ours = {PROBE: probe_token(folder)}
    answers = []
    for piece in _pieces(features, times):
        status, answer = endpoint.ask("/predict", encode(piece.features), **ours, **{TIME: piece.time})
        if status != 200:
            raise refusal(status, _renumbered(answer, order[piece.start :]), 0)
        answers.append(answer)
    _await_capture(folder, answers[-1].get("prediction_id"))
    called = joined(answers, features.index, schema)
    return replace(called, frame=called.frame.iloc[np.argsort(order, kind="stable")])


def _await_capture(folder: Path, last: str | None) -> None:
    """Wait until the last answer is captured: whoever asks for drift next means all that was replayed.

    A server writes twice a second, in the order in which it answered.
    """
    serving = read_serving(folder)
    if last is None or serving is None or not serving.spec.options.capture:
        return
    until = time.monotonic() + CAPTURED_WITHIN
    while not _is_captured(folder, last) and time.monotonic() < until:
        time.sleep(0.1)


def _is_captured(folder: Path, prediction_id: str) -> bool:
    import pyarrow.compute as pc

    files = sorted(captured_files(folder), key=lambda file: file.path.stat().st_mtime, reverse=True)
    batches = (batch for file in files[:2] for batch in read_batches(file.path))
    return any(pc.index(batch.column("prediction_id"), prediction_id).as_py() >= 0 for batch in batches)


def _times(frame: Any, at: str) -> tuple[NDArray[np.intp], list[str]]:
    """Return the order of rows by time, and the times in that order as RFC 3339 writes them."""
    import numpy as np
    import pandas as pd

    if not hasattr(frame, "columns") or at not in frame.columns:
        columns = map(str, getattr(frame, "columns", ()))
        raise DataError(f"the data has no column {at!r} with the times", hint=did_you_mean(at, columns))
    if not len(frame):
        raise DataError("there are no rows to predict")
    column = frame[at]
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise DataError(f"{at} holds no times, but {column.dtype}", hint=f"pd.to_datetime(data[{at!r}])")
    gone = np.flatnonzero(column.isna().to_numpy())
    if len(gone):
        raise DataError(f"row {gone[0]} has no time in {at}", f"{len(gone):,} rows have none")
    order = np.argsort(column.to_numpy(), kind="stable")
    return order, [moment.astimezone().isoformat() for moment in column.iloc[order].dt.to_pydatetime()]


def _pieces(frame: Any, times: list[str]) -> Iterator[_Piece]:
    for start in range(0, len(frame), ROWS_AT_ONCE):
        columns = columns_of(frame.iloc[start : start + ROWS_AT_ONCE])  # once for many requests
        here = times[start : start + ROWS_AT_ONCE]
        for moment, positions in groupby(range(len(here)), here.__getitem__):
            found = list(positions)
            part = slice(found[0], found[-1] + 1)
            yield _Piece(start + found[0], moment, {name: values[part] for name, values in columns.items()})


def _renumbered(answer: Mapping[str, Any], rows: NDArray[np.intp]) -> dict[str, Any]:
    """Return a refusal with the numbers that rows have in the data."""
    problems = [
        {**problem, "row": int(rows[problem["row"]])} if isinstance(problem.get("row"), int) else problem
        for problem in answer.get("problems", [])
    ]
    return {**answer, "problems": problems}
