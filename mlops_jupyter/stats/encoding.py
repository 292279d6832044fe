"""A profile as bytes: msgpack of small integers, compressed; under 40 KB a column of full 64-bit edges.

Sorted floats differ little from one to the next when read as integers, and their bytes, laid out by
significance, compress well; counts take the smallest integer that holds them. Raw values are written only
while they are few.
"""

from __future__ import annotations

import zlib
from datetime import datetime  # noqa: TC003  msgspec reads the annotation
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mlops_jupyter.errors import DataError
from mlops_jupyter.stats.categorical_profile import CategoricalProfile, Level
from mlops_jupyter.stats.edges import Edges
from mlops_jupyter.stats.numeric_profile import Kind, NumericProfile
from mlops_jupyter.stats.profiles import ColumnProfile, Profile, Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"mlprof1\n"
WRITTEN_SAMPLE = 1_000
SIGN = np.uint64(1 << 63)


class _Numeric(msgspec.Struct, tag="n", omit_defaults=True):
    digest: str
    edges: bytes | None
    bins: list[int]
    counts: tuple[str, bytes]
    missing: int
    count: int
    infinite: tuple[int, int]
    moments: tuple[float, float, float, float]
    integral: bool
    excess: tuple[float, float]
    kind: Kind
    sample: bytes | None = None
    words: tuple[int, int] = (0, 0)
    vocabulary: tuple[str, ...] = ()
    error: float = 0.0


class _Categorical(msgspec.Struct, tag="c", omit_defaults=True):
    levels: list[tuple[Level, int]]
    missing: int
    count: int
    new: list[tuple[Level, int]]
    other: int
    kind: Kind
    complete: bool = True


class _Unreadable(msgspec.Struct, tag="u"):
    why: str
    rows: int


class _Written(msgspec.Struct):
    columns: list[tuple[str, _Numeric | _Categorical | _Unreadable]]
    rows: int
    begun: datetime | None
    ended: datetime | None


def encoded(profile: Profile, *, with_edges: bool = True) -> bytes:
    """Return `profile` as bytes; without edges a numeric column names them by digest."""
    columns = [(name, _written(column, with_edges=with_edges)) for name, column in profile.columns.items()]
    content = msgspec.msgpack.encode(_Written(columns, profile.rows, profile.begun, profile.ended))
    return MAGIC + zlib.compress(content, 6)


def decoded(data: bytes, reference: Profile | None = None) -> Profile:
    """Return the profile that `encoded` wrote; edges that were left out are those of `reference`."""
    if not data.startswith(MAGIC):
        raise DataError(f"this is no profile: it begins with {bytes(data[:8])!r}")
    try:
        written = msgspec.msgpack.decode(zlib.decompress(data[len(MAGIC) :]), type=_Written)
    except (zlib.error, msgspec.DecodeError) as error:
        raise DataError("this profile is damaged", str(error), "profile the data again") from None
    known = _edges_in(reference)
    columns = {name: _read(name, column, known) for name, column in written.columns}
    return Profile(columns, written.rows, written.begun, written.ended)


def _edges_in(reference: Profile | None) -> dict[str, Edges]:
    columns = reference.columns.values() if reference else ()
    return {column.edges.digest: column.edges for column in columns if isinstance(column, NumericProfile)}


def _written(column: ColumnProfile, *, with_edges: bool) -> _Numeric | _Categorical | _Unreadable:
    if isinstance(column, Unreadable):
        return _Unreadable(column.why, column.rows)
    if isinstance(column, NumericProfile):
        return _written_numeric(column, with_edges=with_edges)
    return _Categorical(
        levels=list(column.levels.items()),
        missing=column.missing,
        count=column.count,
        new=list(column.new.items()),
        other=column.other,
        kind=column.kind,
        complete=column.complete,
    )


def _written_numeric(column: NumericProfile, *, with_edges: bool) -> _Numeric:
    few = column.sample is not None and column.sample.size <= WRITTEN_SAMPLE
    return _Numeric(
        digest=column.edges.digest,
        edges=_packed_floats(column.edges.values) if with_edges else None,
        bins=column.edges.bins.tolist() if with_edges else [],
        counts=_packed_counts(column.counts),
        missing=column.missing,
        count=column.count,
        infinite=column.infinite,
        moments=(column.minimum, column.maximum, column.mean, column.m2),
        integral=column.integral,
        excess=column.excess,
        kind=column.kind,
        sample=_packed_floats(column.sample) if few and column.sample is not None else None,
        words=column.words,
        vocabulary=column.vocabulary if with_edges else (),
        error=column.error,
    )


def _read(name: str, column: _Numeric | _Categorical | _Unreadable, known: dict[str, Edges]) -> ColumnProfile:
    if isinstance(column, _Unreadable):
        return Unreadable(name, column.why, column.rows)
    if isinstance(column, _Numeric):
        return _read_numeric(name, column, known)
    return CategoricalProfile(
        levels=dict(column.levels),
        missing=column.missing,
        count=column.count,
        new=dict(column.new),
        other=column.other,
        kind=column.kind,
        complete=column.complete,
    )


def _read_numeric(name: str, column: _Numeric, known: dict[str, Edges]) -> NumericProfile:
    minimum, maximum, mean, m2 = column.moments
    return NumericProfile(
        edges=known.get(column.digest) or _read_edges(name, column),
        counts=_unpacked_counts(column.counts),
        missing=column.missing,
        count=column.count,
        infinite=column.infinite,
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        m2=m2,
        integral=column.integral,
        excess=column.excess,
        kind=column.kind,
        sample=None if column.sample is None else _unpacked_floats(column.sample),
        words=column.words,
        vocabulary=column.vocabulary,
        error=column.error,
    )


def _read_edges(name: str, column: _Numeric) -> Edges:
    if column.edges is None:
        raise DataError(
            f"the profile of column {name!r} has other edges than the reference",
            hint="read it with the reference it was made by, or profile the data again",
        )
    return Edges(_unpacked_floats(column.edges), np.array(column.bins, dtype=np.intp))


def _packed_floats(values: NDArray[np.float64]) -> bytes:
    bits = values.astype("<f8").view("<u8")
    rising = np.where(bits & SIGN, ~bits, bits | SIGN)  # integers that rise as the floats do
    steps = np.diff(rising, prepend=np.uint64(0))
    return steps.astype("<u8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _unpacked_floats(data: bytes) -> NDArray[np.float64]:
    steps = np.frombuffer(data, dtype=np.uint8).reshape(8, -1).T.copy().view("<u8").ravel()
    rising = np.cumsum(steps, dtype=np.uint64)
    bits = np.where(rising & SIGN, rising ^ SIGN, ~rising)
    return bits.view(np.float64)


def _packed_counts(counts: NDArray[np.int64]) -> tuple[str, bytes]:
    code = np.min_scalar_type(int(counts.max(initial=0))).newbyteorder("<")
    return code.str, np.ascontiguousarray(counts.astype(code)).view(np.uint8).reshape(
        counts.size, -1
    ).T.tobytes()


def _unpacked_counts(packed: tuple[str, bytes]) -> NDArray[np.int64]:
    code = np.dtype(packed[0])
    columns = np.frombuffer(packed[1], dtype=np.uint8).reshape(code.itemsize, -1)
    result: NDArray[np.int64] = columns.T.copy().view(code).ravel().astype(np.int64)
    return result
