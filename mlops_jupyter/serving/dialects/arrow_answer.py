"""Predictions as an Arrow stream, made from their buffers: see `arrow_columns` for why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..answers import confidence_of, label_key, labels_of, positions_of
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
        labels = labels_of(answered, position)
        yield f"prediction{suffix}", _array(labels, output["type"])
        if scored and tables is not None:
            table = np.asarray(tables[position], np.float64)
            confidence = confidence_of(positions_of(labels, output["classes"]), table)
            yield f"confidence{suffix}", _array(confidence, "double")
            for i, label in enumerate(output["classes"]):
                yield f"probability{suffix}:{label_key(label)}", _array(table[:, i], "double")


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
