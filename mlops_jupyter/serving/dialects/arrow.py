"""Arrow: ``application/vnd.apache.arrow.stream`` in and out, for many rows at once.

A request is one table with the model's columns, by name. An answer is a table with the columns `prediction`,
`confidence` and `probability:LABEL` for each class; with several outputs each has its own, as
`prediction:OUTPUT`. Version, variant and prediction id stand in the metadata of its schema and in the
headers. What is refused is told as JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..arrays import Values, read_arrays
from ..problems import InvalidRequest, check_once_each, too_large
from . import ARROW, dialect
from .arrow_answer import write_answer
from .arrow_columns import ColumnsOfArrow, nothing
from .arrow_messages import HeavyStream, MalformedStream, Weight, weigh
from .arrow_plain import plain_streams

if TYPE_CHECKING:
    from ..call import Answered, Call, Outcome
    from ..validation import Limits, Request, Validator

_MOST_MESSAGES = 4096
_METADATA, _METADATA_PER_COLUMN = 64 * 1024, 4 * 1024
_INDEX_OF_PANDAS = re.compile(r"__index_level_\d+__")


class Arrow:
    """Reads and writes Arrow streams: see `call.Dialect`."""

    def read(self, validator: Validator, call: Call) -> Request:
        """Return the rows of a call."""
        if not _is_arrow(call):
            raise InvalidRequest(415, f"content type {call.content_type[:40]!r}; send {ARROW}")
        plain = plain_streams(validator, _most_metadata(validator))
        request = plain.read(call.body)
        if request is not None:
            return request
        arrays, schema = _read_stream(call.body, validator)
        request = read_arrays(validator.columns, validator.kind, arrays, validator.limits, validator.extra)
        plain.learn(call.body, schema)
        return request

    def read_plain(self, validator: Validator, call: Call) -> Request | None:
        """Return the rows of a call if it is plain (`arrow_plain`): as quick as its body is short."""
        if not _is_arrow(call):
            return None
        return plain_streams(validator, _most_metadata(validator)).read(call.body)

    def write(self, answered: Answered) -> Outcome:
        """Return the answer."""
        return write_answer(answered)

    def refuse(self, refusal: InvalidRequest, call: Call) -> Outcome:
        """Return what is wrong, as JSON."""
        return dialect("json").refuse(refusal, call)


DIALECT = Arrow()


def _is_arrow(call: Call) -> bool:
    return call.content_type.partition(";")[0].strip().lower() == ARROW


def _read_stream(body: bytes, validator: Validator) -> tuple[dict[str, Values], Any]:
    """Return the columns of a stream, and its schema.

    Raises
    ------
    InvalidRequest
        400 when it is none, 413 when it asks for too much, 415 when this server has no Arrow.
    """
    names = {column.name for column in validator.columns}
    try:
        weight = _weigh(body, _most_metadata(validator), validator.limits)
        table, schema = _open(body, names)
    except (MalformedStream, UnicodeDecodeError) as error:
        raise InvalidRequest(400, f"not an Arrow stream: {error}") from None
    check_once_each(schema.names)
    columns = ColumnsOfArrow(validator.limits.body_bytes)
    arrays = {name: columns.read(table.column(name)) for name in table.column_names}
    for field in schema:
        if field.name not in arrays and not _INDEX_OF_PANDAS.fullmatch(field.name):
            arrays[field.name] = nothing(weight.rows, str(field.type))
    return arrays, schema


def _most_metadata(validator: Validator) -> int:
    return _METADATA + len(validator.columns) * _METADATA_PER_COLUMN


def _weigh(body: bytes, most_metadata: int, limits: Limits) -> Weight:
    if len(body) > limits.body_bytes:
        raise too_large(limits.body_bytes)
    try:
        weight = weigh(body, _MOST_MESSAGES, most_metadata)
    except HeavyStream as error:
        raise InvalidRequest(413, str(error)) from None
    if weight.rows > limits.rows:
        raise InvalidRequest(413, f"{weight.rows} records in one request; at most {limits.rows}")
    if weight.unpacked > limits.body_bytes:
        raise too_large(limits.body_bytes)
    if weight.nested:
        raise InvalidRequest(422, "a column holds lists, structs or maps; send single values")
    return weight


def _open(body: bytes, names: set[str]) -> tuple[Any, Any]:
    """Return the table with those columns, checked, and the schema of the whole stream."""
    pa = _pyarrow()
    source = pa.py_buffer(body)
    try:
        with pa.ipc.open_stream(source) as reader:
            schema = reader.schema
            wanted = [i for i, name in enumerate(schema.names) if name in names]
            if len(wanted) == len(schema):
                table = reader.read_all()
        if len(wanted) < len(schema):
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            with pa.ipc.open_stream(source, options=options) as reader:
                table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise MalformedStream(_first_line(error)) from None
    return table, schema


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise InvalidRequest(415, "this server has no pyarrow; send application/json") from None
    return pa


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
