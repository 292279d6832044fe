"""A validator of every kind of column, and calls in the form of each dialect."""

from __future__ import annotations

import pytest

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import dialect
from mlops_jupyter.serving.validation import compile_validator


def column(name, type_, dtype, **more):
    return {"name": name, "type": type_, "dtype": dtype, "nullable": False} | more


EVERY_KIND = [
    column("distance", "double", "float64"),
    column("delay", "float", "float32", nullable=True),
    column("hour", "long", "int64"),
    column("day", "integer", "int8", nullable=True),
    column("weekend", "boolean", "boolean", nullable=True),
    column("origin", "string", "str", nullable=True, categories=["JFK", "LGA"]),
    column("at", "datetime", "datetime64[us]", nullable=True),
]


def validator_of(*columns, kind="columns", limits=None, extra="warn"):
    return compile_validator({"input": {"kind": kind, "columns": list(columns)}}, limits, extra)


@pytest.fixture(scope="session")
def every_kind():
    """A validator of one column of each kind, only `distance` and `hour` of which must be there."""
    return validator_of(*EVERY_KIND)


@pytest.fixture(scope="session")
def one_column():
    """Make a validator of one column `x`."""

    def make(type_, dtype, kind="columns", limits=None, **more):
        return validator_of(column("x", type_, dtype, **more), kind=kind, limits=limits)

    return make


@pytest.fixture(scope="session")
def columns_named():
    """Make a validator of columns of floats."""

    def make(*names, kind="columns", limits=None, extra="warn"):
        columns = [column(name, "double", "float64") for name in names]
        return validator_of(*columns, kind=kind, limits=limits, extra=extra)

    return make


@pytest.fixture(scope="session")
def read_as():
    """Read a body by a dialect."""

    def read(name, validator, body, content_type):
        return dialect(name).read(validator, Call(body, "id", dialect=name, content_type=content_type))

    return read
