"""What a variant says of one request, and many of them as Arrow record batches."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .arrays import (
    empty_texts,
    nothing,
    numbers,
    repeated_numbers,
    repeated_texts,
    same_text,
    texts,
    texts_of_width,
)
from .blocks import BLOCK_ROWS
from .features import FeatureArrays
from .layout import UTC, Layout, arrow_schema
from .messages import Laid, MessageWriter
from .packing import unpack
from .pieces import step_aside
from .results import ResultArrays
from .ring import ROLES, RingRows
from .slabs import Filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ..batch import Batch
    from .hashing import Hasher
    from .messages import Tables
    from .packing import Packed
    from .slabs import Slabs

Rows: TypeAlias = "list[tuple[Any, ...]] | NDArray[Any] | Batch | None"
#: time_ns, prediction_id, unit, role, status, seconds, rows, labels, tables, error: a plain tuple, since one
#: is made for every request. `rows` is None when the request was refused; where all features are doubles it
#: may be an array of shape (rows, features), which is the cheapest to keep. `labels` and `tables` are None
#: when nothing was predicted, and `tables` where the model gives no probabilities.
Entry: TypeAlias = "tuple[int, str, str, str, int, float, Rows, Any, Any, str]"

Said: TypeAlias = tuple[tuple[Any, ...], ...]

FORMAT = "1"
MOST_ROWS = 8192  # of one record batch
_AT_ONCE = 128 * 1024  # values of features laid out at a stretch: some 200 us
_ANSWERED = 200
_PARTS = 32  # laid out one by one: more of them are small
_PACKED = 5  # items of an entry that was packed
_FIRST = itemgetter(0)
_GOT = ", got "  # what follows it in an error is a value of the request


class Entries:
    """Turns entries of one version into record batches.

    Parameters
    ----------
    layout : Layout
        The columns.
    about : dict of str to str
        Of the version: ``model``, ``version``, ``digest``.
    hasher : Hasher or None
        For what is hashed.
    slabs : Slabs, optional
        What is told how messages of many rows look.
    """

    def __init__(
        self, layout: Layout, about: dict[str, str], hasher: Hasher | None, slabs: Slabs | None = None
    ) -> None:
        self.schema = arrow_schema(layout.columns, about | {"format": FORMAT})
        self._layout, self._version, self._hasher = layout, about["version"], hasher
        self._features = FeatureArrays(layout.features, hasher)
        self._results = ResultArrays(layout)
        self._slabs, self._messages = slabs, MessageWriter(self.schema)

    def batches(self, entries: Sequence[Entry | Packed]) -> Iterator[pa.RecordBatch | Laid | Filled]:
        """Yield the record batches of some entries.

        Raises whatever Python, NumPy or Arrow say of an entry that has not the form of the schema.
        """
        first = entries[0] if entries else None
        if isinstance(first, Filled):  # which comes alone
            yield first
            return
        if isinstance(first, RingRows):  # so does this
            yield self._of_ring(first)
            self._teach_block(first)
            return
        packed, others = _parted(entries)
        if packed:
            yield self._of_packed(packed)
        for said in _alike(others):
            laid = self._of_blocks(said) if self._has_blocks(said) else None
            if laid is not None:
                yield laid
                if self._slabs is not None:
                    self._teach(self._slabs, said)
                continue
            batch = self._batch(said)
            for start in range(0, batch.num_rows, MOST_ROWS):
                yield batch.slice(start, MOST_ROWS)

    def _batch(self, said: Said) -> pa.RecordBatch:
        import pyarrow as pa

        rows, labels, tables = said[6:9]
        entries = len(rows)
        counts = np.ones(entries, np.int64) if rows[0] is None else _counts(rows)
        total = int(counts.sum())
        pause = step_aside if total * len(self._layout.features) > _AT_ONCE else _go_on
        request = self._request_of_many(said, counts) if total > entries else self._request_of_each(said)
        pause()
        features = self._rows(rows, total)
        pause()
        predictions = self._results.predictions(None if labels[0] is None else labels, total)
        scores = self._results.scores(None if tables[0] is None else tables, total)
        arrays = [*request, *features, *predictions, *scores]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _request_of_each(self, said: Said) -> list[pa.Array]:
        """Return the columns of requests that have one row each."""
        request = self._request((*said[:6], said[9]), len(said[0]))
        request.insert(1, _numbers(len(said[0])))
        return request

    def _request_of_many(self, said: Said, counts: NDArray[np.int64]) -> list[pa.Array]:
        """Return the columns of requests of many rows, who say the same of all their rows."""
        times, ids, units, roles, statuses, seconds = said[:6]
        rows = int(counts.sum())
        starts = np.cumsum(counts) - counts
        one_role = len(set(roles)) == 1
        return [
            repeated_texts(ids, counts),
            numbers(np.arange(rows) - np.repeat(starts, counts), "int32"),
            self._repeated([self._unit(unit) for unit in units], counts),
            repeated_numbers([time // 1000 for time in times], UTC, counts),
            same_text(roles[0], rows) if one_role else repeated_texts(roles, counts),
            same_text(self._version, rows),
            repeated_numbers(statuses, "int16", counts),
            repeated_numbers(seconds, "double", counts),
            self._repeated([self._error(error) for error in said[9]], counts),
        ]

    def _repeated(self, values: Sequence[str | None], counts: NDArray[np.int64]) -> pa.Array:
        if not any(values):
            return nothing("string", int(counts.sum()))
        return repeated_texts(values, counts)

    def _has_blocks(self, said: Said) -> bool:
        """Return whether requests were answered for rows of doubles, as arrays, by a model of one output."""
        rows, tables = said[6], said[8]
        return (
            self._features.all_doubles
            and all(isinstance(each, np.ndarray) for each in rows)
            and all(each is None or (isinstance(each, np.ndarray) and each.ndim == 2) for each in tables)
            and sum(map(len, rows)) <= MOST_ROWS
        )

    def _of_blocks(self, said: Said) -> Laid:
        rows, labels, tables = said[6:9]
        counts = _counts(rows)
        count = int(counts.sum())
        predictions = self._results.predictions(labels, count)
        features = _tables([block.T for block in rows])
        if tables[0] is None:
            scores = self._results.scores(None, count)
        else:
            scores = _tables([np.asarray(table, np.float64).T for table in tables])
        request = self._request_of_many(said, counts)
        return Laid(count, [*request, *features, *predictions, *scores])

    def _teach(self, slabs: Slabs, said: Said) -> None:
        """Have requests be laid out where they are answered, if more like these come."""
        for entry in zip(*said, strict=True):
            if slabs.wants(entry):
                laid = self._of_blocks(tuple((value,) for value in entry))
                slabs.learn(entry, laid, self._messages)

    def _teach_block(self, rows: RingRows) -> None:
        """Have blocks of rows be laid out where they are answered."""
        if self._slabs is None or len(rows) < BLOCK_ROWS:
            return
        block = rows.first(BLOCK_ROWS)

        def lay(room: int) -> Laid:
            units = empty_texts(BLOCK_ROWS, room) if room else nothing("string", BLOCK_ROWS)
            return self._of_ring(block, units)

        self._slabs.blocks.learn(block, lay, self._messages)

    def _of_packed(self, entries: Sequence[Packed]) -> pa.RecordBatch:
        import pyarrow as pa

        data, ids, units, roles, labels = zip(*entries, strict=True)
        rows, table = len(data), unpack(data, self._layout)
        request = self._request((table.times, ids, units, roles, table.statuses, table.seconds, ()), rows)
        request.insert(1, _numbers(rows))
        features = self._features.of_table(table.features)
        step_aside()
        results = [*self._results.predictions(labels, rows), *self._results.scores_of_table(table.scores)]
        return pa.RecordBatch.from_arrays([*request, *features, *results], schema=self.schema)

    def _of_ring(self, rows: RingRows, units: pa.Array | None = None) -> Laid:
        count = len(rows)
        request = [
            texts_of_width(rows.ids),
            numbers(np.zeros(count, np.int32), "int32"),
            units or (self._units(rows.units) if rows.units else nothing("string", count)),
            numbers(rows.times // 1000, UTC),
            _roles(rows.roles),
            same_text(self._version, count),
            numbers(np.full(count, _ANSWERED, np.int16), "int16"),
            numbers(rows.seconds, "double"),
            nothing("string", count),
        ]
        # no feature is missing, or the row were no ordinary one
        features, predictions = (rows.features,), self._results.predictions([rows.labels], count)
        whole = self._slabs is not None and len(self._slabs) > 0
        return Laid(count, [*request, features, *predictions, *_tables([rows.scores])], whole)

    def _request(self, said: Sequence[Any], rows: int) -> list[pa.Array]:
        """Return the columns of the request, but for the number of the row."""
        times, ids, units, roles, statuses, seconds, errors = said
        return [
            texts(ids),
            self._units(units),
            numbers(_array(times, np.int64) // 1000, UTC),
            same_text(roles[0], rows) if len(set(roles)) == 1 else texts(roles),
            same_text(self._version, rows),
            numbers(_array(statuses, np.int16), "int16"),
            numbers(_array(seconds, np.float64), "double"),
            self._errors(errors, rows),
        ]

    def _rows(self, rows: Sequence[Any], total: int) -> list[pa.Array]:
        if rows[0] is None:
            return self._features.nothing(total)
        if isinstance(rows[0], list):
            return self._features.of_rows(rows[0] if len(rows) == 1 else list(chain.from_iterable(rows)))
        if isinstance(rows[0], np.ndarray):
            return self._features.of_blocks(rows)
        return self._features.of_batches(rows)

    def _units(self, units: Sequence[str]) -> pa.Array:
        if self._layout.unit == "masked" or not any(units):
            return nothing("string", len(units))
        if self._layout.unit == "plain" and all(units):
            return texts(units)
        return texts(list(map(self._unit, units)))

    def _unit(self, unit: str) -> str | None:
        if self._layout.unit == "masked" or not unit:
            return None
        return self._hasher.hashed(unit) if self._layout.unit == "hashed" and self._hasher else unit

    def _errors(self, errors: Sequence[str], rows: int) -> pa.Array:
        return texts(list(map(self._error, errors))) if any(errors) else nothing("string", rows)

    def _error(self, error: str) -> str | None:
        if self._layout.secretive:
            error = error.partition(_GOT)[0]
        return error or None


def _go_on() -> None:
    """Do not step aside: it is not long."""


def _tables(parts: list[NDArray[np.float64]]) -> list[pa.Array | Tables]:
    """Return tables of shape (columns, rows) side by side as columns of a batch; NaN is missing."""
    if not len(parts[0]):
        return []
    if len(parts) > _PARTS:
        parts = [np.concatenate(parts, axis=1)]
    if any(np.isnan(part.min()) for part in parts):
        return [numbers(each, "double", np.isnan(each)) for each in np.concatenate(parts, axis=1)]
    return [tuple(parts)]


def _roles(numbers: NDArray[np.int64]) -> pa.Array:
    first = int(numbers[0])
    if (numbers == first).all():
        return same_text(ROLES[first], len(numbers))
    return texts([ROLES[number] for number in numbers.tolist()])


def _parted(entries: Sequence[Entry | Packed]) -> tuple[list[Packed], list[Entry]]:
    """Return the entries that were packed, and the others."""
    packed: list[Any] = [entry for entry in entries if len(entry) == _PACKED]
    others: list[Any] = [entry for entry in entries if len(entry) != _PACKED]
    return packed, others


def _alike(entries: Sequence[Entry]) -> Iterator[Said]:
    """Yield what the entries say, item by item, in groups of one form: nearly always all of them at once."""
    if not entries:
        return
    said = tuple(zip(*entries, strict=True))
    if all(len(_forms(values)) == 1 for values in said[6:9]):
        yield said
        return
    groups: dict[Any, list[Entry]] = {}
    for form, entry in zip(zip(*map(_each_form, said[6:9]), strict=True), entries, strict=True):
        groups.setdefault(form, []).append(entry)
    for group in groups.values():
        yield tuple(zip(*group, strict=True))


def _forms(values: Sequence[Any]) -> set[type]:
    """Return the types of values; of lists, since some hold arrays, those of their first items."""
    types = set(map(type, values))
    if types != {list}:
        return types
    return set(map(type, map(_FIRST, values))) if all(values) else {list, type(None)}


def _each_form(values: Sequence[Any]) -> Iterator[type]:
    return (type(value[0]) if type(value) is list and value else type(value) for value in values)


def _counts(rows: Sequence[Any]) -> NDArray[np.int64]:
    sizes = map(len, rows) if isinstance(rows[0], list | np.ndarray) else (batch.rows for batch in rows)
    return np.fromiter(sizes, np.int64, len(rows))


def _array(values: Any, dtype: Any) -> NDArray[Any]:
    return values if isinstance(values, np.ndarray) else np.fromiter(values, dtype, len(values))


def _numbers(rows: int) -> pa.Array:
    """Return the numbers of rows that are all the first of their requests."""
    return numbers(np.zeros(rows, np.int32), "int32")
