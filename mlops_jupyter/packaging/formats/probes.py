"""Rows made to tell two models apart: on the splits of trees, with values missing, unseen or out of range.

A converted model is nearly always right on ordinary rows. It goes wrong where a float32 threshold moved,
where ONNX has no missing value, where a category was never seen. So that is where it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_jupyter.serving.batch import Batch
from mlops_jupyter.serving.parts import parts
from mlops_jupyter.serving.runtimes.graph import as_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

MOST_ROWS = 3000
UNSEEN = ("", "never seen before", "Ünsëen ‽")
REAL = ("double", "float")
WHOLE = ("long", "integer")


@dataclass(frozen=True)
class Probe:
    """Some rows, and what is special about them."""

    kind: str
    batch: Batch


def probes(model: Any, sample: Any, schema: dict[str, Any]) -> list[Probe]:
    """Return the rows to compare a converted model on, beside the sample.

    Parameters
    ----------
    model : object
        The fitted model, whose trees say where its splits are.
    sample : frame, ndarray, sparse matrix or list of str
        Ordinary rows.
    schema : dict
        ``model/feature_schema.json``.
    """
    described = schema["input"]["columns"]
    base = as_columns(sample, [c["name"] for c in described])
    if schema["input"]["kind"] == "text":
        return [_probe("odd texts", {described[0]["name"]: _odd_texts(base[described[0]["name"]])})]
    changes = {
        "rows on a split": _on_splits(model, sample, base, described),
        "missing values": ((c, [_missing(c)] * 3) for c in described if c["nullable"]),
        "values out of range": (
            (c, _beyond(base[c["name"]])) for c in described if c["type"] in (*REAL, *WHOLE)
        ),
        "unseen categories": ((c, list(UNSEEN)) for c in described if c["type"] == "string"),
    }
    found = [(kind, _changed(base, list(change))) for kind, change in changes.items()]
    return [_probe(kind, columns) for kind, columns in found if columns is not None]


def _probe(kind: str, columns: Columns) -> Probe:
    return Probe(kind, Batch(columns, len(next(iter(columns.values())))))


def _missing(column: dict[str, Any]) -> Any:
    return None if column["type"] in ("string", "boolean") else np.nan


def _changed(base: Columns, changes: list[tuple[dict[str, Any], list[Any]]]) -> Columns | None:
    """Take ordinary rows in turn, and give one column of each another value."""
    total = sum(len(values) for _, values in changes)
    if not total:
        return None
    rows = len(next(iter(base.values())))
    columns = {name: values[np.arange(total) % rows] for name, values in base.items()}
    start = 0
    for column, values in changes:
        name, where = column["name"], slice(start, start + len(values))
        columns[name] = _set(columns[name], where, values)
        start += len(values)
    return columns


def _set(array: NDArray[Any], where: slice, values: list[Any]) -> NDArray[Any]:
    if array.dtype.kind in "iub" and any(v is None or v != v for v in values):
        array = array.astype(object if array.dtype.kind == "b" else np.float64)
    array[where] = values
    return array


def _beyond(values: NDArray[Any]) -> list[Any]:
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return []
    low, high = numbers.min(), numbers.max()
    span = max(high - low, 1.0)
    points = [low - 10 * span, low - 1, 0.0, high + 1, high + 10 * span]
    if values.dtype.kind == "f":
        return points
    held = np.iinfo(values.dtype)
    return [int(p) for p in points if held.min <= p <= held.max]


def _odd_texts(texts: NDArray[Any]) -> NDArray[Any]:
    """Return texts as a tokenizer may not expect them."""
    first = [str(t) for t in texts[:50]]
    odd = [
        "",
        " ",
        "a",
        "Ünïcödé naïve",
        "don't stop",
        "x_y 12 3.5",
        "tabs\tand\nlines",
        "日本 語",
        "word,word;word",
    ]
    changed = [f(t) for t in first for f in (str.upper, str.title, lambda s: s.replace(" ", ", "))]
    return np.array(odd + changed, dtype=object)


def thresholds(model: Any) -> dict[int, NDArray[np.float64]]:
    """Return the split points of every tree inside a model, by the number of the feature it was given.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> thresholds(DecisionTreeRegressor().fit([[0.0], [1.0]], [0, 1]))
    {0: array([0.5])}
    """
    found: dict[int, set[float]] = {}
    for features, points in _splits(model):
        for feature, point in zip(features.tolist(), points.tolist(), strict=True):
            found.setdefault(feature, set()).add(point)
    return {feature: np.sort(list(points)) for feature, points in sorted(found.items())}


def _splits(model: Any) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    for part in parts(model):
        if hasattr(part, "tree_"):
            inner = part.tree_.children_left != part.tree_.children_right
            yield part.tree_.feature[inner], part.tree_.threshold[inner]
        elif hasattr(part, "_predictors"):
            for predictor in (p for iteration in part._predictors for p in iteration):
                nodes = predictor.nodes
                inner = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
                yield nodes["feature_idx"][inner], nodes["num_threshold"][inner]


def _on_splits(
    model: Any, sample: Any, base: Columns, described: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], list[Any]]]:
    """Place rows on the splits of the last step, one step of the number beside, and where float32 rounds."""
    before, last = (model[:-1], model[-1]) if hasattr(model, "steps") else (None, model)
    splits = thresholds(last)
    numeric = [c for c in described if c["type"] in (*REAL, *WHOLE)]
    if not splits or not numeric:
        return []
    seen = sample if before is None or not len(before) else before.transform(sample)
    if getattr(last, "_preprocessor", None) is not None:  # HistGradientBoosting moves categories to the front
        seen = last._preprocessor.transform(seen)
    table = np.asarray(seen.toarray() if hasattr(seen, "toarray") else seen)
    most = max(1, MOST_ROWS // (7 * len(splits)))
    placed = []
    for feature, points in splits.items():
        chosen = points[np.unique(np.linspace(0, len(points) - 1, most).astype(int))]
        if (source := _source(table, feature, base, numeric)) is not None:
            column, slope, offset = source
            placed.append((column, _around((chosen - offset) / slope, column)))
    return placed


def _source(
    table: NDArray[Any], feature: int, base: Columns, numeric: list[dict[str, Any]]
) -> tuple[dict[str, Any], float, float] | None:
    """Find the column that a feature is a straight line of: scaled, or passed through."""
    if feature >= table.shape[1]:
        return None
    try:
        values = table[:, feature].astype(np.float64)
    except (TypeError, ValueError):
        return None
    for column in numeric:
        raw = base[column["name"]].astype(np.float64)
        both = np.isfinite(raw) & np.isfinite(values)
        if both.sum() > 1 and np.ptp(raw[both]) > 0 and np.ptp(values[both]) > 0:
            low, high = raw[both].argmin(), raw[both].argmax()
            slope = (values[both][high] - values[both][low]) / (raw[both][high] - raw[both][low])
            offset = values[both][low] - slope * raw[both][low]
            if slope and np.allclose(values[both], slope * raw[both] + offset, rtol=1e-9, atol=1e-9):
                return (
                    column,
                    (1.0 if abs(slope - 1) < 1e-12 else slope),
                    (0.0 if abs(offset) < 1e-12 else offset),
                )
    return None


def _around(points: NDArray[np.float64], column: dict[str, Any]) -> list[Any]:
    points = points[np.isfinite(points)]
    if column["type"] in WHOLE:
        return [int(v) for v in np.unique(np.concatenate([np.floor(points), np.ceil(points)]))]
    single = points.astype(np.float32)
    near = [points, np.nextafter(points, -np.inf), np.nextafter(points, np.inf)]
    rounded = [single, np.nextafter(single, np.float32(-np.inf)), np.nextafter(single, np.float32(np.inf))]
    return [float(v) for v in np.unique(np.concatenate([*near, *(r.astype(np.float64) for r in rounded)]))]
