"""From the bytes of a request to a batch that the model may see, or to what is wrong with them.

A validator is compiled once from ``feature_schema.json``, and looks at a request up to three times. One that
is ordinary passes as one call (`compiled`). What else is plainly right passes as a few calls that run in C:
decode, pick the values by name, look at their types, make one array. Whatever is not plainly right is read
again value by value (`diagnosis`), which mends it or lists every wrong field.

The rules: columns go by name, so their order never matters. A JSON integer passes for a float, ``1.0`` for an
integer, a boolean for no number. A nullable column may be null or absent; any other must be there. By default
an extra column is not read, with a warning, so that who calls the newer version is answered after a rollback
as well; one that looks like a misspelling of an absent column is refused, and so is a key given twice. A
number outside the range seen in training or an unseen category is answered, with a warning.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain, starmap
from typing import TYPE_CHECKING, Any

import numpy as np

from .batch import Batch
from .columns import Column, read_column
from .compiled import compile_reader
from .decoding import decode, repeated_key
from .diagnosis import Diagnosis
from .groups import Group, Irregular, group_columns
from .problems import InvalidRequest, Problem, Warned, given_twice, invalid, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .columns import Rows
    from .options import ExtraColumns

    ReadRows = Callable[[Group], Rows]


_BULK = 1 << 16  # bytes


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for: ``limits`` of ``serving_config.yaml``.

    Parameters
    ----------
    body_bytes : int
        Size of the body.
    rows : int
        Records in it.
    """

    body_bytes: int = 64 * 1024 * 1024
    rows: int = 100_000


@dataclass(slots=True)
class Request:
    """A valid request.

    Parameters
    ----------
    batch : Batch
        The rows.
    warnings : tuple of Warned
        Values that training did not show.
    rows : list of tuple, optional
        The values of each row in the order of the schema, None for a missing one, where they were read so.
    """

    batch: Batch
    warnings: tuple[Warned, ...] = ()
    rows: list[tuple[Any, ...]] | None = None


