"""Predictions as an Arrow stream, made from their buffers: see `arrow_columns` for why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from ..answers import confidence_of, label_key, labels_of, positions_of
from ..call import Outcome
from ..runtimes.prediction import gives_probabilities
from . import ARROW
from .answer_headers import answer_headers
from .arrow_templates import Templates

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from ..call import Answered
    from ..problems import Warned

_DTYPES = {"integer": "int64", "long": "int64", "float": "float64", "double": "float64"}
_TEMPLATES = Templates()


def write_answer(answered: Answered) -> Outcome:
    """Return the answer as a stream of one batch."""
    columns = list(_columns(answered))
    warnings = answered.request.warnings + answered.answer.warnings
    kind = None if warnings else _kind(answered, columns)
    stream = None
    if kind is not None:
        values = [each.values for each in columns]
        stream = _TEMPLATES.fill(kind, answered.call.prediction_id, values)
    if stream is None:
        stream = _by_arrow(columns, _metadata(answered, warnings))
        if kind is not None:
            _TEMPLATES.learn(kind, answered.call.prediction_id, values, stream)
    return Outcome(200, stream, ARROW.encode(), answer_headers(answered))


class _Column(NamedTuple):
    """One column of an answer: numbers of eight bytes in an array, or values of another type."""

    name: str
    type: str
    values: Any


def _kind(answered: Answered, columns: Sequence[_Column]) -> Hashable:
    """Return what all answers share that are written alike; None for one of no such kind."""
    if any(each.type not in _DTYPES for each in columns):
        return None
    described = tuple((each.name, each.type) for each in columns)
    return answered.contract.model, answered.version, answered.call.role, described


def _by_arrow(columns: Sequence[_Column], metadata: dict[str, str]) -> bytes:
    import pyarrow as pa

    arrays = [_array(each.values, each.type) for each in columns]
    fields = [pa.field(each.name, array.type) for each, array in zip(columns, arrays, strict=True)]
    schema = pa.schema(fields, metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def _metadata(answered: Answered, warnings: Sequence[Warned]) -> dict[str, str]:
    call = answered.call
    metadata = {
        "model": answered.contract.model,
        "version": answered.version,
        "variant": call.role,
        "prediction_id": call.prediction_id,
    }
    if warnings:
        metadata["warnings"] = orjson.dumps(warnings).decode()
    return metadata


def _columns(answered: Answered) -> Iterator[_Column]:
    """Yield the columns; numbers as arrays of the type that the schema declares for them."""
    schema, tables = answered.contract.schema, answered.prediction.probabilities
    outputs = schema["output"]["outputs"]
    scored = gives_probabilities(schema)
    for position, output in enumerate(outputs):
        suffix = f":{output['name']}" if len(outputs) > 1 else ""
        labels = labels_of(answered, position)
        yield _column(f"prediction{suffix}", output["type"], labels)
        if scored and tables is not None:
            table = np.asarray(tables[position], np.float64)
            confidence = confidence_of(positions_of(labels, output["classes"]), table)
            yield _column(f"confidence{suffix}", "double", confidence)
            for i, label in enumerate(output["classes"]):
                yield _column(f"probability{suffix}:{label_key(label)}", "double", table[:, i])


def _column(name: str, type_: str, values: Any) -> _Column:
    dtype = _DTYPES.get(type_)
    return _Column(name, type_, values if dtype is None else np.ascontiguousarray(values, dtype))


def _array(values: Any, type_: str) -> Any:
    """Return values as an Arrow array of the type that the schema declares for them."""
    import pyarrow as pa

    if dtype := _DTYPES.get(type_):
        data = pa.py_buffer(values)
        return pa.Array.from_buffers(pa.type_for_alias(dtype), len(values), [None, data])
    if type_ == "boolean":
        bits = np.packbits(np.asarray(values, np.bool_), bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    return _texts(_plain(values))


def _plain(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _texts(values: list[Any]) -> Any:
    import pyarrow as pa

    encoded = [b"" if value is None else str(value).encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    given = np.packbits([value is not None for value in values], bitorder="little")
    validity = pa.py_buffer(given) if None in values else None
    buffers = [validity, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)
