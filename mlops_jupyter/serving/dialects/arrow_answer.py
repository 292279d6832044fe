"""Predictions as an Arrow stream, made from their buffers: see `arrow_columns` for why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..answers import label_key
from ..call import Outcome
from ..runtimes.prediction import gives_probabilities
from . import ARROW
from .answer_headers import answer_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..call import Answered

_WHOLE, _REAL = frozenset({"integer", "long"}), frozenset({"float", "double"})


def write_answer(answered: Answered) -> Outcome:
    """Return the answer as a stream of one batch."""
    import pyarrow as pa

    named = list(_columns(answered))
    fields = [pa.field(name, array.type) for name, array in named]
    schema = pa.schema(fields, metadata=_metadata(answered))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([array for _, array in named], schema=schema))
    return Outcome(200, sink.getvalue().to_pybytes(), ARROW.encode(), answer_headers(answered))


def _metadata(answered: Answered) -> dict[str, str]:
    call = answered.call
    metadata = {
        "model": answered.contract.model,
        "version": answered.version,
        "variant": call.role,
        "prediction_id": call.prediction_id,
    }
    warnings = answered.request.warnings + answered.answer.warnings
    if warnings:
        metadata["warnings"] = orjson.dumps(warnings).decode()
    return metadata


def _columns(answered: Answered) -> Iterator[tuple[str, Any]]:
    """Yield the name and the array of each column."""
    schema, tables = answered.contract.schema, answered.prediction.probabilities
    outputs = schema["output"]["outputs"]
    scored = gives_probabilities(schema)
    for position, output in enumerate(outputs):
        suffix = f":{output['name']}" if len(outputs) > 1 else ""
        labels = _labels(answered, position)
        yield f"prediction{suffix}", _array(labels, output["type"])
        if scored and tables is not None:
            table = np.asarray(tables[position], np.float64)
            yield f"confidence{suffix}", _array(_confidence(labels, table, output["classes"]), "double")
            for i, label in enumerate(output["classes"]):
                yield f"probability{suffix}:{label_key(label)}", _array(table[:, i], "double")


def _labels(answered: Answered, position: int) -> Any:
    if answered.contract.serving.get("threshold") is None:
        return answered.prediction.labels[position]
    return answered.answer.predictions  # only a model with one output has a threshold


def _confidence(labels: Any, table: NDArray[np.float64], classes: list[Any]) -> NDArray[np.float64]:
    """Return the probability of the predicted label, NaN for one that is no class."""
    chosen = _positions(np.asarray(labels), classes)
    return np.where(chosen < 0, np.nan, table[np.arange(len(table)), chosen])


def _positions(labels: NDArray[Any], classes: list[Any]) -> NDArray[np.intp]:
    """Return the position of each label among the classes, -1 for one that is none."""
    known = np.asarray(classes)
    if labels.dtype.kind in "iu" and known.dtype.kind in "iu":
        order = np.argsort(known)
        found = order[np.searchsorted(known, labels, sorter=order).clip(max=len(known) - 1)]
        return np.where(known[found] == labels, found, -1)
    positions = {label: i for i, label in enumerate(classes)}
    plain = _plain(labels)
    return np.fromiter((positions.get(label, -1) for label in plain), np.intp, len(plain))


def _array(values: Any, type_: str) -> Any:
    """Return values as an Arrow array of the type that the schema declares for them."""
    import pyarrow as pa

    if type_ in _REAL:
        return _of_buffer(pa.float64(), np.asarray(values, np.float64))
    if type_ in _WHOLE:
        return _of_buffer(pa.int64(), np.asarray(values, np.int64))
    if type_ == "boolean":
        bits = np.packbits(np.asarray(values, np.bool_), bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    return _texts(_plain(values))


def _plain(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _of_buffer(type_: Any, values: NDArray[Any]) -> Any:
    import pyarrow as pa

    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(type_, len(values), [None, data])


def _texts(values: list[Any]) -> Any:
    import pyarrow as pa

    encoded = [b"" if value is None else str(value).encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    given = np.packbits([value is not None for value in values], bitorder="little")
    validity = pa.py_buffer(given) if None in values else None
    buffers = [validity, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)
