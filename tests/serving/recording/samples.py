"""Contracts of several kinds, entries, and what is in the files afterwards."""

from __future__ import annotations

import pyarrow as pa

from mlops_jupyter.capture.files import captured_files, read_batches
from mlops_jupyter.serving.options import Options
from mlops_jupyter.serving.recording.entries import Entries
from mlops_jupyter.serving.recording.layout import make_layout
from mlops_jupyter.serving.recording.messages import Laid, MessageWriter
from mlops_jupyter.serving.recording.slabs import make_slabs
from mlops_jupyter.serving.recording.streams import StreamFiles
from mlops_jupyter.serving.router import Contract

TIME = 1_790_000_000_123_456_789
DIGEST = "0123456789abcdef" * 4
ABOUT = {"model": "delays", "version": "1.2.0", "digest": "d"}


def column(name, type_="double", dtype=None):
    dtypes = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
    return {"name": name, "type": type_, "dtype": dtype or dtypes.get(type_, "object"), "nullable": True}


def output(name="late", type_="long", classes=(0, 1)):
    return {"name": name, "type": type_, "classes": None if classes is None else list(classes)}


def contract(columns, outputs=None, *, probabilities=True, kind="columns"):
    outputs = [output()] if outputs is None else outputs
    return Contract(
        "delays",
        {
            "schema_version": 1,
            "input": {"kind": kind, "columns": columns},
            "output": {"task": "classification", "outputs": outputs, "probabilities": probabilities},
        },
        {},
    )


def entry(rows, labels=None, tables=None, *, id_="p0", unit="", role="stable", status=200, error=""):
    return (TIME, id_, unit, role, status, 0.0025, rows, labels, tables, error)


def as_batch(batch, schema, offset=0):
    """Return a record batch, of what is only laid out what a reader of its message finds."""
    if isinstance(batch, Laid):
        message = bytes(MessageWriter(schema).write(batch, offset))
        return pa.ipc.read_record_batch(pa.py_buffer(message), schema)
    return batch


def captured(deployment):
    """Return all that a deployment captured, as one table."""
    batches = [batch for file in captured_files(deployment) for batch in read_batches(file.path)]
    for batch in batches:
        batch.validate(full=True)
    return pa.Table.from_batches(batches) if batches else None


class Writing:
    """What the thread of a journal has, by hand; with slabs or as if there were none."""

    def __init__(self, folder, of, *, slabs=True, **options):
        self.folder, self.of, self.layout = folder, of, make_layout(of, Options(**options))
        self.slabs = make_slabs(of, self.layout) if slabs else None
        self.entries = Entries(self.layout, ABOUT, None, self.slabs)
        self.files = StreamFiles(folder / "capture" / "1.2.0-0123", "w", self.entries.schema)

    def write(self, entries):
        for batch in self.entries.batches(entries):
            self.files.append(batch)

    def write_slabs(self):
        while self.slabs is not None and (filled := self.slabs.take()) is not None:
            self.write([filled])

    def read(self):
        self.files.close()
        return captured(self.folder).to_pylist()
