"""The answer to a V2 request: the outputs of a model as tensors, in JSON or after it.

A model with one output answers ``predict`` and, where it gives probabilities, ``predict_proba``, the classes
in the order that its parameter ``classes`` tells. With several outputs each has its own: ``predict:NAME``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..answers import labels_of
from ..call import Outcome
from ..problems import InvalidRequest, nearest, shortened_name
from ..runtimes.prediction import gives_probabilities
from .v2_binary import as_bytes
from .v2_request import parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..call import Answered
    from .v2_request import Wanted

BINARY = b"application/octet-stream"
HEADER_LENGTH = b"inference-header-content-length"
_DATATYPES = {"boolean": "BOOL", "integer": "INT64", "long": "INT64", "float": "FP64", "double": "FP64"}


@dataclass(frozen=True)
class OutputTensor:
    """One tensor that a model answers with.

    Parameters
    ----------
    name, datatype : str
        As V2 has them.
    output : int
        Which output of the model.
    classes : list or None
        What its columns are, when it has probabilities; None when it has labels or values.
    """

    name: str
    datatype: str
    output: int
    classes: list[Any] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What is told of it: how MLServer's clients decode it, and what the columns are."""
        if self.classes is not None:
            return {"content_type": "np", "classes": orjson.dumps(self.classes).decode()}
        return {"content_type": "str" if self.datatype == "BYTES" else "np"}

    def shape(self, rows: int) -> list[int]:
        """Return its shape for so many rows; -1 for any number."""
        return [rows] if self.classes is None else [rows, len(self.classes)]

    def values(self, answered: Answered) -> NDArray[Any]:
        """Return its values."""
        if self.classes is not None:
            assert answered.prediction.probabilities is not None
            return np.asarray(answered.prediction.probabilities[self.output])
        return labels_of(answered, self.output)


def output_tensors(schema: Mapping[str, Any]) -> dict[str, OutputTensor]:
    """Return the tensors that a model answers with, by name.

    Examples
    --------
    >>> late = {"name": "late", "type": "long", "classes": [0, 1]}
    >>> list(output_tensors({"output": {"outputs": [late], "probabilities": True}}))
    ['predict', 'predict_proba']
    """
    outputs = schema["output"]["outputs"]
    named = len(outputs) > 1
    tensors = []
    for position, output in enumerate(outputs):
        suffix = f":{output['name']}" if named else ""
        datatype = _DATATYPES.get(output["type"], "BYTES")
        tensors.append(OutputTensor(f"predict{suffix}", datatype, position))
        if gives_probabilities(schema):  # type: ignore[arg-type]
            tensors.append(OutputTensor(f"predict_proba{suffix}", "FP64", position, output["classes"]))
    return {tensor.name: tensor for tensor in tensors}


def write_answer(answered: Answered, wanted: Wanted) -> Outcome:
    """Return the answer.

    Raises
    ------
    InvalidRequest
        400 when an output is wanted that the model does not have.
    """
    document: dict[str, Any] = {
        "model_name": answered.contract.model,
        "model_version": answered.version,
        "parameters": _about(answered),
        "outputs": [],
    }
    if wanted.id is not None:
        document["id"] = wanted.id
    chunks: list[bytes] = []
    for tensor, binary in _chosen(output_tensors(answered.contract.schema), wanted):
        document["outputs"].append(_written(tensor, answered, chunks if binary else None))
    body = orjson.dumps(document)
    if not chunks:
        return Outcome(200, body)
    length = (HEADER_LENGTH, str(len(body)).encode())
    return Outcome(200, b"".join([body, *chunks]), BINARY, (length,))


def _about(answered: Answered) -> dict[str, Any]:
    """Return what is told of the whole answer; a parameter is a text, a number or a boolean."""
    call = answered.call
    about = {"variant": call.role, "prediction_id": call.prediction_id}
    warnings = answered.request.warnings + answered.answer.warnings
    if warnings:
        about["warnings"] = orjson.dumps(warnings).decode()
    return about


def _chosen(tensors: dict[str, OutputTensor], wanted: Wanted) -> list[tuple[OutputTensor, bool]]:
    """Return the tensors to send, and whether each as bytes."""
    usually = bool(parameter(wanted.parameters, "binary_data_output"))
    if not wanted.outputs:
        return [(tensor, usually) for tensor in tensors.values()]
    chosen = []
    for output in wanted.outputs:
        if output.name not in tensors:
            raise _unknown(output.name, tensors)
        binary = parameter(output.parameters, "binary_data")
        chosen.append((tensors[output.name], usually if binary is None else bool(binary)))
    return chosen


def _unknown(name: str, tensors: dict[str, OutputTensor]) -> InvalidRequest:
    meant = nearest(name, tensors) or f"; it has {', '.join(tensors)}"
    return InvalidRequest(400, f"output {shortened_name(name)} is not one of this model{meant}")


def _written(tensor: OutputTensor, answered: Answered, chunks: list[bytes] | None) -> dict[str, Any]:
    """Return one of ``outputs``, with its values or with their size, and they in `chunks`."""
    values = tensor.values(answered)
    entry: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape(len(values)),
        "parameters": tensor.parameters,
    }
    if chunks is None:
        entry["data"] = _plain(values, tensor.datatype)
        return entry
    data = as_bytes(values, tensor.datatype)
    chunks.append(data)
    entry["parameters"]["binary_data_size"] = len(data)
    return entry


def _plain(values: NDArray[Any], datatype: str) -> list[Any]:
    """Return values as JSON has them; orjson writes null for what is not finite."""
    plain: list[Any] = values.ravel().tolist()
    if datatype != "BYTES":
        return plain
    return [value if value is None else str(value) for value in plain]
