"""Captured rows: those of a window, a variant and a slice, as they were written or as a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mlops_jupyter.errors import DataError, UsageError, did_you_mean
from mlops_jupyter.profiles.arrow_values import form_of
from mlops_jupyter.profiles.streams import values_of
from mlops_jupyter.profiles.tables import BATCH, Naming, naming
from mlops_jupyter.profiles.values import Unread
from mlops_jupyter.serving.recording.ring import ROLES

from .files import captured_files, read_batches, read_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mlops_jupyter.profiles.values import Form, Values

    from .files import CapturedFile
    from .slices import Slice
    from .windows import Window

Role: TypeAlias = Literal["feature", "prediction", "score"]

SHADOW: Final = "shadow"
_ANSWERED: Final = 200
_OF_ROWS: Final[Mapping[bytes, Role]] = {
    b"feature": "feature",
    b"prediction": "prediction",
    b"score": "score",
}
_WITHHELD: Final = {
    b"masked": "is masked: its values are not captured",
    b"hashed": "is hashed: its values are captured as hashes alone",
}


@dataclass(frozen=True)
class Selection:
    """Which captured rows are looked at.

    Parameters
    ----------
    window : Window
        When they were asked for.
    variant : str, optional
        What the version was then: ``stable``, ``candidate`` or ``shadow``. All but copies for a shadow when
        left out: those were asked of another variant as well.
    slice : Slice, optional
        What must hold for them.
    answered : bool
        Only rows of requests that were answered.
    """

    window: Window
    variant: str | None = None
    slice: Slice | None = None
    answered: bool = False

    def __post_init__(self) -> None:
        if self.variant is not None and self.variant not in ROLES:
            raise UsageError(f"there is no variant {self.variant!r}", hint=did_you_mean(self.variant, ROLES))

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return those of a record batch."""
        for step in (self._in_window, self._of_variant, self._answered, self._in_slice):
            if batch.num_rows:
                batch = _where(batch, step(batch))
        return batch

    def _in_window(self, batch: pa.RecordBatch) -> pa.BooleanArray | None:
        import pyarrow.compute as pc

        times, window = batch["time"], self.window
        ends = pc.min_max(times).as_py()
        if window.since <= ends["min"] and ends["max"] < window.until:
            return None
        return pc.and_(pc.greater_equal(times, window.since), pc.less(times, window.until))

    def _of_variant(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow.compute as pc

        if self.variant is None:
            return pc.not_equal(batch["variant"], SHADOW)
        return pc.equal(batch["variant"], self.variant)

    def _answered(self, batch: pa.RecordBatch) -> pa.BooleanArray | None:
        import pyarrow.compute as pc

        return pc.equal(batch["status"], _ANSWERED) if self.answered else None

    def _in_slice(self, batch: pa.RecordBatch) -> pa.BooleanArray | None:
        return self.slice.mask(batch) if self.slice else None


@dataclass(frozen=True, eq=False)
class CapturedRows:
    """Rows as they were captured, read file by file.

    Parameters
    ----------
    files : tuple of CapturedFile
        Those that have something of the window, the earliest first.
    selection : Selection
        Which of their rows.
    schema : pyarrow.Schema
        Of all columns.
    """

    files: tuple[CapturedFile, ...]
    selection: Selection
    schema: pa.Schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield them as record batches of `schema`, or of some of its columns; none is empty."""
        for file in self.files:
            for batch in read_batches(file.path):
                found = self.selection.of(fitted(batch, self.schema))
                if found.num_rows:
                    yield found if columns is None else found.select(list(columns))


@dataclass(frozen=True, eq=False)
class CapturedBatch:
    """Captured rows that are in memory."""

    batch: pa.RecordBatch

    @property
    def schema(self) -> pa.Schema:
        """Of all columns."""
        return self.batch.schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield them, or some of their columns."""
        if self.batch.num_rows:
            yield self.batch if columns is None else self.batch.select(list(columns))


@dataclass(frozen=True, eq=False)
class CapturedTable:
    """What models were given and said, as a table that profiles are made of.

    Columns whose values were not kept, or as hashes alone, are in it, and say so in place of values.

    Parameters
    ----------
    captured : CapturedRows or CapturedBatch
        The rows.
    """

    captured: CapturedRows | CapturedBatch
    rows: None = None
    columnar: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Features, predictions and scores, as they are called in the files."""
        return self.naming.names

    @cached_property
    def naming(self) -> Naming:
        """Which column each name means."""
        return naming(field.name for field in self.captured.schema if _role(field) in _OF_ROWS)

    @cached_property
    def withheld(self) -> Mapping[str, str]:
        """Why the values of some columns are not there."""
        kept = {name: _said(self.captured.schema.field(name), b"mlops.kept") for name in self.names}
        return {name: _WITHHELD[how] for name, how in kept.items() if how in _WITHHELD}

    @cached_property
    def kinds(self) -> Mapping[str, Form]:
        """What the types tell of each column."""
        schema, withheld = self.captured.schema, self.withheld
        return {
            name: "unreadable" if name in withheld else form_of(schema.field(name).type)
            for name in self.names
        }

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """What each column is."""
        return {name: _OF_ROWS[_role(self.captured.schema.field(name))] for name in self.names}

    def batches(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - Arrow's word
    ) -> Iterator[dict[str, Values]]:
        """Yield the rows, about `BATCH` at a time: see `profiles.tables.Table`."""
        wanted = self.naming.wanted(columns)
        read = [name for name in wanted if name not in self.withheld]
        for batch in in_batches(self._filtered(read, filter)):
            found = values_of(batch, self.naming, read)
            yield {
                name: found[name] if name in found else Unread(self.withheld[name], batch.num_rows)
                for name in wanted
            }

    def _filtered(self, columns: Sequence[str], filter: Any) -> Iterator[pa.RecordBatch]:  # noqa: A002
        if filter is None:
            # a batch of no columns has no rows, either
            yield from self.captured.batches(columns or ("time",))
            return
        for batch in self.captured.batches():
            yield batch.filter(filter).select(list(columns) or ["time"])


def captured_rows(deployment: Path, selection: Selection, version: str | None = None) -> CapturedRows:
    """Return what was captured of a deployment.

    Parameters
    ----------
    deployment : Path
        Its folder.
    selection : Selection
        Which rows.
    version : str, optional
        Only those of this version.

    Raises
    ------
    DataError
        When nothing was ever captured.
    UsageError
        When the slice does not fit the columns.
    """
    every = captured_files(deployment, version)
    files = tuple(file for file in every if file.overlaps(selection.window))
    schema = schema_of(files) or schema_of(every)
    if schema is None:
        raise DataError(f"no requests to {deployment.name} are captured{f' of {version}' if version else ''}")
    if selection.slice:
        selection.slice.check(schema)
    return CapturedRows(files, selection, schema)


def captured_table(
    deployment: Path,
    version: str | None,
    window: Window,
    variant: str | None = None,
    slice: Slice | None = None,  # noqa: A002 - the option's word
) -> CapturedTable:
    """Return the rows that were answered, as a table that profiles are made of: see `profiles.tables.Table`.

    Parameters
    ----------
    deployment : Path
        The deployment's folder.
    version : str, optional
        Only what this version answered.
    window : Window
        When it was asked for.
    variant : str, optional
        What the version was then; all but shadows when left out.
    slice : Slice, optional
        What must hold for the rows.

    Raises
    ------
    DataError
        When nothing was ever captured.
    UsageError
        When the slice does not fit the columns, or there is no such variant.
    """
    return CapturedTable(captured_rows(deployment, Selection(window, variant, slice, answered=True), version))


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a record batch with the columns of a schema; what it has not, or of another kind, is missing."""
    import pyarrow as pa

    if len(batch.schema) == len(schema) and all(map(_same, batch.schema, schema)):
        return batch
    arrays = [_as_type(batch, field) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _as_type(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    at = batch.schema.get_field_index(field.name)
    if at >= 0 and batch.schema.field(at).metadata == field.metadata:  # hashes are not among plain values
        try:
            return batch.column(at).cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return pa.nulls(batch.num_rows, field.type)


def schema_of(files: Sequence[CapturedFile]) -> pa.Schema | None:
    """Return the columns of some files: as they were last, and those that only earlier versions had."""
    import pyarrow as pa

    newest = {(file.version, file.digest): file for file in files}  # the last of each
    found = [schema for file in reversed(newest.values()) if (schema := read_schema(file.path)) is not None]
    fields = {field.name: field for schema in reversed(found) for field in schema}
    order = dict.fromkeys(name for schema in found for name in schema.names)
    return pa.schema([fields[name] for name in order]) if found else None


def _same(one: pa.Field, other: pa.Field) -> bool:
    return bool(one.equals(other, check_metadata=True))


def _role(field: pa.Field) -> bytes:
    return _said(field, b"mlops.role")


def _said(field: pa.Field, what: bytes) -> bytes:
    said: bytes = (field.metadata or {}).get(what, b"")
    return said


def _where(batch: pa.RecordBatch, mask: pa.BooleanArray | None) -> pa.RecordBatch:
    if mask is None or mask.true_count == len(mask):
        return batch
    return batch.filter(mask) if mask.true_count else batch.slice(0, 0)


def in_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield rows about `BATCH` at a time: what was asked row by row was captured so."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= BATCH:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_batches(waiting)
