"""A schema of every type of column, and V2 requests to it, written as a client writes them."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import uvloop

from mlops_jupyter.serving.call import Call
from mlops_jupyter.serving.dialects import dialect
from mlops_jupyter.serving.gate import Gate
from mlops_jupyter.serving.grpc_door import GrpcDoor
from mlops_jupyter.serving.loading import load
from mlops_jupyter.serving.local import LocalVariant
from mlops_jupyter.serving.metrics.meter import Meter
from mlops_jupyter.serving.relay import shared_socket
from mlops_jupyter.serving.router import SingleRouter
from mlops_jupyter.serving.validation import compile_validator

BODY_BYTES = 1_000_000
COLUMNS = [
    {"name": "distance", "type": "double", "dtype": "float64", "nullable": True},
    {"name": "hour", "type": "long", "dtype": "int64", "nullable": False},
    {"name": "delay", "type": "float", "dtype": "float32", "nullable": False},
    {"name": "seats", "type": "integer", "dtype": "uint8", "nullable": False},
    {"name": "night", "type": "boolean", "dtype": "bool", "nullable": False},
    {"name": "origin", "type": "string", "dtype": "object", "nullable": True},
    {"name": "leaves", "type": "datetime", "dtype": "datetime64[ns]", "nullable": False},
]
LATE = {"name": "late", "type": "string", "classes": ["late", "on time"]}
FLIGHTS = {
    "input": {"kind": "columns", "columns": COLUMNS},
    "output": {"task": "classification", "outputs": [LATE], "probabilities": True},
}
MATRIX = {
    "input": {
        "kind": "matrix",
        "columns": [
            {"name": name, "type": "double", "dtype": "float64", "nullable": False}
            for name in ("x0", "x1", "x2")
        ],
    },
    "output": {"outputs": [{"name": "y", "type": "double", "classes": None}], "probabilities": False},
}
TEXT = {
    "input": {"kind": "text", "columns": [{"name": "text", "type": "string", "dtype": "object"}]},
    "output": MATRIX["output"],
}


def tensors(**changes):
    """Two rows of FLIGHTS as inputs; a change replaces a tensor, or with None leaves it out."""
    inputs = {
        "distance": {"shape": [2, 1], "datatype": "FP64", "data": [200.5, 300.0]},
        "hour": {"shape": [2, 1], "datatype": "INT64", "data": [5, 23]},
        "delay": {"shape": [2], "datatype": "FP32", "data": [0.5, -1]},
        "seats": {"shape": [2, 1], "datatype": "UINT8", "data": [[100], [180]]},
        "night": {"shape": [2, 1], "datatype": "BOOL", "data": [True, False]},
        "origin": {"shape": [2, 1], "datatype": "BYTES", "data": ["JFK", "Zürich"]},
        "leaves": {
            "shape": [2, 1],
            "datatype": "BYTES",
            "data": ["2026-11-20T10:15:00", "2026-11-20T23:00:00"],
        },
    } | changes
    return [{"name": name} | tensor for name, tensor in inputs.items() if tensor is not None]


def texts(*values):
    """The binary form of BYTES."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def call_of(document, binary=None, **more):
    """A call of a request; with binary data after the JSON, when there is any."""
    header = document if isinstance(document, bytes) else json.dumps(document).encode()
    length = 0 if binary is None else len(header)
    return Call(header + (binary or b""), "p1", dialect="v2", header_length=length, **more)


def read(document, binary=None, schema=FLIGHTS, limits=None, extra="warn", **more):
    """The rows of a request."""
    validator = compile_validator(schema, limits, extra)
    return dialect("v2").read(validator, call_of(document, binary, **more))


def columns(request):
    """The values of a request by column."""
    return {name: values.tolist() for name, values in request.batch.columns.items()}


@pytest.fixture(scope="session")
def v2():
    """What the tests of this folder share."""
    return SimpleNamespace(
        FLIGHTS=FLIGHTS,
        MATRIX=MATRIX,
        TEXT=TEXT,
        tensors=tensors,
        texts=texts,
        call_of=call_of,
        read=read,
        validator=compile_validator,
        columns=columns,
        spoken=dialect("v2"),
    )


class Doors:
    """An event loop in a thread, and the doors that it serves."""

    def __init__(self):
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._folder = tempfile.TemporaryDirectory()
        self._open = []

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def open(self, gate, port=0, **more):
        path = f"{self._folder.name}/{len(self._open)}.sock"
        listener = shared_socket("127.0.0.1", port)
        door = GrpcDoor(gate, listener, path, body_bytes=BODY_BYTES, **more)
        door.port = listener.getsockname()[1]
        self.run(door.start())
        self._open.append(door)
        return door

    def close(self):
        for door in self._open:
            self.run(door.stop(1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
        self._folder.cleanup()


@pytest.fixture(scope="session")
def doors():
    """Open doors for gRPC."""
    doors = Doors()
    yield doors
    doors.close()


@pytest.fixture(scope="session")
def variant(delays_package):
    """The model of `delays`, loaded."""
    return LocalVariant(0, load(delays_package))


@pytest.fixture(scope="session")
def gate_of(variant):
    """Make a gate, its router changed as said."""

    def make(doorkeeper=None, **router):
        changed = replace(SingleRouter(variant), **router)
        return Gate(changed, Meter(None, variant.contract.model), doorkeeper=doorkeeper)

    return make


@pytest.fixture(scope="session")
def door(doors, gate_of):
    """A door for gRPC, and the model of `delays` behind it."""
    return doors.open(gate_of())