class Validator:
    """Reads the requests of one schema.

    Parameters
    ----------
    schema : dict
        ``model/feature_schema.json``.
    limits : Limits
        What a request may ask for.
    extra : str
        What is done with columns that the model does not have: ``warn``, ``ignore`` or ``refuse``.
    """

    def __init__(self, schema: Mapping[str, Any], limits: Limits, extra: ExtraColumns = "warn") -> None:
        self.kind: str = schema["input"]["kind"]
        self.columns: tuple[Column, ...] = tuple(map(read_column, schema["input"]["columns"]))
        self.limits, self.extra = limits, extra
        self._names = [column.name for column in self.columns]
        self._groups = group_columns(self.columns)
        self._seen = compile_reader(self.columns, self.kind)
        self._any = compile_reader(self.columns, self.kind, seen=False)
        self._pack = struct.Struct(f"{len(self._names)}d").pack
        self._whole = len(self._groups) == 1 and self._groups[0].kind.dtype == "float64"

    @property
    def read_row(self) -> Callable[[bytes], tuple[Any, ...] | None] | None:
        """What reads the one record of an ordinary request, all of doubles; None where columns are others."""
        return self._seen.read_row if self._whole and self._seen and self._seen.plain else None

    def parse(self, body: bytes) -> Request:
        """Return the rows of a request.

        Parameters
        ----------
        body : bytes
            JSON: ``{"features": …}`` with one record, a list of records, or one list per column.

        Raises
        ------
        InvalidRequest
            400 when it is not JSON, 413 when it asks for too much, 422 when it does not fit the model.
        """
        if len(body) > self.limits.body_bytes:
            raise too_large(self.limits.body_bytes)
        # among so many values there is nearly always one that training did not show
        seen = self._seen if len(body) < _BULK else None
        for reader in (seen, self._any):
            rows = reader.read(body) if reader else None
            read = self._ordinary(rows, seen=reader is seen) if rows else None
            if read is not None:
                return read
        return self._parse(body)

    def read(self, features: Any) -> Request:
        """Return the rows of what was decoded already: one record, a list of them, or one list per column.

        Raises
        ------
        InvalidRequest
            As `parse` does.
        """
        rows = self._count(features)
        blocks, unread = self._blocks(features)
        warnings = chain.from_iterable(map(Group.warnings, self._groups, blocks))
        return Request(self._batch(blocks, rows), (*unread, *warnings))

    @property
    def takes_blocks(self) -> bool:
        """Whether all columns are doubles in memory, so that `of_block` may be asked."""
        return self._whole

    def of_block(self, block: NDArray[np.float64]) -> Request | None:
        """Return the request of many rows of doubles; None when a value of them needs a closer look.

        Parameters
        ----------
        block : ndarray of shape (rows, columns)
            At least one row, columns in the order of the schema, NaN for a missing value.
        """
        group = self._groups[0]
        extremes = group.extremes(block)
        if not group.holds(extremes):
            return None
        warnings = () if group.saw(extremes) else tuple(group.warnings(block))
        return Request(Batch.of_block(self._names, block), warnings)

    def _ordinary(self, rows: list[tuple[Any, ...]], *, seen: bool) -> Request | None:
        """Return a request of rows that need no closer look, but for what training did not show."""
        if len(rows) > self.limits.rows:
            return None  # the other way says so
        if self._whole:
            block = self._block(rows)
            warnings = () if seen else tuple(self._groups[0].warnings(block))
            return Request(Batch.of_block(self._names, block), warnings, rows)
        try:
            blocks = [group.block_of(rows) for group in self._groups]
        except OverflowError:
            return None
        told = () if seen else tuple(chain.from_iterable(map(Group.warnings, self._groups, blocks)))
        return Request(self._batch(blocks, len(rows)), told, rows)

    def _block(self, rows: list[tuple[Any, ...]]) -> NDArray[np.float64]:
        try:  # takes half the time or less that NumPy takes to look what it is given
            return np.frombuffer(b"".join(starmap(self._pack, rows))).reshape(len(rows), -1)
        except struct.error:  # something is missing
            return np.array(rows, dtype=np.float64)

    def _parse(self, body: bytes) -> Request:
        features = decode(body)
        request = self.read(features)
        repeated = repeated_key(body, features)
        if repeated is not None:
            raise given_twice(repeated)
        return request

    def _count(self, features: Any) -> int:
        rows = 1
        if _is_columns(features):
            rows = max(map(len, features.values()))
        elif self._is_records(features):
            rows = len(features)
        if rows == 0:
            raise invalid([Problem(None, "features", "empty", "none", "at least one record")])
        if rows > self.limits.rows:
            raise InvalidRequest(413, f"{rows} records in one request; at most {self.limits.rows}")
        return rows

    def _is_records(self, features: Any) -> bool:
        """Return whether a list is one of records, not one record of a matrix."""
        if type(features) is not list:
            return False
        positional = self.kind in ("matrix", "sparse")
        return not (
            positional and features and type(features[0]) is not list and type(features[0]) is not dict
        )

    def _blocks(self, features: Any) -> tuple[list[NDArray[Any]], tuple[Warned, ...]]:
        """Return one block of values a group, and what was sent beside them."""
        try:
            return self._blocks_plainly(features), ()
        except (KeyError, TypeError, ValueError, OverflowError):
            read, unread = self._read_carefully(features)
            return [_mended_block(group, read(group)) for group in self._groups], unread

    def _blocks_plainly(self, features: Any) -> list[NDArray[Any]]:
        """Return one block a group, when the request has just the model's columns."""
        if not _is_columns(features):
            read = self._read_records(features if self._is_records(features) else [features])
            return [group.block(read(group)) for group in self._groups]
        if len(features) != len(self._names) or len(set(map(len, features.values()))) > 1:
            raise Irregular
        return [group.block_of_columns(group.pick(features)) for group in self._groups]

    def _read_records(self, records: list[Any]) -> ReadRows:
        """Return what picks the rows of a group."""
        types = set(map(type, records))
        if types == {str} and self.kind == "text":
            return lambda _: [(text,) for text in records]
        by_position = types == {list} and self.kind in ("matrix", "sparse")
        if not by_position and types != {dict}:
            raise Irregular
        if set(map(len, records)) != {len(self._names)}:
            raise Irregular
        return lambda group: list(map(group.pick_at if by_position else group.pick, records))

    def _read_carefully(self, features: Any) -> tuple[ReadRows, tuple[Warned, ...]]:
        diagnosis = Diagnosis(self.columns, self.kind, self.extra)
        if _is_columns(features):
            values = diagnosis.of_columns(features)
        else:
            values = diagnosis.of_records(features if self._is_records(features) else [features])
        return lambda group: list(zip(*group.pick(values), strict=True)), diagnosis.unread

    def _batch(self, blocks: list[NDArray[Any]], rows: int) -> Batch:
        columns: dict[str, NDArray[Any]] = {}
        for group, block in zip(self._groups, blocks, strict=True):
            columns.update(zip(group.names, block.T, strict=True))
        whole = blocks[0] if self._whole else None
        return Batch(columns, rows, whole)


def compile_validator(
    schema: Mapping[str, Any], limits: Mapping[str, int] | None = None, extra: ExtraColumns = "warn"
) -> Validator:
    """Return the validator of a schema.

    Parameters
    ----------
    schema : dict
        ``model/feature_schema.json``.
    limits : dict, optional
        ``limits`` of ``serving_config.yaml``; what it leaves out has the default of `Limits`.
    extra : str
        What is done with columns that the model does not have.

    Examples
    --------
    >>> column = {"name": "age", "type": "double", "dtype": "float64", "nullable": False}
    >>> validator = compile_validator({"input": {"kind": "columns", "columns": [column]}})
    >>> validator.parse(b'{"features": {"age": 41}}').batch.columns["age"].tolist()
    [41.0]
    """
    return Validator(schema, Limits(**(limits or {})), extra)


def body_limit(serving: Mapping[str, Any]) -> int:
    """Return how many bytes the body of a request may have, by a ``serving_config.yaml``."""
    return Limits(**(serving.get("limits") or {})).body_bytes


def _is_columns(features: Any) -> bool:
    """Return whether a request has one list per column."""
    if type(features) is not dict or not features:
        return False
    return type(next(iter(features.values()))) is list and set(map(type, features.values())) == {list}


def _mended_block(group: Group, rows: Rows) -> NDArray[Any]:
    try:
        return group.block(rows)
    except OverflowError as error:
        expected = "integers within ±2**53 beside a missing value"
        raise invalid([Problem(None, ", ".join(group.names), "range", str(error), expected)]) from None
