"""Predictions for a frame: sent in pieces, and put together under the frame's own index."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from mlops_jupyter.errors import DataError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from .requests import Endpoint

ROWS_AT_ONCE = 5000
ANSWERS_WITHIN = 120.0
_SHOWN_PROBLEMS = 3
_COLUMNS = {"predictions": "prediction", "probabilities": "probability", "confidence": "confidence"}


@dataclass(frozen=True)
class Called:
    """The answers to one frame."""

    frame: pd.DataFrame
    versions: tuple[str, ...]
    variants: tuple[str, ...]
    warnings: tuple[str, ...]


def call(endpoint: Endpoint, schema: Mapping[str, Any], data: Any) -> Called:
    """Ask an endpoint for predictions.

    Parameters
    ----------
    endpoint : Endpoint
        The connection, closed by whoever opened it.
    schema : dict
        ``feature_schema.json`` of the version that answers.
    data : frame, array, sparse matrix or texts
        The rows; of a frame only the columns the model knows are sent.

    Raises
    ------
    DataError
        When the rows do not fit the model, naming the first rows and fields.
    """
    rows, index, parts = pieces(schema, data)
    if rows == 0:
        raise DataError("there are no rows to predict")
    answers = []
    for start, features in parts:
        status, answer = endpoint.ask("/predict", encode(features))
        if status != 200:
            raise refusal(status, answer, start)
        answers.append(answer)
    return joined(answers, index, schema)


def pieces(schema: Mapping[str, Any], data: Any) -> tuple[int, Any, Iterator[tuple[int, Any]]]:
    """Return the number of rows, their index, and what to send for each piece of them."""
    kind = schema["input"]["kind"]
    if kind == "text":
        texts = list(data)
        return len(texts), getattr(data, "index", None), _slices(texts)
    if hasattr(data, "columns"):
        frame = known_columns(data, [column["name"] for column in schema["input"]["columns"]])
        return len(frame), frame.index, ((start, columns_of(piece)) for start, piece in _frames(frame))
    if kind == "columns":
        raise DataError(f"the model takes a data frame, not {type(data).__name__}")
    return data.shape[0], None, _arrays(data)


def known_columns(frame: Any, names: list[str]) -> Any:
    """Return the columns the model knows. Which of them may be missing, the server knows."""
    present = [name for name in names if name in frame.columns]
    missing = [name for name in names if name not in frame.columns]
    near = {name: difflib.get_close_matches(name, map(str, frame.columns), 1, 0.8) for name in missing}
    for name, (found, *_) in ((name, found) for name, found in near.items() if found):
        if found not in names:
            raise DataError(f"the data has no column {name!r}", hint=f"did you mean {found!r}?")
    if not present:
        raise DataError("the data has none of the model's columns", f"it takes {', '.join(names[:8])}")
    return frame[present]


def _frames(frame: Any) -> Iterator[tuple[int, Any]]:
    for start in range(0, len(frame), ROWS_AT_ONCE):
        yield start, frame.iloc[start : start + ROWS_AT_ONCE]


def _slices(texts: list[Any]) -> Iterator[tuple[int, Any]]:
    for start in range(0, len(texts), ROWS_AT_ONCE):
        yield start, texts[start : start + ROWS_AT_ONCE]


def _arrays(data: Any) -> Iterator[tuple[int, Any]]:
    for start in range(0, data.shape[0], ROWS_AT_ONCE):
        piece = data[start : start + ROWS_AT_ONCE]
        piece = piece.toarray() if hasattr(piece, "toarray") else piece
        yield start, [_values(row) for row in piece]


def columns_of(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a frame as JSON takes them."""
    return {str(name): _column(frame[name]) for name in frame.columns}


def _column(series: Any) -> list[Any]:
    """Return a column as JSON takes it, missing values as null."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return [None if pd.isna(value) else value.isoformat() for value in series]
    missing = series.isna().to_numpy()
    values = series.astype(object).to_numpy()
    return [None if gone else _plain(value) for value, gone in zip(values, missing, strict=True)]


def _values(row: Any) -> list[Any]:
    return [_plain(value) for value in row]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def encode(features: Any) -> bytes:
    """Return a request's body.

    Raises
    ------
    DataError
        When there is something in it that JSON cannot hold.
    """
    try:
        return orjson.dumps({"features": features})
    except TypeError as problem:
        raise DataError("the data cannot be sent", str(problem)) from None


def refusal(status: int, answer: Mapping[str, Any], start: int) -> DataError | UnavailableError:
    """Return the server's refusal in one line; rows are numbered as in the data."""
    text = str(answer.get("error", f"HTTP {status}"))
    if status >= 500 or status in {401, 403, 429}:
        return UnavailableError("the endpoint could not answer", text, "mlops logs says more")
    problems = [_problem(problem, start) for problem in answer.get("problems", [])]
    more = f" and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
    why = "; ".join(problems[:_SHOWN_PROBLEMS]) + more
    return DataError("the data does not fit the model", why or text)


def _problem(problem: Mapping[str, Any], start: int) -> str:
    row, field = problem.get("row"), problem.get("field")
    where = f"row {row + start}" if isinstance(row, int) else ""
    where = ", ".join(part for part in (where, str(field) if field else "") if part)
    text = f"{problem.get('reason')}, got {problem.get('got')}, expected {problem.get('expected')}"
    return f"{where}: {text}" if where else text


def joined(answers: list[dict[str, Any]], index: Any, schema: Mapping[str, Any]) -> Called:
    """Return the answers to the pieces of some rows as one, under the index of the rows."""
    import pandas as pd

    outputs = [output["name"] for output in schema["output"]["outputs"]]
    names = outputs if len(outputs) > 1 else None
    columns: dict[str, list[Any]] = {}
    for key, word in _COLUMNS.items():
        if answers[0].get(key) is not None:
            columns.update(_unfolded(word, [value for answer in answers for value in answer[key]], names))
    return Called(
        pd.DataFrame(columns, index=index),
        tuple(dict.fromkeys(str(answer["version"]) for answer in answers)),
        tuple(dict.fromkeys(str(answer["variant"]) for answer in answers)),
        _warnings(answers),
    )


def _unfolded(word: str, values: list[Any], names: list[str] | None) -> dict[str, list[Any]]:
    """Return one column for values, one a label for mappings; of several outputs, those of each."""
    if names:
        return {
            column: found
            for name in names
            for column, found in _unfolded(f"{word}_{name}", [value[name] for value in values], None).items()
        }
    if isinstance(values[0], dict):
        return {f"{word}_{label}": [value[label] for value in values] for label in values[0]}
    return {word: values}


def _warnings(answers: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return one line for each field that had values unlike those of the training data, and how many."""
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for warning in (each for answer in answers for each in answer.get("warnings", [])):
        key = (warning["field"], warning["reason"])
        counts[key] = counts.get(key, 0) + warning.get("count", 1)
        first.setdefault(key, warning)
    return tuple(
        f"{field}: {count} such as {first[field, reason]['got']}, expected {first[field, reason]['expected']}"
        for (field, reason), count in counts.items()
    )
